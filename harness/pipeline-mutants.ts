/**
 * Faults planted in what stands between the reader and the far end, with the run of scenario `pipeline` that each turns red. They are faults of
 * JavaScript: a file that the subject is made to load first takes hold of its classes, and the program itself has none of them.
 */
import type { Mutant } from './mutants.js';

export const PIPELINE_SCENARIO = 'pipeline';

/** The broker is away for a third of it, and the spool fills. */
export const PIPELINE_DURATION = '60s';

export interface PipelineMutant extends Mutant {
  /** `key=value` for `--set`: what is broken on purpose, which the real subject survives. */
  readonly set: readonly string[];
}

const SMALL = ['namespaces=30', 'connections=6', 'flushRows=100', 'interval=1000', 'pause=10', 'containers=1', 'faultSeconds=20'];

export const PIPELINE_MUTANTS: readonly PipelineMutant[] = [
  { name: 'spool-loses-tail', set: [...SMALL, 'fault=subject-killed-spooling'], caughtBy: ['books-lost-in-crash'] },
  { name: 'drop-final-rows', set: SMALL, caughtBy: ['books-lost'] },
  { name: 'drop-poll-records', set: SMALL, caughtBy: ['books-lost'] },
];
