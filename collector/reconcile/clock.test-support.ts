/** A clock that a test moves by hand, and that lets promises settle before it goes on. */
import type { Clock } from '../ticker.js';

export interface HandClock extends Clock {
  /** Moves on, firing what falls due, in order. */
  advance(ms: number): Promise<void>;
  /** Timers that wait. */
  readonly pending: number;
}

export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

export function handClock(): HandClock {
  let now = 0;
  const timers = new Set<{ at: number; fire: () => void }>();
  return {
    now: () => now,
    after(delay, fire) {
      const timer = { at: now + delay, fire };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    async advance(ms) {
      const end = now + ms;
      for (;;) {
        await settle();
        const due = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (due === undefined) break;
        timers.delete(due);
        now = Math.max(now, due.at);
        due.fire();
      }
      now = end;
      await settle();
    },
    get pending() {
      return timers.size;
    },
  };
}
