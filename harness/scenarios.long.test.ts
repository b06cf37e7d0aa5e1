/** Every scenario that ships, on target `host`: green with the real subject, red where its own fault is planted. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mutantFile } from './mutants.js';
import { Runs } from './soak.test-support.js';

let runs: Runs;
beforeEach(() => {
  runs = new Runs();
});
afterEach(async () => {
  await expect.poll(() => runs.traces(), { timeout: 20_000 }).toEqual([]);
  runs.remove();
});

describe('netsoakd', () => {
  it.each([
    ['thread-law', '80s'],
    ['many-sockets', '30s'],
    ['restart-storm', '40s'],
    ['kernel-limits', '40s'],
    ['short-lived', '30s'],
    ['rough-host', '30s'],
    ['container-fanout', '30s'],
  ])('holds in %s', async (scenario, duration) => {
    const { code, stderr } = await runs.run('run', scenario, '--target', 'host', '--duration', duration);
    expect(code, stderr).toBe(0);
  });
});

describe('a planted fault', () => {
  it.each([
    ['thread-law', 'thread-leak', 'thread-law', ['--set', 'namespaces=200']],
    ['thread-law', 'blocking-readers', 'thread-law', ['--set', 'namespaces=200']],
    ['many-sockets', 'drop-one-in-10000', 'completeness', []],
    ['restart-storm', 'crash', 'restarts', []],
    ['kernel-limits', 'frozen-reader', 'completeness', []],
  ])('in %s: %s fails by %s', async (scenario, mutant, invariant, settings) => {
    await runs.run('run', scenario, '--target', 'host', '--duration', '40s', '--subject', mutantFile(mutant), ...settings);
    expect(runs.failed()).toContain(invariant);
  });
});
