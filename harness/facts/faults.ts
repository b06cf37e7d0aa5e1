/**
 * The faults that a scenario may name, where each can be injected, and in one sentence what it does. Data, so that the plan can refuse
 * what the target lacks before anything boots; what each does stands in harness/agent/faults/.
 */
import type { TargetKind } from './plan.js';

export interface FaultDescription {
  readonly what: string;
  /** How one sees that it took effect, in words; the same sentence stands in the events. */
  readonly proof: string;
  readonly targets: readonly TargetKind[];
}

const BOTH: readonly TargetKind[] = ['vm', 'host'];

export const FAULTS = {
  'subject-killed': { what: 'SIGKILL, as the OOM killer sends it', proof: 'the process is gone', targets: BOTH },
  'subject-stopped': { what: 'SIGSTOP for a while, as a debugger or a freezer does', proof: 'every thread is in state T', targets: BOTH },
  'fds-exhausted': {
    what: 'the limit of open files drops to what is open',
    proof: 'open files have reached the limit, so that every open(2) answers EMFILE',
    targets: BOTH,
  },
  'memory-exhausted': {
    what: 'the memory limit of its cgroup drops below what it uses',
    proof: 'the kernel counts an OOM kill in its cgroup',
    targets: BOTH,
  },
  'cpu-starved': { what: 'a cgroup quota of 5 % of a core', proof: 'the kernel counts throttled periods', targets: BOTH },
  'clock-stepped': {
    what: 'the wall clock jumps ahead by ten minutes and back',
    proof: 'wall and monotonic clock differ',
    targets: ['vm'],
  },
} as const satisfies Readonly<Record<string, FaultDescription>>;

export type FaultName = keyof typeof FAULTS;
