/** The reconcilers under soak: green as they are, and red with each of the faults that made them necessary. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mutantFile } from './mutants.js';
import { RECONCILER_DURATION, RECONCILER_MUTANTS } from './reconciler-mutants.js';
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
    ['route-loss', 'host', '60s'],
    ['route-loss', 'vm', '60s'],
    ['interface-drift', 'host', '60s'],
    ['interface-drift', 'vm', '60s'],
    ['tc-leak', 'vm', '40s'],
  ])('holds in %s on target %s', async (scenario, target, duration) => {
    const { code, stderr } = await runs.run('run', scenario, '--target', target, '--duration', duration, '--seed', '1');
    expect(code, stderr).toBe(0);
  });
});

describe('a planted fault', () => {
  it.each(RECONCILER_MUTANTS)('$name turns $scenario red by $caughtBy', async ({ name, scenario, target, set, caughtBy }) => {
    const settings = set.flatMap((each) => ['--set', each]);
    await runs.run(
      'run',
      scenario,
      '--target',
      target,
      '--duration',
      RECONCILER_DURATION,
      '--seed',
      '1',
      ...settings,
      '--subject',
      mutantFile(name),
    );
    expect(runs.verdict().verdict).toBe('fail');
    expect(runs.failed().filter((invariant) => caughtBy.includes(invariant))).not.toEqual([]);
  });
});
