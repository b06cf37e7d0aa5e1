import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Host, hostDifferences } from './host.js';
import type { BenchResult } from './result.js';
import { BenchStore } from './store.js';

const HOST: Host = { cpu: 'a', cores: 2, arch: 'x64', kernel: '6.1', node: 'v20' };
let folder: string;
let store: BenchStore;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'netsoak-bench-store-'));
  store = new BenchStore(folder);
});
afterEach(() => rmSync(folder, { recursive: true }));

function result(at: string, level: number, more: Partial<BenchResult> = {}): BenchResult {
  const rows = [{ suite: 's', name: 'a', per: 'call', metrics: { time: [level, level, level + 1], alloc: [7] } }];
  return { kind: 'bench-result', schema: 1, at, label: 'working tree', revision: `rev${level}`, host: HOST, rows, warnings: [], ...more };
}

test('the history keeps medians of what is judged, in order, for hosts that are equal', () => {
  store.addResult(result('2026-01-01T00:00:00Z', 10));
  store.addResult(result('2026-01-02T00:00:00Z', 20, { host: { ...HOST, kernel: '6.12' } }));
  store.addResult(result('2026-01-03T00:00:00Z', 30));
  expect(store.history(HOST).map(({ revision, medians }) => [revision, medians])).toEqual([
    ['rev10', { 's: a / time': 10 }],
    ['rev30', { 's: a / time': 30 }],
  ]);
});

test('a line of the history that was cut short is passed over', () => {
  store.addResult(result('2026-01-01T00:00:00Z', 10));
  appendFileSync(join(folder, 'history.ndjson'), '{"at":"2026-');
  store.addResult(result('2026-01-03T00:00:00Z', 30));
  expect(store.history(HOST)).toHaveLength(2);
});

test('a baseline comes back under its name; one that is not there names those that are', () => {
  store.saveBaseline('main', result('2026-01-01T00:00:00Z', 10));
  expect(store.loadBaseline('main')).toMatchObject({ label: 'baseline main', revision: 'rev10' });
  expect(() => store.loadBaseline('mian')).toThrow(expect.objectContaining({ owner: 'user', hint: 'known: main' }));
  expect(() => store.saveBaseline('../../etc/x', result('', 1))).toThrow('cannot name a baseline');
});

test('noise measured for some rows leaves what is known of the others', () => {
  store.saveNoise({ at: '1', host: HOST, rows: { a: 0.1, b: 0.2 } });
  store.saveNoise({ at: '2', host: HOST, rows: { b: 0.3 } });
  expect(store.noise(HOST)?.rows).toEqual({ a: 0.1, b: 0.3 });
  expect(store.noise({ ...HOST, node: 'v22' })).toBeNull();
});

test('finds the newest measurement of a revision', () => {
  store.addResult(result('2026-01-01T00:00:00Z', 10, { revision: 'abc123', label: 'first' }));
  store.addResult(result('2026-01-02T00:00:00Z', 10, { revision: 'abc123', label: 'second' }));
  expect(store.findRevision('abc123')?.label).toBe('second');
  expect(store.findRevision('fff')).toBeUndefined();
});

test('hosts differ by what is named, and by nothing else', () => {
  expect(hostDifferences(HOST, { ...HOST })).toEqual([]);
  expect(hostDifferences(HOST, { ...HOST, kernel: '6.12', cores: 4 })).toEqual(['cores 2 -> 4', 'kernel 6.1 -> 6.12']);
});
