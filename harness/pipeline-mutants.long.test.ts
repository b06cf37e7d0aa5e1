/** Every fault planted in the pipeline, on target `host`: red by the book that it spoils, while the real subject survives the same. */
import { describe, expect } from 'vitest';
import { mutantFile } from './mutants.js';
import { PIPELINE_DURATION, PIPELINE_MUTANTS, PIPELINE_SCENARIO } from './pipeline-mutants.js';
import { it } from './soak.test-support.js';

const words = (set: readonly string[]): string[] => [
  PIPELINE_SCENARIO,
  ...['--target', 'host', '--duration', PIPELINE_DURATION, '--seed', '4'],
  ...set.flatMap((setting) => ['--set', setting]),
];

describe.each(PIPELINE_MUTANTS)('$name', ({ name, set, caughtBy }) => {
  it('fails by its book', async ({ runs }) => {
    const { code, stderr } = await runs.run('run', ...words(set), '--subject', mutantFile(name));
    expect(code, stderr).toBe(1);
    expect(
      runs.failed().filter((invariant) => caughtBy.includes(invariant)),
      stderr,
    ).not.toEqual([]);
  });

  it('is not what the real subject does', async ({ runs }) => {
    const { stderr } = await runs.run('run', ...words(set));
    expect(
      runs.failed().filter((invariant) => caughtBy.includes(invariant)),
      stderr,
    ).toEqual([]);
  });
});
