/** What each fault of the plan does here, inside the target. */
import type { FaultName, ServiceFaultName } from '../../facts/faults.js';
import { clockStepped } from './clock.js';
import type { Fault } from './phases.js';
import { spoolCorrupted, subjectKilledSpooling } from './spool.js';
import { cpuStarved, fdsExhausted, memoryExhausted, type Patient, subjectKilled, subjectStopped } from './subject.js';

export const MAKE: Readonly<Record<Exclude<FaultName, ServiceFaultName>, (patient: Patient) => Fault>> = {
  'clock-stepped': clockStepped,
  'cpu-starved': cpuStarved,
  'fds-exhausted': fdsExhausted,
  'memory-exhausted': memoryExhausted,
  'spool-corrupted': spoolCorrupted,
  'subject-killed': subjectKilled,
  'subject-killed-spooling': subjectKilledSpooling,
  'subject-stopped': subjectStopped,
};
