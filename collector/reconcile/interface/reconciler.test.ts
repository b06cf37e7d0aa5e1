import { describe, expect, it } from 'vitest';
import type { Link } from '../../../native/rtnl/link.js';
import { handClock } from '../clock.test-support.js';
import type { Mode, PassReport } from '../model.js';
import { Scheduler } from '../scheduler.js';
import type { Clocks } from '../timejump.js';
import { InterfaceReconciler, type InterfaceUpdate } from './reconciler.js';
import { interfaceState } from './state.js';

const link = (mtu: number): Link => ({
  index: 1,
  name: 'v1',
  flags: 1,
  mac: '',
  operstate: 6,
  master: 0,
  mtu,
  kind: '',
  carrierChanges: 0,
});

/** The whole actor, with the kernel, the monitor and the clock in a test's hand. */
function rig(intervalMs: number) {
  const clock = handClock();
  const updates: InterfaceUpdate[] = [];
  const reports: PassReport[] = [];
  const world = {
    mtu: 1500,
    consistent: true,
    broken: false,
    looks: 0,
    clocks: { monotonic: 0n, boottime: 0n, realtime: 0n } as Clocks,
    mode: 'observe' as Mode,
  };
  const reconciler = new InterfaceReconciler({
    async enumerate() {
      world.looks++;
      if (world.broken) throw new Error('EPERM');
      return { state: interfaceState([link(world.mtu)], [], []), consistent: world.consistent };
    },
    publish: (update) => updates.push(update),
    clocks: () => world.clocks,
    mode: () => world.mode,
    log: () => {},
  });
  const scheduler = new Scheduler({
    intervalMs,
    jitter: 0,
    debounceMs: 250,
    maxWaitMs: 5_000,
    clock,
    pass: async (trigger) => {
      reports.push(await reconciler.pass(trigger));
    },
  });
  const event = () => {
    reconciler.noteEvent();
    scheduler.trigger('event');
  };
  return { clock, updates, reports, world, reconciler, scheduler, event };
}

describe('the interface reconciler', () => {
  it('IF-6 IF-12 IF-13 heals by the tick what no event told, counts it, and would not without the tick', async () => {
    for (const intervalMs of [15_000, 0]) {
      const { clock, updates, world, reconciler, scheduler } = rig(intervalMs);
      scheduler.start();
      await clock.advance(10);
      world.mtu = 9000;
      await clock.advance(16_000);
      const heals = intervalMs > 0;
      expect(updates.map(({ cause }) => cause)).toEqual(heals ? ['startup', 'tick'] : ['startup']);
      expect(reconciler.missedEvents).toBe(heals ? 1 : 0);
      await scheduler.stop();
    }
  });

  it('IF-2 IF-13 looks after an event and counts nothing as missed', async () => {
    const { clock, updates, world, reconciler, scheduler, event } = rig(15_000);
    scheduler.start();
    await clock.advance(10);
    world.mtu = 9000;
    event();
    await clock.advance(250);
    expect(updates.map(({ cause, changes }) => [cause, changes.length])).toEqual([
      ['startup', 1],
      ['event', 1],
    ]);
    expect(reconciler.missedEvents).toBe(0);
    await scheduler.stop();
  });

  it('IF-3 says nothing when a tick finds nothing new', async () => {
    const { clock, updates, reports, scheduler } = rig(15_000);
    scheduler.start();
    await clock.advance(100_000);
    expect(reports.map(({ result }) => result)).toEqual(['ok', 'noop', 'noop', 'noop', 'noop', 'noop', 'noop']);
    expect(updates).toHaveLength(1);
    await scheduler.stop();
  });

  it('IF-5 publishes a time jump even when nothing else changed, once, and stamps it', async () => {
    const { clock, updates, world, reconciler, scheduler } = rig(15_000);
    scheduler.start();
    await clock.advance(10);
    world.clocks = { monotonic: 15n, boottime: 60_000_000_000n, realtime: 60_000_000_000n };
    const jump = reconciler.checkTime(15_000);
    await reconciler.pass('timejump', jump);
    await reconciler.pass('tick', reconciler.checkTime(15_000));
    expect(updates.map(({ cause, jump, changes }) => [cause, jump, changes.length])).toEqual([
      ['startup', undefined, 1],
      ['timejump', 'suspend', 0],
    ]);
    expect(reconciler.lastUnsuspend).toBe(60_000_000_000n);
    await scheduler.stop();
  });

  it('RT-17 keeps what it knows when the kernel cannot be asked, and remembers that there was an event', async () => {
    const { clock, updates, reports, world, reconciler, scheduler, event } = rig(0);
    scheduler.start();
    await clock.advance(10);
    world.broken = true;
    world.mtu = 9000;
    event();
    await clock.advance(250);
    expect(reports.at(-1)?.refusal?.reason).toBe('listing-failed');
    expect(reconciler.state?.interfaces.get(1)?.mtu).toBe(1500);
    world.broken = false;
    scheduler.trigger('manual');
    await clock.advance(0);
    expect([updates.length, reconciler.missedEvents]).toEqual([2, 0]);
    await scheduler.stop();
  });

  it('RM-1 tells nothing that was seen while it was switched off', async () => {
    const { reconciler, updates, world } = rig(0);
    await reconciler.pass('manual');
    world.mtu = 1400;
    const look = reconciler.pass('manual');
    world.mode = 'off';
    expect([(await look).result, updates.length, reconciler.state?.interfaces.get(1)?.mtu]).toEqual(['noop', 1, 1500]);
  });

  it('RM-1 makes no dump in mode off (I7)', async () => {
    const { clock, world, scheduler } = rig(1_000);
    world.mode = 'off';
    scheduler.start();
    await clock.advance(10_000);
    expect(world.looks).toBe(0);
    await scheduler.stop();
  });
});
