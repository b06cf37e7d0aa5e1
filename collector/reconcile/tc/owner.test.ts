import { describe, expect, it } from 'vitest';
import { RTM } from '../../../native/rtnl/wire.js';
import type { Allocation } from './classify.js';
import { derivedMinor } from './ids.js';
import { tcClass, tcFilter, tcLink } from './kernel.test-support.js';
import { ownFilters, reapable } from './owner.js';
import { sweepRig } from './rig.test-support.js';

const bridge = { name: 'vmbr0', index: 7 };
const vm = (over: Partial<Allocation> = {}): Allocation => ({
  id: 'a',
  tap: 'hype-a',
  state: 'Running',
  rate: 1_250_000,
  classId: 0,
  ...over,
});
const types = (writes: readonly { type: number }[]) => writes.map(({ type }) => type);

describe('giving a VM its limit', () => {
  it('TC-2 makes class, leaf and filter, under the derived id', async () => {
    const { kernel, owner } = sweepRig();
    kernel.links.set(20, tcLink(20, 'hype-a'));
    const applied = await owner.apply(bridge, vm(), 20);
    expect(applied).toEqual({ outcome: { kind: 'ok' }, classId: 0x1_0000 | derivedMinor('hype-a') });
    expect(types(kernel.writes)).toEqual([RTM.NEWTCLASS, RTM.NEWQDISC, RTM.NEWTFILTER]);
    expect(kernel.filters).toMatchObject([{ classId: applied.classId }]);
  });

  it('TC-1 TC-2 goes to another id when its own is taken, and counts it', async () => {
    const { kernel, owner, registry } = sweepRig();
    kernel.links.set(20, tcLink(20, 'hype-a'));
    const own = derivedMinor('hype-a');
    for (let step = 0; step < 8; step++) kernel.classes.set(0x1_0000 | (own + step), tcClass(own + step));
    expect((await owner.apply(bridge, vm(), 20)).classId).toBe(0x1_0000 | (own + 8));
    const metrics = await registry.metrics();
    expect(metrics).toContain('hypeman_network_tc_class_collisions_total{attempt="initial"} 1');
    expect(metrics).toContain('hypeman_network_tc_class_collisions_total{attempt="retry"} 4');
  });

  it('TC-5 takes the class back when the filter cannot be made', async () => {
    const { kernel, owner } = sweepRig();
    kernel.links.set(20, tcLink(20, 'hype-a'));
    const { change } = kernel.writer;
    kernel.writer.change = async (messages) => {
      const type = Buffer.from(messages[0] ?? []).readUInt16LE(4);
      return type === RTM.NEWTFILTER ? [{ errno: 2, code: 'ENOENT', detail: 'no em_meta', reply: [] }] : change(messages);
    };
    expect(await owner.apply(bridge, vm(), 20)).toEqual({ outcome: { kind: 'error', errno: 'ENOENT', detail: 'no em_meta' }, classId: 0 });
    expect([...kernel.classes.keys()]).toEqual([0x1_0001]);
  });

  it('TC-12 gives nothing to a TAP that was made anew under the same name', async () => {
    const { kernel, owner } = sweepRig();
    kernel.links.set(21, tcLink(21, 'hype-a'));
    expect((await owner.apply(bridge, vm(), 20)).outcome.kind).toBe('superseded');
    expect(kernel.writes).toEqual([]);
  });
});

describe('taking it away', () => {
  it('TC-3 TC-6 finds the class through the filter, whatever id is remembered, filters first and the TAP last', async () => {
    const { kernel, owner } = sweepRig();
    kernel.addVm(20, 'hype-a', 0x105);
    kernel.addVm(21, 'hype-b', 0x106);
    kernel.classes.set(0x1_0000 | derivedMinor('hype-a'), tcClass(derivedMinor('hype-a')));
    expect(await owner.release(bridge, vm({ classId: 0x1_0999 }), [], true)).toEqual({
      kind: 'released',
      filters: 1,
      classes: 1,
      clear: true,
    });
    expect(types(kernel.writes)).toEqual([RTM.DELTFILTER, RTM.DELTCLASS, RTM.DELLINK]);
    expect(kernel.classes.has(0x1_0000 | derivedMinor('hype-a'))).toBe(true);
    expect(kernel.filters).toMatchObject([{ classId: 0x1_0106 }]);
  });

  it('TC-7 goes by the remembered id only when nobody else lives there', () => {
    const taps = new Map([[21, tcLink(21, 'hype-b')]]);
    const [mine, others] = [tcFilter(1, 99, 0x105), tcFilter(2, 21, 0x105)];
    const remembered = vm({ classId: 0x1_0105 });
    expect(ownFilters([mine], undefined, remembered, taps, [])).toEqual([mine]);
    expect(ownFilters([others], undefined, remembered, taps, [])).toEqual([]);
    expect(ownFilters([mine, others], undefined, remembered, taps, [])).toEqual([]);
    expect(ownFilters([mine], undefined, remembered, taps, [vm({ id: 'b', tap: 'hype-b', classId: 0x1_0105 })])).toEqual([]);
    expect(ownFilters([mine], undefined, vm(), taps, [])).toEqual([]);
  });

  it('TC-8 deletes nothing when the filters cannot be listed', async () => {
    const { kernel, owner, registry } = sweepRig();
    kernel.addVm(20, 'hype-a', 0x105);
    kernel.fail.filters = true;
    expect(await owner.release(bridge, vm({ classId: 0x1_0105 }), [], true)).toMatchObject({
      kind: 'failed',
      reason: 'filter_list',
      clear: false,
    });
    expect(kernel.writes).toEqual([]);
    expect(kernel.links.has(20)).toBe(true);
    expect(await registry.metrics()).toContain('hypeman_network_tc_cleanup_failures_total{operation="filter_list"} 1');
  });

  it('TC-9 TC-11 writes nothing when nothing is left, as at the second release', async () => {
    const { kernel, owner } = sweepRig();
    kernel.addVm(20, 'hype-a', 0x105);
    await owner.release(bridge, vm(), [], false);
    const before = kernel.writes.length;
    expect(await owner.release(bridge, vm(), [], false)).toEqual({ kind: 'deferred', clear: true });
    expect(kernel.writes.length).toBe(before);
  });

  it('TC-6 leaves a class that another filter still points to', async () => {
    const { kernel, owner } = sweepRig();
    kernel.addVm(20, 'hype-a', 0x105);
    kernel.filters.push(tcFilter(9, 99, 0x105, { kind: 'u32' }));
    expect(await owner.release(bridge, vm(), [], false)).toMatchObject({ filters: 1, classes: 0 });
    expect(kernel.classes.has(0x1_0105)).toBe(true);
  });
});

describe('reaping TAPs', () => {
  const taps = new Map([20, 21, 22, 23].map((index) => [index, tcLink(index, `hype-${index}`)]));
  const seen = new Map([...taps.keys()].map((index) => [index, 0]));
  const states = ['Running', 'Initializing', 'Unknown', 'Stopped'].map((state, at) => vm({ id: `${at}`, tap: `hype-${20 + at}`, state }));

  it('TC-23 preserves running, initializing and unknown ones, and takes the others after five minutes', () => {
    expect(reapable(taps, states, seen, 300_000, 300_000).map(({ index }) => index)).toEqual([23]);
    expect(reapable(taps, states, seen, 299_999, 300_000)).toEqual([]);
    expect(reapable(taps, states, new Map(), 0, 0).map(({ index }) => index)).toEqual([23]);
  });

  it('TC-23 reaps nothing when the instances cannot be listed or none is preserved', () => {
    expect(reapable(taps, undefined, seen, 900_000, 0)).toEqual([]);
    expect(reapable(taps, [], seen, 900_000, 0)).toEqual([]);
    expect(reapable(taps, states.slice(3), seen, 900_000, 0)).toEqual([]);
  });
});
