import { describe, expect, it } from 'vitest';
import { type Allocation, anchorOf, guard, judge, type TcLook } from './classify.js';
import { candidateMinors, derivedMinor, formatId, nextMinor, parseId } from './ids.js';
import { tcClass, tcFilter, tcLink } from './kernel.test-support.js';

const allocation = (over: Partial<Allocation>): Allocation => ({ id: 'i', tap: 'hype-a', state: 'Running', rate: 1, classId: 0, ...over });
const look = (over: Partial<TcLook>): TcLook => ({
  classes: [tcClass(1)],
  filters: [],
  filtersBefore: [],
  links: [tcLink(20, 'hype-a')],
  allocations: [],
  defaultClass: 0,
  tapPrefix: 'hype-',
  ...over,
});
const verdicts = (seen: TcLook) => judge(seen).filters.map(({ verdict }) => verdict);
const kept = (seen: TcLook, minor: number) => judge(seen).classes.find((each) => each.class.handle === (0x1_0000 | minor))?.why;

describe('class ids', () => {
  it('TC-1 hashes a name as FNV-1a does, keeps clear of 0 and 1, and probes four more', () => {
    // FNV-1a 32 of "a" is 0xe40c292c, of "foobar" 0xbf9cf968 (the published test vectors).
    expect([derivedMinor('a'), derivedMinor('foobar')]).toEqual([0x292c, 0xf968]);
    expect([nextMinor(0xffff), nextMinor(2)]).toEqual([2, 3]);
    const own = derivedMinor('hype-a');
    expect([...candidateMinors('hype-a', new Set())].slice(0, 5)).toEqual([0, 1, 2, 3, 4].map((step) => own + step));
  });

  it('TC-1 goes on with what a dump leaves free, and offers every id once', () => {
    const own = derivedMinor('hype-a');
    const taken = new Set(Array.from({ length: 100 }, (_, step) => own + step));
    const all = [...candidateMinors('hype-a', taken)];
    expect(all[5]).toBe(own + 100);
    expect(new Set(all).size).toBe(all.length);
    expect(all.every((minor) => minor >= 2 && minor <= 0xffff)).toBe(true);
    expect(all.length).toBe(0xfffe - 100 + 5);
  });

  it('TC-4 reads padded and unpadded text as the same number', () => {
    expect([parseId('1:c'), parseId('1:000c'), parseId('0x1000c')]).toEqual([0x1000c, 0x1000c, 0x1000c]);
    expect([formatId(0x1000c), formatId(0x10abc)]).toEqual(['1:c', '1:abc']);
    for (const wrong of ['', '1', '1:', ':1', '1:10000', 'x:1', '0x']) expect(parseId(wrong), wrong).toBeUndefined();
  });
});

describe('the judgement of filters', () => {
  it('TC-15 knows the living from the dangling by their anchor', () => {
    expect(verdicts(look({ filters: [tcFilter(1, 20, 5), tcFilter(2, 99, 6)] }))).toEqual(['live', 'stale']);
    // A link of another name under that index is no TAP.
    expect(verdicts(look({ links: [tcLink(20, 'eth0')], filters: [tcFilter(1, 20, 5)] }))).toEqual(['stale']);
  });

  it.each([
    ['another kind', { kind: 'u32' }, 'foreign'],
    ['another chain', { chain: 1 }, 'unknown-anchor'],
    ['another priority', { priority: 2 }, 'unknown-anchor'],
    ['another protocol', { protocol: 0x800 }, 'unknown-anchor'],
    ['actions', { hasActions: true }, 'unknown-anchor'],
    ['no match', { ematches: [] }, 'unknown-anchor'],
    ['two matches', { ematches: [...tcFilter(1, 99, 5).ematches, ...tcFilter(1, 99, 5).ematches] }, 'unknown-anchor'],
    ['another parent', { parent: 0x10001 }, 'unknown-anchor'],
  ])('TC-17 TC-18 keeps a filter with %s, and protects its class', (_what, over, verdict) => {
    const seen = look({ filters: [tcFilter(1, 99, 5, over)], classes: [tcClass(1), tcClass(5)] });
    expect(verdicts(seen)).toEqual([verdict]);
    expect(kept(seen, 5)).toBe('filter');
    expect(anchorOf(tcFilter(1, 99, 5, over))).toBeUndefined();
  });

  it("TC-20 of two filters for one live TAP keeps that of the owner's class, and both when the owner is silent", () => {
    const filters = [tcFilter(1, 20, 5), tcFilter(2, 20, 6)];
    expect(verdicts(look({ filters, allocations: [allocation({ classId: 0x10006 })] }))).toEqual(['stale', 'live']);
    expect(verdicts(look({ filters }))).toEqual(['live', 'live']);
    // A remembered id that no filter has decides nothing.
    expect(verdicts(look({ filters, allocations: [allocation({ classId: 0x10009 })] }))).toEqual(['live', 'live']);
  });
});

describe('the judgement of classes', () => {
  it.each([
    ['the root class', tcClass(1), 1, {}, 'root'],
    ['a class with children', tcClass(5), 5, { classes: [tcClass(1), tcClass(5), tcClass(6, { parent: 0x10005 })] }, 'inner'],
    ['a class under another parent', tcClass(5, { parent: 0x10000 }), 5, {}, 'foreign'],
    ['another kind', tcClass(5, { kind: 'drr' }), 5, {}, 'foreign'],
    ['the default class', tcClass(5), 5, { defaultClass: 5 }, 'default'],
    ['the class of a live filter', tcClass(5), 5, { filters: [tcFilter(1, 20, 5)] }, 'filter'],
    ['the class of an allocation', tcClass(5), 5, { allocations: [allocation({ classId: 0x10005 })] }, 'allocation'],
    ['the derived class of a live TAP', tcClass(derivedMinor('hype-a')), derivedMinor('hype-a'), {}, 'derived'],
  ])('TC-15 TC-19 keeps %s', (_what, each, minor, over, why) => {
    expect(kept(look({ classes: [tcClass(1), each], ...over }), minor)).toBe(why);
  });

  it('TC-19 keeps a class of another major', () => {
    const other = tcClass(5, { handle: 0x2_0005, parent: 0x2_0001 });
    expect(judge(look({ classes: [other] })).classes).toMatchObject([{ why: 'foreign' }]);
  });

  it('TC-15 finds a class without a filter, and one whose filter is stale', () => {
    const seen = look({ classes: [tcClass(1), tcClass(0xc), tcClass(0xabc)], filters: [tcFilter(1, 99, 0xabc)] });
    expect(
      judge(seen)
        .classes.filter(({ verdict }) => verdict === 'stale')
        .map((each) => formatId(each.class.handle)),
    ).toEqual(['1:c', '1:abc']);
  });
});

describe('the guard', () => {
  it('TC-16 refuses when there are filters and not one is understood', () => {
    const seen = judge(look({ filters: [tcFilter(1, 99, 5, { chain: 3 })] }));
    expect(guard(seen, true)?.reason).toBe('filter_parse');
  });

  it('TC-21 refuses when there is something to sweep and nothing lives, unless told that it is so', () => {
    const seen = judge(look({ links: [], filters: [tcFilter(1, 99, 5)] }));
    expect(guard(seen, false)?.reason).toBe('no-anchors');
    expect(guard(seen, true)).toBeUndefined();
    expect(guard(judge(look({ filters: [tcFilter(1, 20, 5), tcFilter(2, 99, 6)] })), false)).toBeUndefined();
    expect(guard(judge(look({ links: [] })), false)).toBeUndefined();
  });
});
