import { describe, expect, it } from 'vitest';
import { type Clock, startTicker } from './ticker.js';

/** Lets promises that are ready run. */
async function settled() {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

/** A clock that stands still until it is moved. */
class FakeClock implements Clock {
  private time = 0;
  private timers: { at: number; fire: () => void }[] = [];
  now = () => this.time;
  after = (delay: number, fire: () => void) => {
    const timer = { at: this.time + delay, fire };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  };
  get pending() {
    return this.timers.length;
  }
  /** Moves on, firing what falls due in its order, each at its own time. */
  async move(ms: number) {
    const end = this.time + ms;
    await settled();
    for (;;) {
      const next = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.time = Math.max(this.time, next.at);
      next.fire();
      await settled();
    }
    this.time = end;
  }
  /** Time passes while nothing of ours runs (SIGSTOP, a starved host). */
  freeze(ms: number) {
    this.time += ms;
  }
}

function setUp(options: { jitter?: number; random?: () => number } = {}) {
  const clock = new FakeClock();
  const starts: number[] = [];
  const ends: (() => void)[] = [];
  let late = 0;
  const ticker = startTicker({
    intervalMs: 1_000,
    jitter: options.jitter ?? 0,
    random: options.random ?? (() => 0),
    clock,
    late: (ticks) => {
      late += ticks;
    },
    work: () => {
      starts.push(clock.now());
      return new Promise((resolve) => ends.push(resolve));
    },
  });
  return { clock, starts, ticker, finish: () => ends.shift()?.(), late: () => late };
}

describe('a ticker', () => {
  it('starts at once and then on a grid, whatever the work takes', async () => {
    const { clock, starts, finish, late } = setUp();
    for (const took of [10, 900, 333]) {
      await clock.move(took);
      finish();
      await clock.move(1_000 - took);
    }
    expect(starts).toEqual([0, 1_000, 2_000, 3_000]);
    expect(late()).toBe(0);
  });

  it('counts the ticks that find work under way and does not make up for them', async () => {
    const { clock, starts, finish, late } = setUp();
    await clock.move(2_500);
    expect(late()).toBe(2);
    finish();
    await clock.move(1_000);
    expect(starts).toEqual([0, 3_000]);
    expect(late()).toBe(2);
  });

  it('counts all ticks that passed while the process was frozen, and goes on with one', async () => {
    const { clock, starts, finish, late } = setUp();
    await clock.move(1);
    finish();
    await clock.move(1);
    clock.freeze(5_500);
    await clock.move(0);
    expect(starts).toEqual([0, 5_502]);
    expect(late()).toBe(4);
    finish();
    await clock.move(600);
    expect(starts).toEqual([0, 5_502, 6_000]);
  });

  it('moves each tick by its jitter without moving the grid', async () => {
    const parts = [0.2, 1, 0, 0.6];
    const { clock, starts, finish } = setUp({ jitter: 0.5, random: () => parts.shift() ?? 0 });
    for (let tick = 0; tick < 4; tick++) {
      await clock.move(600);
      finish();
      await clock.move(400);
    }
    expect(starts).toEqual([100, 1_500, 2_000, 3_300, 4_000]);
  });

  it('plans nothing more when stopped, and waits for the work under way', async () => {
    const { clock, starts, ticker, finish } = setUp();
    await clock.move(10);
    let stopped = false;
    const stopping = ticker.stop().then(() => {
      stopped = true;
    });
    await clock.move(5_000);
    expect(stopped).toBe(false);
    finish();
    await stopping;
    expect(starts).toEqual([0]);
    expect(clock.pending).toBe(0);
  });
});
