import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { healthyRun } from './fake-run.test-support.js';
import { judgeRun, loadRun } from './load-run.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'netsoak-run-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const run = healthyRun();
const lines = (facts: readonly object[]): string => facts.map((fact) => `${JSON.stringify(fact)}\n`).join('');

function write(events = lines(run.events), series = lines(run.series)): void {
  writeFileSync(join(directory, 'plan.json'), JSON.stringify(run.plan));
  writeFileSync(join(directory, 'events.ndjson'), events);
  writeFileSync(join(directory, 'series.ndjson'), series);
}

test('reads back what was stored', () => {
  write();
  expect(loadRun(directory)).toEqual(run);
});

test('a line torn by a kill is left out, counted and said in the verdict', () => {
  write(lines(run.events).slice(0, -5), `${lines(run.series.slice(0, 9))}\n{"at":1,"v":{"subject.thr`);
  const loaded = loadRun(directory);
  expect(loaded.events).toHaveLength(run.events.length - 1);
  expect(loaded.series).toHaveLength(9);
  expect(judgeRun(loaded).warnings).toEqual(
    expect.arrayContaining(['events.ndjson: 1 torn line left out', 'series.ndjson: 1 torn line left out']),
  );
});

test('lines that are whole but no facts are left out too', () => {
  write('null\n[]\n7\n{"at":"x","kind":"note"}\n{"at":1}\n', '{"at":1}\n{"at":2,"v":[]}\n');
  const loaded = loadRun(directory);
  expect(loaded.events).toEqual([]);
  expect(loaded.warnings).toEqual(['events.ndjson: 5 torn lines left out', 'series.ndjson: 2 torn lines left out']);
  expect(judgeRun(loaded).verdict).toBe('partial');
});

test('a run that died before its first fact has a verdict', () => {
  writeFileSync(join(directory, 'plan.json'), JSON.stringify(run.plan));
  expect(judgeRun(loadRun(directory))).toMatchObject({
    verdict: 'partial',
    warnings: ['events.ndjson could not be read', 'series.ndjson could not be read'],
  });
});

test('a directory without a plan is named, with a cure', () => {
  expect(() => loadRun(directory)).toThrow(/is no run directory: it has no readable plan\.json$/);
  writeFileSync(join(directory, 'plan.json'), '{"schema":');
  expect(() => loadRun(directory)).toThrow(/plan\.json is not whole/);
  writeFileSync(join(directory, 'plan.json'), '{"schema":9}');
  expect(() => loadRun(directory)).toThrow(/no plan of schema 1$/);
});
