/** What /proc tells of the processes of a cgroup, from outside them (proc(5)). Pure parsing, thin reading. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';

/** sysconf(_SC_PAGESIZE) and _SC_CLK_TCK of every Linux that Node runs on (x86-64, arm64 with 4 KiB pages). */
export const PAGE_BYTES = 4096;
export const TICKS_A_SECOND = 100;

export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly threads: number;
  /** Clock ticks since boot (field 22). */
  readonly startTicks: number;
  /** Field 28; 0 for those without ptrace rights. Changes with every execve. */
  readonly startStack: string;
  readonly cpuTicks: number;
  readonly rssPages: number;
  readonly state: string;
}

/** Parses /proc/PID/stat. The command name may hold spaces and parentheses, so fields count from the last `)`. */
export function parseStat(text: string): ProcessStat {
  const close = text.lastIndexOf(')');
  const fields = text
    .slice(close + 2)
    .trim()
    .split(' ');
  const field = (n: number): string => fields[n - 3] ?? '0';
  return {
    pid: Number.parseInt(text, 10),
    state: field(3),
    parent: Number(field(4)),
    cpuTicks: Number(field(14)) + Number(field(15)),
    threads: Number(field(20)),
    startTicks: Number(field(22)),
    rssPages: Number(field(24)),
    startStack: field(28),
  };
}

/** undefined when the process is gone. */
export function readStat(pid: number): ProcessStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** argv; undefined when the process is gone, empty of a zombie and in the moment of an execve. */
export function commandLine(pid: number): string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return undefined;
  }
}

/** Number of open descriptors; undefined when the process is gone. */
export function countFds(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined;
  }
}

/** Not in every kernel (CONFIG_PROC_CHILDREN). */
const CHILDREN = existsSync('/proc/thread-self/children');

/** Dead children of these processes that nobody has waited for. */
export function zombiesOf(pids: readonly number[]): number[] {
  const children = CHILDREN ? pids.flatMap(childrenOf) : numbersIn('/proc').filter((pid) => pids.includes(readStat(pid)?.parent ?? 0));
  return children.filter((pid) => readStat(pid)?.state === 'Z');
}

function childrenOf(pid: number): number[] {
  return numbersIn(`/proc/${pid}/task`).flatMap((tid) => {
    try {
      return readFileSync(`/proc/${pid}/task/${tid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
    } catch {
      return [];
    }
  });
}

function numbersIn(folder: string): number[] {
  try {
    return readdirSync(folder).map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

/** Whether a process has a handler for a signal (SigCgt of /proc/PID/status, a mask in hexadecimal); false when it is gone. */
export function catches(pid: number, signal: string): boolean {
  const number = constants.signals[signal as NodeJS.Signals];
  try {
    const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return mask !== undefined && number !== undefined && (BigInt(`0x${mask}`) & (1n << BigInt(number - 1))) !== 0n;
  } catch {
    return false;
  }
}

/** Names and wait channels of its threads, for evidence. */
export function threadTable(pid: number): { tid: number; name: string; wchan: string }[] {
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8').trim();
    } catch {
      return '';
    }
  };
  try {
    return readdirSync(`/proc/${pid}/task`).map((tid) => ({
      tid: Number(tid),
      name: read(`/proc/${pid}/task/${tid}/comm`),
      wchan: read(`/proc/${pid}/task/${tid}/wchan`),
    }));
  } catch {
    return [];
  }
}
