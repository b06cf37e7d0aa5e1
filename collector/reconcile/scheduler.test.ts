import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { handClock, settle } from './clock.test-support.js';
import type { Trigger } from './model.js';
import { checkSchedule, type ScheduleOptions, Scheduler } from './scheduler.js';

function rig(options: Partial<ScheduleOptions> & { lasts?: number; random?: () => number } = {}) {
  const clock = handClock();
  const passes: { at: number; trigger: Trigger }[] = [];
  let under = 0;
  let most = 0;
  const { lasts = 0, random = () => 0.5, ...schedule } = options;
  const scheduler = new Scheduler({
    intervalMs: 1_000,
    jitter: 0.1,
    debounceMs: 250,
    maxWaitMs: 5_000,
    ...schedule,
    clock,
    random,
    pass: async (trigger) => {
      passes.push({ at: clock.now(), trigger });
      most = Math.max(most, ++under);
      if (lasts > 0) await new Promise<void>((resolve) => clock.after(lasts, resolve));
      under--;
    },
  });
  return { clock, passes, scheduler, most: () => most };
}

describe('the scheduler', () => {
  it('RM-1 measures the interval from the end of a pass', async () => {
    const { clock, passes, scheduler } = rig({ lasts: 400 });
    scheduler.start();
    await clock.advance(3_000);
    expect(passes).toEqual([
      { at: 0, trigger: 'startup' },
      { at: 1_400, trigger: 'tick' },
      { at: 2_800, trigger: 'tick' },
    ]);
    await Promise.all([scheduler.stop(), clock.advance(1_000)]);
  });

  it('RM-1 spreads ticks by the jitter to both sides', async () => {
    for (const [random, at] of [
      [0, 900],
      [1, 1_100],
    ] as const) {
      const { clock, passes, scheduler } = rig({ random: () => random });
      scheduler.start();
      await clock.advance(1_200);
      expect(passes[1]).toEqual({ at, trigger: 'tick' });
      await scheduler.stop();
    }
  });

  it('RT-14 has no tick at interval 0, and starts ticking when it is set at run time', async () => {
    const { clock, passes, scheduler } = rig({ intervalMs: 0 });
    scheduler.start();
    await clock.advance(1_000_000);
    expect(passes).toEqual([{ at: 0, trigger: 'startup' }]);
    scheduler.setInterval(2_000);
    await clock.advance(2_000);
    expect(passes).toHaveLength(2);
    scheduler.setInterval(0);
    await clock.advance(100_000);
    expect(passes).toHaveLength(2);
    expect(clock.pending).toBe(0);
    await scheduler.stop();
  });

  it.each([{ intervalMs: -1 }, { debounceMs: -1 }, { maxWaitMs: -5 }, { jitter: 0.6 }, { intervalMs: Number.NaN }])(
    'RT-14 RM-1 refuses %j as a configuration error',
    (wrong) => {
      expect(() => checkSchedule({ intervalMs: 1, jitter: 0, debounceMs: 0, maxWaitMs: 0, ...wrong })).toThrow(RangeError);
    },
  );

  it('RM-1 never runs two passes at once, and makes one more pass for all that was asked meanwhile', async () => {
    const { clock, passes, scheduler, most } = rig({ intervalMs: 0, lasts: 100 });
    scheduler.start();
    await settle();
    scheduler.trigger('manual');
    scheduler.trigger('overflow');
    scheduler.trigger('manual');
    await clock.advance(1_000);
    expect(passes.map(({ trigger }) => trigger)).toEqual(['startup', 'overflow']);
    expect(most()).toBe(1);
    await scheduler.stop();
  });

  it('IF-2 makes one pass of a burst of events, when they have settled', async () => {
    const { clock, passes, scheduler } = rig({ intervalMs: 0 });
    for (let i = 0; i < 10; i++) {
      scheduler.trigger('event');
      await clock.advance(100);
    }
    expect(passes).toEqual([]);
    await clock.advance(150);
    expect(passes).toEqual([{ at: 1_150, trigger: 'event' }]);
    await scheduler.stop();
  });

  it('IF-2 looks at least every max-wait under constant churn', async () => {
    const { clock, passes, scheduler } = rig({ intervalMs: 0 });
    for (let i = 0; i < 200; i++) {
      scheduler.trigger('event');
      await clock.advance(100);
    }
    expect(passes.map(({ at }) => at)).toEqual([5_000, 10_000, 15_000, 20_000]);
    await scheduler.stop();
  });

  it('IF-2 looks at once with a debounce of 0', async () => {
    const { clock, passes, scheduler } = rig({ intervalMs: 0, debounceMs: 0 });
    scheduler.trigger('event');
    await clock.advance(0);
    expect(passes).toHaveLength(1);
    await scheduler.stop();
  });

  it('NL-12 answers losses at most once a second, and forgets none', async () => {
    const { clock, passes, scheduler } = rig({ intervalMs: 0 });
    for (let i = 0; i < 50; i++) {
      scheduler.trigger('overflow');
      // An event must not push the answer to a loss away.
      scheduler.trigger('event');
      await clock.advance(20);
    }
    await clock.advance(1_000);
    expect(passes.filter(({ trigger }) => trigger === 'overflow').map(({ at }) => at)).toEqual([0, 1_000]);
    await scheduler.stop();
  });

  it('RM-2 calls a pass stuck after three intervals and lets it end', async () => {
    const { clock, scheduler, passes } = rig({ lasts: 3_500 });
    scheduler.start();
    await clock.advance(2_900);
    expect(scheduler.stuck).toBe(false);
    await clock.advance(200);
    expect(scheduler.stuck).toBe(true);
    await clock.advance(500);
    expect(scheduler.stuck).toBe(false);
    expect(passes).toHaveLength(1);
    await Promise.all([scheduler.stop(), clock.advance(5_000)]);
  });

  it('leaves no timer behind when stopped', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom<Trigger>('event', 'manual', 'overflow', 'tick'), { maxLength: 20 }), async (triggers) => {
        const { clock, passes, scheduler, most } = rig();
        scheduler.start();
        for (const trigger of triggers) {
          scheduler.trigger(trigger);
          await clock.advance(77);
        }
        await scheduler.stop();
        const before = passes.length;
        await clock.advance(100_000);
        expect([clock.pending, passes.length, most()]).toEqual([0, before, 1]);
      }),
      { numRuns: 30 },
    );
  });
});
