import { expect, test } from 'vitest';
import { addressKey, addressText } from './address.js';

test.each([
  ['10.1.2.3', [10, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
  ['0.0.0.0', Array(16).fill(0)],
  ['::', Array(16).fill(0)],
  ['fd00:6e73:0:7b00::10d', [0xfd, 0, 0x6e, 0x73, 0, 0, 0x7b, 0, 0, 0, 0, 0, 0, 0, 1, 0x0d]],
  ['::ffff:10.0.1.14', [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 1, 14]],
  ['1:2:3:4:5:6:7:8', [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]],
  ['fe80::', [0xfe, 0x80, ...Array(14).fill(0)]],
])('%s is the bytes that a row carries', (text, bytes) => {
  expect([...addressKey(text)].map((c) => c.charCodeAt(0))).toEqual(bytes);
});

test.each(['10.1.2', '10.1.2.256', '1::2::3', '1:2:3', 'fd00::zz', '1:2:3:4:5:6:7:8:9'])('%s is no address', (text) => {
  expect(() => addressKey(text)).toThrow('address');
});

test('what is shown tells a cut address and a dirty tail from a good one', () => {
  expect(addressText(addressKey('10.1.2.3'), 2)).toBe('10.1.2.3');
  expect(addressText(addressKey('fd00::1'), 10)).toBe('fd00:0:0:0:0:0:0:1');
  expect(addressText('\n\u0001\u0002\u0003', 2)).toBe('(4 bytes: 0a 01 02 03)');
  expect(addressText(addressKey('::ffff:10.0.1.14'), 2)).toBe('0.0.0.0 then 00 00 00 00 00 00 ff ff 0a 00 01 0e');
});
