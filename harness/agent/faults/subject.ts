/** Faults of the subject as a process: signals, its limits, the resources of its cgroup. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { Cgroup } from '../cgroup.js';
import type { LoadGenerator } from '../load.js';
import { countFds, readStat } from '../procfs.js';
import type { SubjectSupervisor } from '../supervisor.js';
import { type Controller, openController } from './controller.js';
import type { Fault } from './phases.js';

export interface Patient {
  readonly supervisor: SubjectSupervisor;
  readonly cgroup: Cgroup;
  /** Folder of its spool. */
  readonly spool: string;
  /** Stores values of series. */
  readonly sample: (values: Readonly<Record<string, number>>) => void;
  readonly load: Pick<LoadGenerator, 'command'>;
}

export function subjectKilled({ supervisor }: Patient): Fault {
  const victim = supervisor.pid;
  const start = supervisor.start;
  return {
    inject: () => supervisor.kill('SIGKILL'),
    effect: () => (supervisor.pid !== victim ? `pid ${victim} is gone` : undefined),
    recover: () => {},
    recovered: async () => (supervisor.start > start && (await supervisor.isReady()) ? `start ${supervisor.start} is ready` : undefined),
  };
}

export function subjectStopped({ supervisor }: Patient): Fault {
  return {
    inject: () => supervisor.kill('SIGSTOP'),
    effect: () => {
      const states = threadStates(supervisor.pid);
      return states.length > 0 && states.every((state) => state === 'T') ? `${states.length} threads in state T` : undefined;
    },
    recover: () => supervisor.kill('SIGCONT'),
    recovered: async () =>
      !threadStates(supervisor.pid).includes('T') && (await supervisor.isReady()) ? 'it runs and is ready' : undefined,
  };
}

export function fdsExhausted({ supervisor }: Patient): Fault {
  const pid = supervisor.pid ?? 0;
  const [soft, hard] = openFilesLimit(pid);
  return {
    inject: () => setOpenFilesLimit(pid, String(countFds(pid) ?? 0), hard),
    effect: () => {
      const [limit] = openFilesLimit(pid);
      const open = countFds(pid);
      // A limit below the largest descriptor refuses just as well: every new number is at or above it.
      return open !== undefined && limit !== soft && open >= Number(limit) ? `${open} open files, limit ${limit}` : undefined;
    },
    recover: () => setOpenFilesLimit(pid, soft, hard),
    recovered: async () => (openFilesLimit(pid)[0] === soft && (await supervisor.isReady()) ? `limit ${soft}, ready` : undefined),
  };
}

/** The kill is what the fault is for, so the exit that it causes was ordered. */
export function memoryExhausted({ supervisor, cgroup }: Patient): Fault {
  const start = supervisor.start;
  let controller: Controller | undefined;
  let before = 0;
  const kills = (): number =>
    controller?.version === 2
      ? controller.counter('memory.events', 'oom_kill')
      : (controller?.counter('memory.oom_control', 'oom_kill') ?? 0);
  const lift = (): void => controller?.write(limitFile(controller), controller.version === 2 ? 'max' : '-1');
  return {
    inject: () => {
      controller = openController('memory', cgroup);
      before = kills();
      supervisor.expectExit();
      squeeze(controller);
    },
    effect: () => {
      if (kills() === before) return undefined;
      // The next start is not to die of it too: that would be an exit which the plan did not order.
      lift();
      return `${kills() - before} OOM kills`;
    },
    recover: () => {
      lift();
      controller?.close();
      controller = undefined;
    },
    recovered: async () => (supervisor.start > start && (await supervisor.isReady()) ? `start ${supervisor.start} is ready` : undefined),
  };
}

/**
 * Pages that were charged before the processes came under the controller stay where they are (on v2 that is just now, if nobody asked for it before),
 * so what counts is what the subject asks for from here on: less than any daemon's next few moments. One that reuses what it has would get by
 * with megabytes for minutes. v1 refuses a limit below the usage with EBUSY, which with nothing charged yet it need not.
 */
function squeeze(controller: Controller): void {
  controller.write(limitFile(controller), String(64 << 10));
}

function limitFile({ version }: Controller): string {
  return version === 2 ? 'memory.max' : 'memory.limit_in_bytes';
}

const PERIOD_US = 100_000;
const QUOTA_US = 5_000;

export function cpuStarved({ supervisor, cgroup }: Patient): Fault {
  let controller: Controller | undefined;
  const throttled = (): number => controller?.counter('cpu.stat', 'nr_throttled') ?? 0;
  return {
    inject: () => {
      controller = openController('cpu', cgroup);
      if (controller.version === 2) controller.write('cpu.max', `${QUOTA_US} ${PERIOD_US}`);
      else controller.write('cpu.cfs_quota_us', String(QUOTA_US));
    },
    effect: () => (throttled() > 0 ? `throttled in ${throttled()} periods` : undefined),
    recover: () => {
      if (controller?.version === 2) controller.write('cpu.max', `max ${PERIOD_US}`);
      else controller?.write('cpu.cfs_quota_us', '-1');
      controller?.close();
      controller = undefined;
    },
    recovered: async () => ((await supervisor.isReady()) ? 'ready, without a quota' : undefined),
  };
}

function threadStates(pid: number | undefined): string[] {
  if (pid === undefined) return [];
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((tid) => readStat(Number(tid))?.state ?? []);
  } catch {
    return [];
  }
}

/** Soft and hard limit as /proc/PID/limits has them (proc(5)); a process that is gone has none. */
function openFilesLimit(pid: number): [soft: string, hard: string] {
  try {
    const line = /^Max open files\s+(\S+)\s+(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'));
    return [line?.[1] ?? '', line?.[2] ?? ''];
  } catch {
    return ['', ''];
  }
}

/** prlimit(1) of util-linux; the hard limit stays, so that the soft one can be raised again. */
function setOpenFilesLimit(pid: number, soft: string, hard: string): void {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${soft}:${hard}`]);
}
