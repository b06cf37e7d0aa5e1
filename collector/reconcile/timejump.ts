/**
 * Notices that time went on without us: the machine slept, the process was stopped, or the wall clock was set. After that every event may
 * have been missed, and whoever watches interfaces wants to look anew.
 *
 * The monotonic clock alone cannot see sleep: on Linux it stands still meanwhile.
 */

export interface Clocks {
  readonly monotonic: bigint;
  readonly boottime: bigint;
  readonly realtime: bigint;
}

export type Jump = 'suspend' | 'stall' | 'wall-clock';

/** Clocks are read one after the other and drift a little (NTP slews by at most 0.5 ms a second): less is no jump. */
const LEAST_NS = 500_000_000n;

/**
 * @param expectedMs how long the pause between the two readings was meant to be; undefined when it was meant to be of no length, then only
 *   sleep can be told
 * @returns undefined when nothing jumped; a pause of up to 1.5 times what was meant is none
 */
export function timeJump(before: Clocks, now: Clocks, expectedMs: number | undefined): Jump | undefined {
  const slept = now.boottime - before.boottime - (now.monotonic - before.monotonic);
  if (slept > LEAST_NS) return 'suspend';
  if (expectedMs === undefined) return undefined;
  const grace = BigInt(Math.round(expectedMs / 2)) * 1_000_000n;
  const limit = grace > LEAST_NS ? grace : LEAST_NS;
  const late = now.boottime - before.boottime - BigInt(Math.round(expectedMs)) * 1_000_000n;
  if (late > limit) return 'stall';
  const set = now.realtime - before.realtime - (now.boottime - before.boottime);
  return set > limit || -set > limit ? 'wall-clock' : undefined;
}
