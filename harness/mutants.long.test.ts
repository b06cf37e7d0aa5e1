/** Every planted fault, on target `host`, with the bounds of the real subject: the matrix of the harness's own worth. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MUTANTS, mutantFile } from './mutants.js';
import { Runs } from './soak.test-support.js';

const ARGS = ['--target', 'host', '--duration', '30s', '--set', 'namespaces=60', '--set', 'flushRows=200', '--seed', '2'];

let runs: Runs;
beforeEach(() => {
  runs = new Runs();
});
afterEach(async () => {
  await expect.poll(() => runs.traces(), { timeout: 10_000 }).toEqual([]);
  runs.remove();
});

describe('a planted fault', () => {
  it.each(MUTANTS)('$name fails by $caughtBy', async ({ name, caughtBy }) => {
    const { code, stderr } = await runs.run('run', ...ARGS, '--subject', mutantFile(name));
    expect(code, stderr).toBe(1);
    const failed = runs
      .verdict()
      .invariants.filter((i) => i.verdict === 'fail')
      .map((i) => i.name);
    expect(failed.filter((invariant) => caughtBy.includes(invariant))).not.toEqual([]);
  });
});
