import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contains, formatAddress, mask, parseAddress, parsePrefix } from './ip.js';

const bytes = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }));

describe('addresses', () => {
  it('RT-3 have one text for each value, whichever spelling they came in', () => {
    for (const [spelling, text] of [
      ['::ffff:10.0.0.1', '10.0.0.1'],
      ['::FFFF:a00:1', '10.0.0.1'],
      ['2001:0DB8:0:0:0::1', '2001:db8::1'],
      ['0:0:0:0:0:0:0:0', '::'],
      ['fe80:0:0:1::', 'fe80:0:0:1::'],
      ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
      ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ] as const) {
      const parsed = parseAddress(spelling);
      expect(parsed && formatAddress(parsed), spelling).toBe(text);
    }
  });

  it('survive the way to text and back', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        const text = formatAddress(value);
        expect(formatAddress(parseAddress(text) as Uint8Array)).toBe(text);
        if (value.length === 4) expect(parseAddress(text)).toEqual(value);
      }),
    );
  });

  it.each([
    '',
    '10.0.0',
    '10.0.0.256',
    '010.0.0.1',
    '1::2::3',
    '12345::',
    ':1',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    'fe80::1%eth0',
    ':::',
  ])('refuses %j', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});

describe('prefixes', () => {
  it('RT-3 keep /24 and /32 of one address apart, and clear the host bits', () => {
    expect(parsePrefix('203.0.113.77/24')).toEqual({ family: 4, address: '203.0.113.0', length: 24 });
    expect(parsePrefix('203.0.113.0')).toEqual({ family: 4, address: '203.0.113.0', length: 32 });
    expect(parsePrefix('2001:db8:1:2::1/48')).toEqual({ family: 6, address: '2001:db8:1::', length: 48 });
    expect(parsePrefix('::ffff:10.1.2.3/104')).toEqual({ family: 4, address: '10.0.0.0', length: 8 });
    expect(parsePrefix('0.0.0.0/0')).toEqual({ family: 4, address: '0.0.0.0', length: 0 });
    for (const wrong of ['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '::/129', 'x/8', '::ffff:10.0.0.0/95'])
      expect(parsePrefix(wrong), wrong).toBeUndefined();
  });

  it('RT-6 contain what shares their bits, not what shares their text', () => {
    const inside = (outer: string, inner: string) => {
      const [a, b] = [parsePrefix(outer), parsePrefix(inner)];
      if (a === undefined || b === undefined) throw new Error('no prefix');
      return contains(a, b);
    };
    expect(inside('10.0.0.0/8', '10.255.0.0/16')).toBe(true);
    expect(inside('10.0.0.0/8', '10.0.0.0/8')).toBe(true);
    expect(inside('10.0.0.0/16', '10.0.0.0/8')).toBe(false);
    expect(inside('0.0.0.0/0', '::/0')).toBe(false);
    fc.assert(
      fc.property(bytes, fc.nat(128), fc.nat(128), (value, a, b) => {
        const size = value.length * 8;
        const [short, long] = [Math.min(a, b, size), Math.min(Math.max(a, b), size)];
        fc.pre(!(value.length === 16 && formatAddress(value).includes('.')));
        expect(inside(`${formatAddress(mask(value, short))}/${short}`, `${formatAddress(value)}/${long}`)).toBe(true);
      }),
    );
  });
});
