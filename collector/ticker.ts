/**
 * Starts one piece of work at a time, at an interval measured from start to start on the monotonic clock.
 * Ticks stand on a grid from the first one, so nothing drifts. A tick that finds work still under way is counted late and
 * dropped, never queued: a slow host polls less often, not in bursts.
 */

export interface Clock {
  /** Milliseconds, monotonic. */
  now(): number;
  /** Calls `fire` once, `delay` milliseconds from now; returns how to take it back. */
  after(delay: number, fire: () => void): () => void;
}

export const monotonic: Clock = {
  now: () => performance.now(),
  after: (delay, fire) => {
    const timer = setTimeout(fire, delay);
    return () => clearTimeout(timer);
  },
};

export interface TickerOptions {
  readonly intervalMs: number;
  /** 0 to 0.5: each tick comes later than its place on the grid by a random part of up to so much of the interval. */
  readonly jitter: number;
  /** Must not reject; a failure is the caller's to handle. */
  readonly work: () => Promise<void>;
  /** Ticks that were dropped, at least 1. */
  readonly late: (ticks: number) => void;
  readonly clock?: Clock;
  /** 0 to 1, as Math.random. */
  readonly random?: () => number;
}

export interface Ticker {
  /** No further tick; resolves when the work under way is done. */
  stop(): Promise<void>;
}

/** The first tick is at once (plus jitter). */
export function startTicker({ intervalMs, jitter, work, late, clock = monotonic, random = Math.random }: TickerOptions): Ticker {
  const origin = clock.now();
  let underWay: Promise<void> | undefined;
  let cancel = plan(0);

  function plan(tick: number): () => void {
    const at = origin + (tick + jitter * random()) * intervalMs;
    return clock.after(Math.max(0, at - clock.now()), () => fire(tick));
  }

  function fire(tick: number): void {
    // A process that was stopped or starved finds itself ticks behind: they are gone, all at once.
    const due = Math.max(tick, Math.floor((clock.now() - origin) / intervalMs));
    const lost = due - tick + (underWay === undefined ? 0 : 1);
    if (lost > 0) late(lost);
    if (underWay === undefined) {
      underWay = work().finally(() => {
        underWay = undefined;
      });
    }
    cancel = plan(due + 1);
  }

  return {
    async stop() {
      cancel();
      await underWay;
    },
  };
}
