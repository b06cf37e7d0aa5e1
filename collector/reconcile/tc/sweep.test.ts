import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RTM } from '../../../native/rtnl/wire.js';
import { anchorOf } from './classify.js';
import { tcClass, tcFilter, tcLink } from './kernel.test-support.js';
import { planSchema, printPlan } from './plan.js';
import { sweepRig, twice } from './rig.test-support.js';

/** Six live VMs first, then the leak, as it happened: new filters go to the head of the list. */
function leaky(count = 20, over: Parameters<typeof sweepRig>[0] = {}) {
  const rig = sweepRig(over);
  for (let i = 1; i <= 6; i++) rig.kernel.addVm(20 + i, `hype-vm${i}`, 0x100 + i);
  for (let i = 0; i < count; i++) rig.kernel.leak(100_000 + i, 4096 + i);
  return rig;
}

const live = (kernel: ReturnType<typeof sweepRig>['kernel']) => [
  ...kernel.filters.filter(({ classId }) => classId < 0x1_0200).map(({ handle, classId }) => `${handle}:${classId}`),
  ...[...kernel.classes.keys()].filter((id) => id < 0x1_0200),
];

describe('the sweep', () => {
  it('TC-24 TC-14 removes what two looks found stale, filters before classes, and nothing else', async () => {
    const rig = leaky();
    const before = live(rig.kernel);
    expect(await rig.sweep.pass('startup')).toMatchObject({ drift: { stale: 40 }, outcomes: {} });
    expect(rig.kernel.writes).toEqual([]);
    await rig.clock.advance(60_000);
    expect(await rig.sweep.pass('tick')).toMatchObject({ result: 'ok', outcomes: { ok: 40 } });
    expect(live(rig.kernel)).toEqual(before);
    expect([rig.kernel.filters.length, rig.kernel.classes.size]).toEqual([6, 7]);
    expect(rig.kernel.writes.map(({ type }) => type)).toEqual([
      ...Array<number>(20).fill(RTM.DELTFILTER),
      ...Array<number>(20).fill(RTM.DELTCLASS),
    ]);
    // I2, and F11: never a separate qdisc deletion.
    expect(await rig.sweep.pass('tick')).toMatchObject({ result: 'noop', outcomes: {} });
    expect(rig.kernel.writes).toHaveLength(40);
  });

  it('TC-24 waits the minimum age between its two looks', async () => {
    const rig = leaky();
    for (let second = 0; second < 29; second++) {
      expect((await rig.sweep.pass('manual')).outcomes).toEqual({});
      await rig.clock.advance(1_000);
    }
    await rig.clock.advance(1_000);
    expect((await rig.sweep.pass('manual')).outcomes).toEqual({ ok: 40 });
  });

  it('TC-24 takes an object that changed between the looks for another one', async () => {
    const rig = leaky(1);
    await rig.sweep.pass('tick');
    rig.kernel.filters[0] = tcFilter(rig.kernel.filters[0]?.handle ?? 0, 555_555, 4096);
    await rig.clock.advance(60_000);
    expect((await rig.sweep.pass('tick')).outcomes).toEqual({ busy: 1 });
    expect(rig.kernel.filters).toHaveLength(7);
  });

  it('TC-24 I1 takes no class for one without a filter because its filter went while it looked', async () => {
    const rig = leaky(1);
    rig.kernel.addVm(77, 'hype-vm77', 0x800);
    const isMine = ({ classId }: { readonly classId: number }) => classId === 0x1_0800;
    // Its owner takes the limit while the classes are read, and is about to give it again.
    rig.kernel.tear = (items) => {
      if (items.some((item) => 'rate' in (item as object))) rig.kernel.filters = rig.kernel.filters.filter((each) => !isMine(each));
      return items;
    };
    for (let look = 0; look < 2; look++) {
      if (!rig.kernel.filters.some(isMine)) rig.kernel.addFilter(77, 0x800);
      await rig.sweep.pass('tick');
      await rig.clock.advance(60_000);
    }
    expect([...rig.kernel.classes.keys()].filter((handle) => (handle & 0xffff) >= 0x800)).toEqual([0x1_0800]);
  });

  it('TC-24 looks twice again at what was deleted and made anew under the same name', async () => {
    const rig = leaky(3);
    await rig.sweep.pass('tick');
    await rig.clock.advance(60_000);
    expect((await rig.sweep.pass('tick')).outcomes).toEqual({ ok: 6 });
    for (let i = 0; i < 3; i++) rig.kernel.leak(100_000 + i, 4096 + i);
    await rig.clock.advance(60_000);
    expect((await rig.sweep.pass('tick')).outcomes).toEqual({});
    await rig.clock.advance(60_000);
    expect((await rig.sweep.pass('tick')).outcomes).toEqual({ ok: 6 });
  });

  it('RM-1 only tells in mode observe and does nothing in mode off', async () => {
    const rig = leaky();
    rig.world.mode = 'observe';
    expect(await twice(rig)).toMatchObject({ result: 'noop', outcomes: { dryrun: 40 } });
    rig.world.mode = 'off';
    rig.kernel.fail.links = true;
    expect(await twice(rig)).toMatchObject({ result: 'noop', drift: {} });
    expect(rig.kernel.writes).toEqual([]);
  });

  it.each(['links', 'classes', 'filters'] as const)('TC-13 deletes nothing when the list of %s fails', async (what) => {
    const rig = leaky();
    await rig.sweep.pass('tick');
    rig.kernel.fail[what] = true;
    await rig.clock.advance(60_000);
    expect(await rig.sweep.pass('tick')).toMatchObject({ result: 'aborted', refusal: { reason: 'listing-failed' } });
    rig.kernel.fail[what] = false;
    // One look before the failure is none.
    expect((await rig.sweep.pass('tick')).outcomes).toEqual({});
    expect(rig.kernel.writes).toEqual([]);
    expect(await rig.registry.metrics()).toContain(
      `hypeman_network_tc_cleanup_failures_total{operation="${what.slice(0, -1).replace('classe', 'class')}_list"} 1`,
    );
  });

  it('TC-13 deletes nothing when the list of allocations fails', async () => {
    const rig = leaky(20, { allocations: () => Promise.reject(new Error('the file is gone')) });
    expect(await twice(rig)).toMatchObject({ result: 'aborted' });
    expect(rig.kernel.writes).toEqual([]);
  });

  it('TC-21 refuses when every TAP has another name than expected', async () => {
    const rig = leaky(20, {});
    for (const [index, link] of rig.kernel.links)
      if (index !== 7) rig.kernel.links.set(index, { ...link, name: link.name.replace('hype-', 'vnet-') });
    expect(await twice(rig)).toMatchObject({ result: 'aborted', refusal: { reason: 'no-anchors' } });
    expect(rig.kernel.writes).toEqual([]);
  });

  it('TC-25 deletes no more than the blast radius in one pass, and the rest in the next', async () => {
    const rig = leaky(20, { radius: { maxDeletes: 8, maxFraction: 0.5 } });
    const counts: number[] = [];
    await rig.sweep.pass('tick');
    for (let pass = 0; pass < 12; pass++) {
      await rig.clock.advance(60_000);
      const { outcomes, capped } = await rig.sweep.pass('tick');
      counts.push(outcomes.ok ?? 0);
      if (pass === 0) expect(capped).toBe(32);
    }
    expect(Math.max(...counts)).toBe(8);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(40);
    expect(rig.kernel.filters).toHaveLength(6);
  });

  it('TC-26 does not touch a filter whose TAP came to life after the looks', async () => {
    const rig = leaky(3);
    await rig.sweep.pass('tick');
    await rig.clock.advance(60_000);
    const { link } = rig.kernel.rtnl;
    const risen = rig.kernel.filters[0];
    (rig.kernel.rtnl as { link: typeof link }).link = async (index) => (index === 100_002 ? tcLink(index, 'hype-new') : link(index));
    const { outcomes } = await rig.sweep.pass('tick');
    expect(outcomes).toMatchObject({ superseded: 1 });
    expect(rig.kernel.filters).toContain(risen);
  });

  it('TC-26 does not delete a handle that is another filter by now', async () => {
    const rig = leaky(3);
    await rig.sweep.pass('tick');
    await rig.clock.advance(60_000);
    const get = rig.kernel.filter;
    const stolen = rig.kernel.filters[0]?.handle ?? 0;
    rig.kernel.filter = async (handle) => (handle === stolen ? tcFilter(stolen, 21, 0x101) : get(handle));
    expect((await rig.sweep.pass('tick')).outcomes).toMatchObject({ superseded: 1 });
    expect(rig.kernel.writes.some(({ type, handle }) => type === RTM.DELTFILTER && handle === stolen)).toBe(false);
  });

  it('TC-26 puts back what a deletion took by mistake, counts it as undone, and stops the pass', async () => {
    const rig = leaky(5);
    await rig.sweep.pass('tick');
    await rig.clock.advance(60_000);
    // Between the last look at it and the deletion its handle goes to a new live VM.
    rig.kernel.beforeChange = (type) => {
      if (type !== RTM.DELTFILTER || rig.kernel.links.has(40)) return;
      const handle = rig.kernel.filters[0]?.handle ?? 0;
      rig.kernel.filters.shift();
      rig.kernel.addVm(40, 'hype-vm40', 0x140);
      expect(rig.kernel.filters[0]?.handle).toBe(handle);
    };
    const { outcomes } = await rig.sweep.pass('tick');
    expect(outcomes.undone).toBe(1);
    expect(outcomes.ok ?? 0).toBe(0);
    expect(rig.kernel.filters.find(({ classId }) => classId === 0x1_0140)).toBeDefined();
  });

  it('TC-10 takes a busy class for one to look at again, not for a failure', async () => {
    const rig = leaky(1);
    rig.kernel.filters.push(tcFilter(77, 21, 4096, { kind: 'u32', ematches: [] }));
    expect((await twice(rig)).outcomes).toEqual({ ok: 1 });
    expect(rig.kernel.classes.has(0x1_1000)).toBe(true);
    expect(rig.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('RM-5 discards a plan when events are lost in its middle', async () => {
    const rig = leaky(5);
    await rig.sweep.pass('tick');
    await rig.clock.advance(60_000);
    let writes = 0;
    rig.kernel.beforeChange = () => {
      if (++writes === 2) rig.world.epoch++;
    };
    expect((await rig.sweep.pass('tick')).outcomes).toMatchObject({ ok: 3, superseded: 2 });
  });

  it('TC-15 keeps a new VM whose filter is not there yet', async () => {
    const rig = leaky(2);
    rig.world.allocations = [{ id: 'x', tap: 'hype-vm1', state: 'Running', rate: 1, classId: 0x1_0777 }];
    rig.kernel.classes.set(0x1_0777, tcClass(0x777));
    await twice(rig);
    expect(rig.kernel.classes.has(0x1_0777)).toBe(true);
  });

  it('RM-8 says one line for a thousand orphans, and a summary', async () => {
    const rig = leaky(1_000);
    await twice(rig);
    expect(rig.lines.filter(({ level }) => level === 'warn')).toHaveLength(2);
    expect(rig.lines.filter(({ message }) => message === 'swept stale tc objects')).toMatchObject([
      { level: 'info', fields: { ok: 2_000 } },
    ]);
    expect(await rig.registry.metrics()).toContain('hypeman_network_tc_orphans_swept_total{kind="filter"} 1000');
  });

  it('TC-27 prints a plan that reads back as itself, and the dry run is what the sweep does (I9)', async () => {
    const rig = leaky(7);
    const { plan } = await rig.sweep.find();
    const written = JSON.stringify(printPlan(plan));
    expect(planSchema.parse(JSON.parse(written))).toEqual(plan);
    expect(written).toContain('"1:1000"');
    await twice(rig);
    const filters = rig.kernel.writes.filter(({ type }) => type === RTM.DELTFILTER).map(({ handle }) => handle);
    const classes = rig.kernel.writes.filter(({ type }) => type === RTM.DELTCLASS).map(({ handle }) => handle);
    expect([filters, classes]).toEqual([plan.filters.map(({ handle }) => handle), plan.classes]);
  });

  it('I10 TC-24 loses no live object however its dumps tear, while VMs come and go', async () => {
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), async (randoms) => {
        const next = () => randoms.next().value as number;
        const rig = leaky(10);
        rig.kernel.tear = (items) => items.flatMap((item) => (next() < 0.3 ? [] : next() < 0.2 ? [item, item] : [item]));
        let vm = 50;
        rig.kernel.beforeChange = () => {
          if (next() < 0.2) rig.kernel.addVm(++vm, `hype-vm${vm}`, 0x100 + vm);
        };
        for (let pass = 0; pass < 4; pass++) {
          await rig.sweep.pass('tick');
          await rig.clock.advance(60_000);
        }
        const living = [...rig.kernel.links.values()].filter(({ name }) => name.startsWith('hype-')).map(({ index }) => index);
        const anchored = new Set(rig.kernel.filters.map(anchorOf));
        expect(living.filter((index) => !anchored.has(index))).toEqual([]);
        for (const { classId } of rig.kernel.filters) expect(rig.kernel.classes.has(classId)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});
