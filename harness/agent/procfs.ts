/** What /proc tells of the processes of a cgroup, from outside them (proc(5)). Pure parsing, thin reading. */
import { readdirSync, readFileSync } from 'node:fs';

/** sysconf(_SC_PAGESIZE) and _SC_CLK_TCK of every Linux that Node runs on (x86-64, arm64 with 4 KiB pages). */
export const PAGE_BYTES = 4096;
export const TICKS_A_SECOND = 100;

export interface ProcessStat {
  readonly pid: number;
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

/** Number of open descriptors; undefined when the process is gone. */
export function countFds(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined;
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
