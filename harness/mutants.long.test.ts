/** Every planted fault, on target `host`, with the bounds of the real subject: the matrix of the harness's own worth. */
import { describe, expect } from 'vitest';
import { MUTANTS, mutantFile } from './mutants.js';
import { it } from './soak.test-support.js';

const ARGS = ['--target', 'host', '--duration', '30s', '--set', 'namespaces=60', '--set', 'flushRows=200', '--seed', '2'];

describe('a planted fault', () => {
  it.for(MUTANTS)('$name fails by $caughtBy', async ({ name, caughtBy }, { runs }) => {
    const { code, stderr } = await runs.run('run', ...ARGS, '--subject', mutantFile(name));
    expect(code, stderr).toBe(1);
    const failed = runs
      .verdict()
      .invariants.filter((i) => i.verdict === 'fail')
      .map((i) => i.name);
    expect(failed.filter((invariant) => caughtBy.includes(invariant))).not.toEqual([]);
  });
});
