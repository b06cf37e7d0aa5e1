import { describe, expect, it } from 'vitest';
import { PollLoop } from './loop.js';
import type { Clock } from './ticker.js';

/** Time that passes when told to; what is due runs in order. */
class FakeClock implements Clock {
  private at = 0;
  private readonly due: { at: number; fire: () => void }[] = [];
  now = () => this.at;
  after = (delay: number, fire: () => void) => {
    const entry = { at: this.at + delay, fire };
    this.due.push(entry);
    return () => {
      const index = this.due.indexOf(entry);
      if (index >= 0) this.due.splice(index, 1);
    };
  };
  async pass(milliseconds: number): Promise<void> {
    const end = this.at + milliseconds;
    for (;;) {
      await settled();
      const next = this.due.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.due.splice(this.due.indexOf(next), 1);
      this.at = next.at;
      next.fire();
    }
    this.at = end;
    await settled();
  }
}
const settled = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

function setUp(intervalMs: number) {
  const clock = new FakeClock();
  const starts: number[] = [];
  let late = 0;
  let busy = 0;
  let takes = 0;
  const loop = new PollLoop<number>({
    intervalMs,
    jitter: 0,
    clock,
    late: (ticks) => {
      late += ticks;
    },
    async poll() {
      starts.push(clock.now());
      expect(++busy).toBe(1);
      await new Promise<void>((resolve) => (takes === 0 ? resolve() : void clock.after(takes, resolve)));
      busy--;
      return starts.length;
    },
  });
  loop.start();
  return {
    clock,
    starts,
    loop,
    late: () => late,
    pollsTake: (milliseconds: number) => {
      takes = milliseconds;
    },
  };
}

describe('polls', () => {
  it('start at the interval, at once and at the new one when it changes, and not at all at 0', async () => {
    const { clock, starts, loop } = setUp(1_000);
    await clock.pass(2_500);
    expect(starts).toEqual([0, 1_000, 2_000]);
    loop.setPace(200);
    await clock.pass(500);
    expect(starts.slice(3)).toEqual([2_500, 2_700, 2_900]);
    loop.setPace(0);
    await clock.pass(10_000);
    expect(starts).toHaveLength(6);
    expect(loop.intervalMs).toBe(0);
  });

  it('by order wait for the one under way; a tick meanwhile is late and dropped', async () => {
    const { clock, starts, loop, late, pollsTake } = setUp(1_000);
    await clock.pass(1);
    pollsTake(1_500);
    const ordered = [loop.now(), loop.now()];
    await clock.pass(3_000);
    expect(await Promise.all(ordered)).toEqual([2, 3]);
    expect(starts).toEqual([0, 1, 1_501]);
    expect(late()).toBe(3);
  });

  it('in bursts keep their distance from start to start, or follow at once when one takes longer', async () => {
    const { clock, starts, loop, pollsTake } = setUp(0);
    pollsTake(30);
    const burst = loop.burst(3, 100);
    await clock.pass(1_000);
    expect(await burst).toEqual([1, 2, 3]);
    expect(starts).toEqual([0, 100, 200]);
    const dense = loop.burst(3, 10);
    await clock.pass(1_000);
    expect(await dense).toHaveLength(3);
    expect(starts.slice(3)).toEqual([1_000, 1_030, 1_060]);
  });

  it('end with the one under way; a burst does not go on', async () => {
    const { clock, starts, loop, pollsTake } = setUp(0);
    pollsTake(50);
    const burst = loop.burst(10, 0).catch((error: Error) => error.message);
    await clock.pass(60);
    const stopped = loop.stop();
    await clock.pass(1_000);
    await stopped;
    expect(await burst).toBe('netsoakd is stopping');
    expect(starts).toHaveLength(2);
    await expect(loop.now()).rejects.toThrow('stopping');
  });
});
