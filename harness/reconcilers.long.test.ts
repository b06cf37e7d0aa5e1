/** The reconcilers under soak: green as they are, and red with each of the faults that made them necessary. */
import { describe, expect } from 'vitest';
import { mutantFile } from './mutants.js';
import { RECONCILER_DURATION, RECONCILER_MUTANTS } from './reconciler-mutants.js';
import { it } from './soak.test-support.js';

describe('netsoakd', () => {
  it.for([
    ['route-loss', 'host', '60s'],
    ['route-loss', 'vm', '60s'],
    ['interface-drift', 'host', '60s'],
    ['interface-drift', 'vm', '60s'],
    ['tc-leak', 'vm', '40s'],
  ] as const)('holds in %s on target %s', async ([scenario, target, duration], { runs }) => {
    const { code, stderr } = await runs.run('run', scenario, '--target', target, '--duration', duration, '--seed', '1');
    expect(code, stderr).toBe(0);
  });
});

describe('a planted fault', () => {
  it.for(RECONCILER_MUTANTS)('$name turns $scenario red by $caughtBy', async ({ name, scenario, target, set, caughtBy }, { runs }) => {
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
