import { randomBytes } from 'node:crypto';
import zlib from 'node:zlib';
import { expect, it } from 'vitest';
import { addon } from './addon.js';
import { crc32, crc32Combine } from './checksum.js';

it('is the CRC-32 of zlib, whatever the length and wherever the bytes begin', () => {
  const bytes = randomBytes(1 << 16);
  const narrow = addon().crc32;
  for (let length = 0; length < 900; length++) {
    const part = bytes.subarray(length % 17, (length % 17) + length);
    const expected = zlib.crc32(part);
    expect(crc32(part), `${length} bytes`).toBe(expected);
    expect(narrow?.(part, 0, true) ?? expected, `${length} bytes without AVX-512`).toBe(expected);
  }
  expect(crc32(bytes.subarray(1))).toBe(zlib.crc32(bytes.subarray(1)));
});

it('goes on from where it stood', () => {
  const bytes = randomBytes(1000);
  let checksum = 0;
  for (let at = 0; at < bytes.length; at += 77) checksum = crc32(bytes.subarray(at, at + 77), checksum);
  expect(checksum).toBe(zlib.crc32(bytes));
  expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
});

it('follows from the checksums of two parts, however long they are', () => {
  const bytes = randomBytes((1 << 20) + 3);
  for (const cut of [0, 1, 2, 63, 4_096, 65_537, bytes.length - 1, bytes.length]) {
    const [first, second] = [bytes.subarray(0, cut), bytes.subarray(cut)];
    expect(crc32Combine(zlib.crc32(first), zlib.crc32(second), second.length), `cut at ${cut}`).toBe(zlib.crc32(bytes));
  }
});
