/**
 * Faults planted in the reconcilers, with the scenario that each turns red and the target that it takes. They are faults of JavaScript,
 * so no second build of the addon carries them: a file that the subject is made to load first takes hold of its classes
 * (harness/subjects/mutants/plant.mjs), and the program itself has none of them.
 */
import type { TargetKind } from './facts/plan.js';
import type { Mutant } from './mutants.js';

export interface ReconcilerMutant extends Mutant {
  readonly scenario: string;
  /** tc needs modules that only the microVM's kernel has for certain. */
  readonly target: TargetKind;
  /** `key=value` for `--set`. */
  readonly set: readonly string[];
}

/** Each scenario plants all of its faults once, however short it is. */
export const RECONCILER_DURATION = '20s';

/** Of the leak as much as shows the fault: what the whole of it costs is for the real subject to show. */
const SMALL_LEAK = ['pairs=100', 'tcPairs=2', 'sweeps=1', 'turns=1'];

const outcomes = (scenario: string, target: TargetKind, names: readonly string[], set: readonly string[] = []): ReconcilerMutant[] =>
  names.map((name) => ({ name, scenario, target, set, caughtBy: ['outcomes'] }));

export const RECONCILER_MUTANTS: readonly ReconcilerMutant[] = [
  ...outcomes('route-loss', 'host', ['events-only', 'swallowed-enobufs', 'replace-for-create', 'delete-before-forget', 'dead-kill-switch']),
  ...outcomes('interface-drift', 'host', ['deaf-after-overflow', 'dead-kill-switch']),
  ...outcomes('tc-leak', 'vm', ['events-only', 'delete-by-hash', 'no-second-look', 'dead-kill-switch'], SMALL_LEAK),
];
