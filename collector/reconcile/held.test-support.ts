/**
 * How long the event loop is held, and by whom. A delay by the clock has two parts: this thread at work, and this thread ready to run with
 * another program on its processor. Only the first is ours; schedstat (Documentation/scheduler/sched-stats.rst) tells them apart. The kernel
 * brings it up to date when the thread gives its processor away and at each of its own ticks: in the middle of work it is up to 4 ms old.
 */
import { closeSync, openSync, readSync } from 'node:fs';

export interface Held {
  /** Longest time between two turns of the event loop, in milliseconds. */
  readonly clockMs: number;
  /** Longest time that this thread was on a processor between two turns, at most the time between them. */
  readonly busyMs: number;
}

/** Watches from now until the function that it returns is called. A timer of 1 ms, not a busy loop: that would lose its processor to others. */
export function watchHeld(): () => Held {
  const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  const bytes = Buffer.alloc(64);
  const busy = () => Number(bytes.toString('latin1', 0, readSync(file, bytes, 0, bytes.length, 0)).split(' ')[0]) / 1e6;
  let [at, busyAt] = [performance.now(), busy()];
  let [clockMs, busyMs] = [0, 0];
  const look = () => {
    const [now, busyNow] = [performance.now(), busy()];
    clockMs = Math.max(clockMs, now - at);
    busyMs = Math.max(busyMs, Math.min(now - at, busyNow - busyAt));
    [at, busyAt] = [now, busyNow];
  };
  const timer = setInterval(look, 1);
  return () => {
    clearInterval(timer);
    look();
    closeSync(file);
    return { clockMs, busyMs };
  };
}
