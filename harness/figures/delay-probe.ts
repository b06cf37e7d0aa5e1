/**
 * Loaded into the collector by `--import`: at the first SIGUSR2 it begins to watch the event loop, at the second it writes what it saw to
 * NETSOAK_DELAY_FILE. It costs CPU itself (up to a fifth at 1 ms), so a daemon with it is asked for nothing else.
 */
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Milliseconds. The monitor is a timer of that period: a loop that is never held up shows about this. */
export const RESOLUTION_MS = 1;

export interface Delays {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const file = process.env.NETSOAK_DELAY_FILE;
if (file !== undefined) {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  process.once('SIGUSR2', () => {
    delays.enable();
    process.once('SIGUSR2', () => {
      delays.disable();
      const ms = (nanoseconds: number) => nanoseconds / 1e6;
      const seen: Delays = {
        count: delays.count,
        p50Ms: ms(delays.percentile(50)),
        p99Ms: ms(delays.percentile(99)),
        maxMs: ms(delays.max),
      };
      writeFileSync(file, JSON.stringify(seen));
    });
  });
}
