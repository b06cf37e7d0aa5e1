/** What each fault of the plan does here, inside the target. */
import type { FaultName } from '../../facts/faults.js';
import { clockStepped } from './clock.js';
import type { Fault } from './phases.js';
import { cpuStarved, fdsExhausted, memoryExhausted, type Patient, subjectKilled, subjectStopped } from './subject.js';

export const MAKE: Readonly<Record<FaultName, (patient: Patient) => Fault>> = {
  'clock-stepped': clockStepped,
  'cpu-starved': cpuStarved,
  'fds-exhausted': fdsExhausted,
  'memory-exhausted': memoryExhausted,
  'subject-killed': subjectKilled,
  'subject-stopped': subjectStopped,
};
