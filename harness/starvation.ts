/**
 * For how long did the machine keep somebody waiting who wanted to run? Told by the kernel, not by clocks: each thread's time on a run queue
 * (/proc/PID/task/TID/schedstat, Documentation/scheduler/sched-stats.rst) and the time of all processors (/proc/stat, proc(5)). What somebody
 * does to himself is no starvation: neither sleeping, nor computing for long, nor more threads than there are processors.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { parseStat, TICKS_A_SECOND } from './agent/procfs.js';

/** Seconds on a processor, and on a run queue, since the thread began. */
export interface ThreadTimes {
  readonly ran: number;
  readonly waited: number;
}

/** Times of a thread that is runnable and has not come to a turn between two looks: the kernel counts its wait once it is over. */
export function stillWaiting(then: ThreadTimes, seconds: number): ThreadTimes {
  return { ran: then.ran, waited: then.waited + seconds };
}

/** One look at somebody and at the machine; all in seconds. */
export interface Look {
  /** Monotonic. */
  readonly at: number;
  readonly threads: ReadonlyMap<number, ThreadTimes>;
  /** Of all processors together since boot: not idle, and within that taken away by a hypervisor. */
  readonly busy: number;
  readonly stolen: number;
}

/**
 * Seconds between two looks in which it waited for a processor that others had, at most all of them. While a thread waits for others these
 * must have run for as long: threads that wait for their own kind have nobody else to blame. Of what a hypervisor took, its share of the work
 * is its own loss, since one that runs on a processor that is not there waits on no queue.
 */
export function starvedBetween(before: Look, after: Look): number {
  let [ran, waited] = [0, 0];
  for (const [tid, now] of after.threads) {
    const known = before.threads.get(tid);
    // An id that is used again begins anew.
    const then = known && known.ran <= now.ran ? known : { ran: 0, waited: 0 };
    ran += now.ran - then.ran;
    waited += Math.max(0, now.waited - then.waited);
  }
  const busy = Math.max(0, after.busy - before.busy);
  const stolen = Math.max(0, after.stolen - before.stolen);
  const lost = busy > stolen ? stolen * Math.min(1, ran / (busy - stolen)) : 0;
  const others = Math.max(0, busy - ran);
  return Math.max(0, Math.min(waited + lost, others, after.at - before.at));
}

/** `RAN WAITED TIMESLICES`, the first two in nanoseconds. */
export function parseSchedstat(text: string): ThreadTimes | undefined {
  const [ran, waited] = text.trim().split(' ').map(Number);
  return ran === undefined || waited === undefined || Number.isNaN(ran + waited) ? undefined : { ran: ran / 1e9, waited: waited / 1e9 };
}

/** First line of /proc/stat: user nice system idle iowait irq softirq steal, in ticks; guest time is within user's. */
export function parseProcessors(text: string): { readonly busy: number; readonly stolen: number } {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (text.split('\n')[0] ?? '')
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return { busy: (user + nice + system + irq + softirq + steal) / TICKS_A_SECOND, stolen: steal / TICKS_A_SECOND };
}

/** More often it is not looked: ticks are a hundredth of a second, and a look costs a slow target some milliseconds. */
const LEAST_SECONDS = 0.5;

/** Adds up, over all processes that belong to it at each look, for how long it was starved. */
export class Starvation {
  #before: Look | undefined;
  #seconds = 0;

  constructor(private readonly pids: () => readonly number[]) {}

  /** Seconds since the first call; to be asked once a second or so. */
  seconds(): number {
    const at = performance.now() / 1000;
    if (this.#before && at - this.#before.at < LEAST_SECONDS) return this.#seconds;
    const look = { at, threads: threadTimes(this.pids(), at, this.#before), ...parseProcessors(read('/proc/stat')) };
    if (this.#before) this.#seconds += starvedBetween(this.#before, look);
    this.#before = look;
    return this.#seconds;
  }
}

function threadTimes(pids: readonly number[], at: number, before: Look | undefined): Map<number, ThreadTimes> {
  const threads = new Map<number, ThreadTimes>();
  for (const pid of pids) {
    for (const tid of list(`/proc/${pid}/task`)) {
      const times = parseSchedstat(read(`/proc/${pid}/task/${tid}/schedstat`));
      if (!times) continue;
      const then = before?.threads.get(Number(tid));
      const waits = before && then?.ran === times.ran && parseStat(read(`/proc/${pid}/task/${tid}/stat`)).state === 'R';
      threads.set(Number(tid), waits ? stillWaiting(then, at - before.at) : times);
    }
  }
  return threads;
}

/** What ends meanwhile has no times. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
