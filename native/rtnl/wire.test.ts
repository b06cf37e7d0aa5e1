import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changeRoute, decodeRoute, type NextHop, type Route } from './route.js';
import { decodeClass, decodeFilter, type Ematch, newClass, newFilter, rtIifOf } from './tc.js';
import { Builder, messageAt } from './wire.js';

const read = (bytes: Uint8Array) => messageAt(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0);
const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));

const v4 = fc.ipV4();
const hop = (gateway: fc.Arbitrary<string>): fc.Arbitrary<NextHop> =>
  fc.record({ gateway, oif: fc.integer({ min: 1, max: 0x7fff_ffff }), weight: fc.integer({ min: 1, max: 256 }), flags: fc.constant(0) });
const route: fc.Arbitrary<Route> = fc.record({
  family: fc.constant(4 as const),
  table: fc.integer({ min: 1, max: 0xffff_ffff }),
  destination: v4,
  prefixLength: fc.integer({ min: 1, max: 32 }),
  tos: fc.integer({ min: 0, max: 255 }),
  priority: fc.integer({ min: 0, max: 0xffff_ffff }),
  protocol: fc.integer({ min: 1, max: 255 }),
  type: fc.constant(1),
  scope: fc.constant(0),
  prefsrc: fc.oneof(fc.constant(''), v4),
  mtu: fc.integer({ min: 0, max: 65_535 }),
  nexthopId: fc.constant(0),
  nexthops: fc.array(hop(fc.oneof(fc.constant(''), v4)), { maxLength: 5 }),
  flags: fc.constant(0),
});

describe('routes on the wire', () => {
  it('RT-2 carry every part of key and value there and back', () => {
    fc.assert(
      fc.property(route, (original) => {
        const single = original.nexthops.length === 1;
        const expected = single ? { ...original, nexthops: [{ ...original.nexthops[0], weight: 1 }] } : original;
        expect(decodeRoute(read(changeRoute(original, 'create')))).toEqual(expected);
      }),
    );
  });

  it('NL-5 RT-2 carry an IPv6 gateway of an IPv4 route', () => {
    const [original] = fc.sample(route, 1) as [Route];
    const mixed = {
      ...original,
      nexthops: [
        { gateway: 'fe80::1', oif: 3, weight: 1, flags: 0 },
        { gateway: '10.0.0.1', oif: 4, weight: 2, flags: 0 },
      ],
    };
    expect(decodeRoute(read(changeRoute(mixed, 'create'))).nexthops).toEqual(mixed.nexthops);
  });
});

describe('tc on the wire', () => {
  it('TC-18 builds the filter byte for byte as the kernel was seen to accept it', () => {
    const bytes = newFilter({ index: 7, parent: 0x10000, handle: 0, priority: 1, protocol: 3 }, 0x1_0101, 12);
    expect(Buffer.from(bytes.slice(16)).toString('hex')).toBe(
      [
        '00000000 07000000 00000000 00000100 00030100', // tcmsg: ifindex 7, parent 1:, prio 1, protocol all
        '0a000100 62617369 63000000', // KIND basic
        '3c000200', // OPTIONS
        '30000200', // EMATCHES
        '08000100 01000000', // TREE_HDR: one match, progid 0
        '24000200', // TREE_LIST
        '20000100 00000400 00000000', // match 1: kind META, REL_END
        '0c000100 0f100000 00100000', // META_HDR: int rt_iif, int value
        '08000300 0c000000', // RVALUE 12
        '08000100 01010100', // CLASSID 1:101
      ]
        .join('')
        .replaceAll(' ', ''),
    );
  });

  it('TC-18 knows the anchor of a filter as tc(8) sends it, with its empty mask', () => {
    // Captured: strace of `tc filter add ... basic match "meta(rt_iif eq 12)" flowid 1:101` (iproute2 6.1).
    const captured = (mask: string) =>
      decodeFilter(
        read(
          hex(
            `74000000 2c000506 90f2016b 00000000 00000000 07000000 00000000 00000100 00030100 0a000100 62617369 63000000
             44000200 38000200 08000100 01000000 2c000200 28000100 00000400 00000000 0c000100 0f100000 00100000 08000200 ${mask} 08000300 0c000000
             08000100 01010100`,
          ),
        ),
      );
    expect(captured('00000000')).toMatchObject({ kind: 'basic', priority: 1, protocol: 3, parent: 0x10000, classId: 0x1_0101 });
    expect(captured('00000000').ematches.map(rtIifOf)).toEqual([12]);
    expect(captured('ff000000').ematches.map(rtIifOf)).toEqual([undefined]);
  });

  it('TC-18 reads back what it built', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0xffff_ffff }), fc.integer({ min: 1, max: 0x7fff_ffff }), (classId, iif) => {
        const filter = decodeFilter(read(newFilter({ index: 7, parent: 0x10000, handle: 5, priority: 1, protocol: 3 }, classId, iif)));
        expect(filter).toMatchObject({
          index: 7,
          parent: 0x10000,
          handle: 5,
          priority: 1,
          protocol: 3,
          kind: 'basic',
          classId,
          hasActions: false,
          chain: 0,
        });
        expect(filter.ematches.map(rtIifOf)).toEqual([iif]);
      }),
    );
  });

  it('TC-18 knows no anchor in a match that differs in any bit of its shape', () => {
    const [plain] = decodeFilter(read(newFilter({ index: 7, parent: 0x10000, handle: 5, priority: 1, protocol: 3 }, 0x10101, 12)))
      .ematches as [Ematch];
    expect(rtIifOf(plain)).toBe(12);
    expect(rtIifOf({ ...plain, flags: 4 })).toBeUndefined();
    expect(rtIifOf({ ...plain, kind: 3 })).toBeUndefined();
    // META_HDR and the header of RVALUE; the value itself is bytes 16 to 19.
    for (let bit = 0; bit < 16 * 8; bit++) {
      const data = plain.data.slice();
      data[bit >> 3] = (data[bit >> 3] as number) ^ (1 << (bit & 7));
      // The two top bits of an attribute type are flags (nested, byte order), no part of the type.
      if (bit >> 3 === 3 || bit >> 3 === 15) if ((bit & 7) >= 6) continue;
      expect(rtIifOf({ ...plain, data }), `bit ${bit}`).toBeUndefined();
    }
  });

  it('carries rates of 2^32 bytes a second and more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 45 }), fc.integer({ min: 1, max: 2 ** 45 }), (rate, ceil) => {
        const spec = { index: 3, handle: 0x1_0abc, parent: 0x1_0001, rate, ceil, priority: 1 };
        expect(decodeClass(read(newClass(spec, 'create')))).toMatchObject(spec);
      }),
    );
  });

  it('never reads past a message, whatever its bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const message = read(
          new Builder(44).u32(0).u32(1).u32(1).u32(0x10000).u32(0x10300).attributeText(1, 'basic').attribute(2, noise).done(),
        );
        expect(() => decodeFilter(message).ematches.map(rtIifOf)).not.toThrow();
      }),
    );
    expect(() => messageAt(new DataView(hex('ff000000 10000000 00000000 00000000').buffer), 0)).toThrow(RangeError);
  });
});
