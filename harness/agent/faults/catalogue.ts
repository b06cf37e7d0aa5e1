/** What each fault of the plan does here, inside the target; those of what is outside are the conductor's. */
import type { FaultName, OutsideFaultName } from '../../facts/faults.js';
import { clockStepped } from './clock.js';
import { diskFull } from './disk.js';
import { namespacesDying } from './namespaces.js';
import { networkPoor } from './network.js';
import type { Fault } from './phases.js';
import { spoolCorrupted, subjectKilledSpooling } from './spool.js';
import { cpuStarved, fdsExhausted, memoryExhausted, type Patient, subjectKilled, subjectStopped } from './subject.js';

export const MAKE: Readonly<Record<Exclude<FaultName, OutsideFaultName>, (patient: Patient) => Fault>> = {
  'clock-stepped': clockStepped,
  'cpu-starved': cpuStarved,
  'disk-full': diskFull,
  'fds-exhausted': fdsExhausted,
  'memory-exhausted': memoryExhausted,
  'namespaces-dying': namespacesDying,
  'network-poor': networkPoor,
  'spool-corrupted': spoolCorrupted,
  'subject-killed': subjectKilled,
  'subject-killed-spooling': subjectKilledSpooling,
  'subject-stopped': subjectStopped,
};
