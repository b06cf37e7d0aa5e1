import { describe, expect, it } from 'vitest';
import { type MonitorOptions, type MonitorReport, NetlinkError } from '../../native/rtnl/index.js';
import { handClock, settle } from './clock.test-support.js';
import { Watch } from './watch.js';

const quiet: MonitorReport = { events: [], lost: [], drops: 0, drains: 1, fatal: undefined };

/** A watch whose monitors a test can kill. */
async function rig(granted = 16 << 20) {
  const clock = handClock();
  const opened: { options: MonitorOptions; report: (report: MonitorReport) => void; closed: boolean; poked: number }[] = [];
  const lost: string[] = [];
  const lines: string[] = [];
  const world = { refuse: false };
  const watch = new Watch({
    place: () => ({ path: '/nowhere', device: 0, inode: 0 }),
    receiveBuffer: 8 << 20,
    clock,
    log: (_level, message) => lines.push(message),
    listener: { event: () => {}, lost: (sources) => lost.push(sources.join()) },
    async open(_place, options, report) {
      if (world.refuse) throw new NetlinkError('cannot watch', 1, '');
      const monitor = { options, report, closed: false, poked: 0 };
      opened.push(monitor);
      return {
        cookie: 1n,
        receiveBuffer: granted,
        poke: () => {
          monitor.poked++;
        },
        close: () => {
          monitor.closed = true;
        },
      };
    },
  });
  await watch.start();
  return { clock, opened, lost, lines, watch, world };
}

describe('the watch', () => {
  it('IF-10 opens a dead monitor again after 1, 2, 4 ... 30 s, and asks for a look at everything', async () => {
    const { clock, opened, lost, watch, world } = await rig();
    const epoch = watch.epoch;
    world.refuse = true;
    opened[0]?.report({ ...quiet, fatal: new NetlinkError('gone', 9, '') });
    expect([watch.alive, opened[0]?.closed]).toEqual([false, true]);
    const tries: number[] = [];
    for (let second = 1; second <= 100; second++) {
      const before = clock.now();
      await clock.advance(1_000);
      await settle();
      if (second === 94) world.refuse = false;
      if (watch.alive) {
        tries.push(before / 1_000);
        break;
      }
    }
    // 1, 3, 7, 15, 31, 61, 91, then 121: the tries before failed.
    await clock.advance(60_000);
    expect([watch.alive, lost, watch.epoch]).toEqual([true, ['reopened'], epoch + 1]);
    expect(opened).toHaveLength(2);
    // A report of the dead one that was still on its way counts for nothing.
    opened[0]?.report({ ...quiet, lost: ['enobufs'] });
    expect(lost).toEqual(['reopened']);
    watch.stop();
    expect(clock.pending).toBe(0);
  });

  it('NL-12 RM-5 moves the epoch at every loss', async () => {
    const { opened, lost, watch } = await rig();
    const epoch = watch.epoch;
    opened[0]?.report({ ...quiet, lost: ['enobufs', 'pollerr'] });
    opened[0]?.report(quiet);
    opened[0]?.report({ ...quiet, lost: ['meminfo'] });
    expect([lost, watch.epoch]).toEqual([['enobufs,pollerr', 'meminfo'], epoch + 2]);
    watch.stop();
  });

  it('IF-11 takes a reader for dead that leaves two ticks unanswered, and opens a new one', async () => {
    const { clock, opened, watch } = await rig();
    const ticks = async (count: number) => {
      for (let tick = 0; tick < count; tick++) {
        watch.tick();
        // A second reconciler, at the same moment.
        watch.tick();
        await clock.advance(1_000);
      }
    };
    await ticks(2);
    expect([watch.alive, opened.length]).toEqual([true, 1]);
    await ticks(1);
    expect([watch.alive, opened.length, opened[0]?.closed]).toEqual([true, 2, true]);
    // One that answers is alive.
    for (let tick = 0; tick < 5; tick++) {
      opened[1]?.report({ ...quiet, drains: 10 + tick });
      await ticks(1);
    }
    expect([opened.length, opened[1]?.poked]).toEqual([2, 5]);
    watch.stop();
  });

  it('NL-13 says so when its buffer was clamped', async () => {
    expect((await rig(212_992)).lines).toHaveLength(1);
    expect((await rig(16 << 20)).lines).toEqual([]);
  });

  it('IF-9 IF-14 subscribes to links, addresses, routes and rules of both families, and to nothing else', async () => {
    const { opened } = await rig();
    expect([...(opened[0]?.options.groups ?? [])].sort((a, b) => a - b)).toEqual([1, 5, 7, 8, 9, 11, 19]);
  });
});
