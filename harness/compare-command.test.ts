import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fakeComparison } from '../reports/compare.test-support.js';
import { BenchStore } from './bench/store.js';
import { compareCommand } from './compare-command.js';
import { healthyRun, redRun } from './verdict/fake-run.test-support.js';
import type { StoredRun } from './verdict/load-run.js';

let project: string;
let store: BenchStore;

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'netsoak-compare-command-'));
  store = new BenchStore(join(project, 'reports/runs/bench'));
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(project, { recursive: true });
});

function keepRun(name: string, { plan, events, series }: StoredRun): void {
  const directory = join(project, 'reports/runs', name);
  mkdirSync(directory, { recursive: true });
  const lines = (facts: readonly object[]): string => facts.map((fact) => `${JSON.stringify(fact)}\n`).join('');
  writeFileSync(join(directory, 'plan.json'), JSON.stringify(plan));
  writeFileSync(join(directory, 'events.ndjson'), lines(events));
  writeFileSync(join(directory, 'series.ndjson'), lines(series));
}

const compare = (a: string, b: string): Promise<number> => compareCommand([a, b], { out: join(project, 'not/yet/out.html') }, project);
const written = (file: string): string => readFileSync(join(project, 'not/yet', file), 'utf8');

test('two baselines by name: page and Markdown, with what their being taken apart means', async () => {
  const { old, new: now } = fakeComparison({ 3: 1.2 });
  store.saveBaseline('before', old);
  store.saveBaseline('after', now);
  expect(await compare('before', 'after')).toBe(0);
  expect(written('out.html')).toContain('baseline before');
  expect(written('out.html')).toContain('measured at different times');
  expect(written('out.md')).toMatch(/^\*\*UNCONFIRMED\*\*: native\/decode: row 3/);
});

test('two revisions: as they were measured in turn, if they were; else as they were measured apart', async () => {
  const git = (...args: string[]) => execFileSync('git', ['-C', project, ...args], { encoding: 'utf8' }).trim();
  git('init', '--quiet');
  for (const _ of [1, 2]) git('-c', 'user.name=t', '-c', 'user.email=t@example.org', 'commit', '--quiet', '--allow-empty', '-m', 'x');
  const [before, after] = ['HEAD~1', 'HEAD'].map((ref) => git('rev-parse', '--short=12', ref)) as [string, string];
  const { old, new: now, ...comparison } = fakeComparison({ 3: 1.2 });
  await expect(compare('HEAD~1', 'HEAD')).rejects.toMatchObject({
    code: 'not-measured',
    hint: expect.stringContaining('--against HEAD~1'),
  });
  store.keepResult({ ...old, revision: before });
  store.keepResult({ ...now, revision: `${after}-dirty` });
  await expect(compare('HEAD~1', 'HEAD')).rejects.toMatchObject({ code: 'not-measured', hint: expect.stringContaining('--against HEAD') });
  store.keepResult({ ...now, revision: after });
  await compare('HEAD~1', 'HEAD');
  expect(written('out.md')).toMatch(/^\*\*UNCONFIRMED\*\*.*measured at different times/s);
  store.addComparison({ ...comparison, old: { ...old, revision: before }, new: { ...now, revision: after } });
  await compare('HEAD~1', 'HEAD');
  expect(written('out.md')).toMatch(/^\*\*REGRESSION\*\*.*\| HEAD~1 \| HEAD \|/s);
  expect(written('out.md')).not.toContain('different times');
});

test('two measurements on different hosts are laid side by side and not judged', async () => {
  const { old, new: now } = fakeComparison({ 3: 1.2 });
  store.saveBaseline('before', old);
  store.saveBaseline('after', { ...now, host: { ...now.host, kernel: '6.12' } });
  await compare('before', 'after');
  expect(written('out.md')).toMatch(/^\*\*OTHER HOST\*\*: Not comparable: kernel 6.1.0 -> 6.12/);
});

test('two runs by name', async () => {
  keepRun('green', healthyRun());
  keepRun('red', redRun());
  expect(await compare('green', 'red')).toBe(0);
  expect(written('out.html')).toContain('>WORSE<');
  expect(written('out.md')).toContain('| threads | pass:');
});

test('more than two runs stand side by side, each with its kernel', async () => {
  const green = healthyRun();
  const on = (release: string): StoredRun => ({
    ...green,
    plan: { ...green.plan, id: release, kernel: { word: release, release, origin: `x ${release}` } },
  });
  keepRun('old', on('5.10.0'));
  keepRun('new', on('6.12.0'));
  keepRun('red', redRun());
  expect(await compareCommand(['old', 'new', 'red'], { out: join(project, 'not/yet/out.html') }, project)).toBe(0);
  const lines = written('out.md').split('\n');
  expect(lines[0]).toMatch(/^\*\*FAIL\*\*: .*: fail, /);
  expect(lines.find((line) => line.startsWith('| verdict |'))).toBe('| verdict | pass | pass | fail |');
  expect(lines.filter((line) => line.startsWith('|  | 5.10.0 | 6.12.0 | '))).toHaveLength(1);
  expect(lines.find((line) => line.startsWith('| threads |'))).toMatch(/pass: .*pass: .*fail: /);
  expect(lines.find((line) => line.startsWith('| Threads of the subject'))).toMatch(/\d/);
  expect(written('out.html')).toContain('<th scope="col">6.12.0</th>');
});

test('a run and a measurement, or a name that nothing has, are refused with a cure', async () => {
  keepRun('green', healthyRun());
  store.saveBaseline('main', fakeComparison({}).old);
  await expect(compare('green', 'main')).rejects.toMatchObject({ owner: 'user', code: 'two-kinds' });
  await expect(compare('main', 'mian')).rejects.toMatchObject({ owner: 'user', code: 'nothing-to-compare' });
});
