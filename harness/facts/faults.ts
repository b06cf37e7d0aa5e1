/**
 * The faults that a scenario may name, where each can be injected, and in one sentence what it does. Data, so that the plan can refuse
 * what the target lacks before anything boots; what each does stands in harness/agent/faults/, and in harness/pipeline/faults.ts for those
 * of services. A scenario does not know where a fault is run.
 */
import type { ServiceName, TargetKind } from './plan.js';

export interface FaultDescription {
  readonly what: string;
  /** How one sees that it took effect, in words; the same sentence stands in the events. */
  readonly proof: string;
  readonly targets: readonly TargetKind[];
  /** It breaks what runs beside the target, so that the conductor runs it; only for services that the run started itself. */
  readonly service?: ServiceName;
  /** It happens to the target itself, so that the conductor runs it. */
  readonly outside?: true;
}

const BOTH = ['vm', 'host'] as const satisfies readonly TargetKind[];

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
  'subject-killed-spooling': {
    what: 'SIGKILL while rows wait in its spool for a far end that is not there',
    proof: 'records are in the spool, and the process is gone',
    targets: BOTH,
  },
  'spool-corrupted': {
    what: 'one byte of one record in its spool is another one, as a bad disk has it',
    proof: 'the file says so',
    targets: BOTH,
  },
  'broker-stopped': {
    what: 'the broker is killed, and is not there for a while',
    proof: 'nobody listens at its address',
    targets: BOTH,
    service: 'kafka',
  },
  'broker-disk-full': {
    what: 'the disk of the broker is full for a while; the broker ends for it and is started again afterwards',
    proof: 'no byte is free, and the broker has ended',
    targets: BOTH,
    service: 'kafka',
  },
  'broker-slow': {
    what: 'the broker works for a tenth of each second',
    proof: 'the time that it takes to answer',
    targets: BOTH,
    service: 'kafka',
  },
  'leader-killed': {
    what: 'of three brokers the one that leads the partition with the most messages is killed',
    proof: 'another one leads it',
    targets: BOTH,
    service: 'kafka',
  },
  'clickhouse-stopped': {
    what: 'the database is killed, and is not there for a while',
    proof: 'nobody listens at its address',
    targets: BOTH,
    service: 'clickhouse',
  },
  'consumer-stalled': {
    what: 'the database reads nothing for a while (SIGSTOP)',
    proof: 'every thread is in state T, and messages wait for it',
    targets: BOTH,
    service: 'clickhouse',
  },
  'disk-full': {
    what: 'the file system of /run/netsoak-disk, where a scenario lets the subject write, has no byte left',
    proof: 'a write of one page answers ENOSPC',
    targets: BOTH,
  },
  'namespaces-dying': {
    what: 'namespaces lose their name, and with it their life, while a thread of the subject is in them',
    proof: 'threads of the subject were seen in namespaces that have no name any more',
    targets: BOTH,
  },
  'network-poor': {
    // A machine's own kernel may have no netem; the guest's has.
    what: 'the loopback interface loses a fifth of all packets and delays the others by 100 ms',
    proof: 'the kernel counts packets that netem dropped',
    targets: ['vm'],
  },
  'vm-paused': {
    what: 'the whole machine stands still, as at a live migration',
    proof: 'QEMU says that it is paused, and the agent is silent',
    targets: ['vm'],
    outside: true,
  },
} as const satisfies Readonly<Record<string, FaultDescription>>;

export type FaultName = keyof typeof FAULTS;
/** Those of services, which the conductor runs. */
export type ServiceFaultName = { [K in FaultName]: (typeof FAULTS)[K] extends { service: ServiceName } ? K : never }[FaultName];
/** All that the conductor runs. */
export type OutsideFaultName = ServiceFaultName | { [K in FaultName]: (typeof FAULTS)[K] extends { outside: true } ? K : never }[FaultName];
