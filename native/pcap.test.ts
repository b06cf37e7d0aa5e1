import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { decodePcap } from './index.js';
import { ATTRIBUTE, attribute, message, netlink, Random, SOCK_DIAG_BY_FAMILY } from './test-messages.js';

const file = readFileSync(fileURLToPath(new URL('fixtures/captures/linux-6.6.44-100-bbr.pcap', import.meta.url)));
const expected = decodePcap(file, 'jsonl');

interface Packet {
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly bytes: Uint8Array;
  readonly original: number;
}

/** The packets of a little-endian classic file, taken apart without the code under test. */
function packetsOf(capture: Buffer): Packet[] {
  const packets: Packet[] = [];
  for (let at = 24; at < capture.length; ) {
    const length = capture.readUInt32LE(at + 8);
    packets.push({
      seconds: capture.readUInt32LE(at),
      nanoseconds: capture.readUInt32LE(at + 4) * 1000,
      bytes: capture.subarray(at + 16, at + 16 + length),
      original: capture.readUInt32LE(at + 12),
    });
    at += 16 + length;
  }
  return packets;
}

function words(big: boolean, ...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) big ? bytes.writeUInt32BE(value, 4 * index) : bytes.writeUInt32LE(value, 4 * index);
  return bytes;
}

function classic(packets: readonly Packet[], { big = false, nano = false, linkType = 253 } = {}): Buffer {
  const parts = [words(big, nano ? 0xa1b23c4d : 0xa1b2c3d4, big ? 0x0002_0004 : 0x0004_0002, 0, 0, 262_144, linkType)];
  for (const { seconds, nanoseconds, bytes, original } of packets) {
    parts.push(words(big, seconds, nano ? nanoseconds : nanoseconds / 1000, bytes.length, original), Buffer.from(bytes));
  }
  return Buffer.concat(parts);
}

function block(big: boolean, type: number, body: Buffer): Buffer {
  const padded = Buffer.concat([body, Buffer.alloc((4 - (body.length % 4)) % 4)]);
  const length = padded.length + 12;
  return Buffer.concat([words(big, type, length), padded, words(big, length)]);
}

/** Two interfaces: Ethernet, whose one packet is none of ours, and netlink with time in units of 2^-20 s or nanoseconds. */
function nextGeneration(packets: readonly Packet[], big: boolean): Buffer {
  const short = (...values: number[]) => {
    const bytes = Buffer.alloc(2 * values.length);
    for (const [index, value] of values.entries()) big ? bytes.writeUInt16BE(value, 2 * index) : bytes.writeUInt16LE(value, 2 * index);
    return bytes;
  };
  const parts = [
    block(big, 0x0a0d0d0a, Buffer.concat([words(big, 0x1a2b3c4d), short(1, 0), words(big, 0xffff_ffff, 0xffff_ffff)])),
    block(big, 1, Buffer.concat([short(1, 0), words(big, 0)])),
    // if_name, if_tsresol of nanoseconds, end of options.
    block(
      big,
      1,
      Buffer.concat([
        short(253, 0),
        words(big, 0),
        short(2, 6),
        Buffer.from('nlmon0\0\0'),
        short(9, 1),
        Buffer.from([9, 0, 0, 0]),
        short(0, 0),
      ]),
    ),
    block(big, 6, Buffer.concat([words(big, 0, 0, 0, 60, 60), Buffer.alloc(60)])),
    // A block of a type nobody knows.
    block(big, 0x0bad, Buffer.alloc(8)),
  ];
  for (const { seconds, nanoseconds, bytes, original } of packets) {
    const time = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
    parts.push(
      block(
        big,
        6,
        Buffer.concat([words(big, 1, Number(time >> 32n), Number(time & 0xffff_ffffn), bytes.length, original), Buffer.from(bytes)]),
      ),
    );
  }
  return Buffer.concat(parts);
}

const packets = packetsOf(file);

describe('the same packets give the same rows from', () => {
  test.each([
    ['nanosecond pcap', classic(packets, { nano: true })],
    ['a file written by a host of the other byte order', classic(packets, { big: true })],
    ['such a file in nanoseconds', classic(packets, { big: true, nano: true })],
    ['gzip', gzipSync(file)],
    ['Linux cooked capture', classic(packets, { linkType: 113 })],
    [
      'Linux cooked capture, version 2',
      classic(
        packets.map((packet) => {
          const cooked = Buffer.alloc(20);
          cooked.set(packet.bytes.subarray(14, 16), 0);
          cooked.set(packet.bytes.subarray(2, 4), 8);
          return { ...packet, original: packet.original + 4, bytes: Buffer.concat([cooked, packet.bytes.subarray(16)]) };
        }),
        { linkType: 276 },
      ),
    ],
  ])('%s', (_, capture) => {
    const decoded = decodePcap(capture, 'jsonl');
    expect(decoded.output.equals(expected.output)).toBe(true);
    expect(decoded.skipped).toEqual(expected.skipped);
  });

  test.each([false, true])('pcapng with another interface and unknown blocks in it (big-endian: %s)', (big) => {
    const decoded = decodePcap(nextGeneration(packets, big), 'jsonl');
    expect(decoded.output.equals(expected.output)).toBe(true);
    expect(decoded.skipped).toEqual({ ...expected.skipped, 'link-type:1': 1 });
  });
});

describe('what can be had is had of', () => {
  test('pcapng and gzip that are cut off', () => {
    for (const whole of [nextGeneration(packets, false), gzipSync(file)]) {
      const decoded = decodePcap(whole.subarray(0, Math.floor(whole.length / 2)), 'jsonl');
      expect(decoded.rows).toBeGreaterThan(0);
      expect(decoded.rows).toBeLessThan(expected.rows);
      expect(decoded.skipped['cut-file']).toBe(1);
    }
  });

  test('a file that goes on with what is no packet', () => {
    const decoded = decodePcap(Buffer.concat([file, Buffer.alloc(50, 0xfe)]), 'jsonl');
    expect(decoded.output.equals(expected.output)).toBe(true);
    expect(decoded.skipped['cut-file']).toBe(1);
  });

  test('a capture of a host of the other byte order: nothing, and that is said', () => {
    const header = Buffer.from(packets[0]?.bytes.subarray(0, 16) ?? []);
    const foreign = words(true, 88, 0x0014_0002, 1, 0, ...Array(18).fill(0));
    const decoded = decodePcap(classic([{ seconds: 1, nanoseconds: 0, bytes: Buffer.concat([header, foreign]), original: 104 }]), 'jsonl');
    expect(decoded).toMatchObject({ rows: 0, skipped: { 'byte-order': 1 } });
  });
});

describe('sockets of another protocol', () => {
  const cooked = Buffer.from(packets[0]?.bytes.subarray(0, 16) ?? []);
  const DONE = 3;
  /** As ss asks: with one number for all requests, and without a port. */
  const request = (protocol: number) =>
    Buffer.concat([words(false, 72, (0x301 << 16) | SOCK_DIAG_BY_FAMILY, 123456, 0), Uint8Array.of(2, protocol, 255, 0), Buffer.alloc(52)]);
  /** As the kernel answers: to the port that it gave the asker. */
  const answer = (port: number, bytes = message(new Random(1), [attribute(ATTRIBUTE.SHUTDOWN, Uint8Array.of(0))])) => {
    const answered = Buffer.from(bytes);
    answered.writeUInt32LE(123456, 8);
    answered.writeUInt32LE(port, 12);
    return answered;
  };
  const done = (port: number) => answer(port, netlink(DONE, 2, [new Uint8Array(4)]));
  const decoded = (...messages: Buffer[]) => {
    const captured = messages.map((bytes) => ({
      seconds: 1,
      nanoseconds: 0,
      bytes: Buffer.concat([cooked, bytes]),
      original: bytes.length + 16,
    }));
    const { rows, skipped } = decodePcap(classic(captured), 'jsonl');
    return { rows, ...skipped };
  };

  test('are told from those of TCP by the request, and counted', () => {
    expect(
      decoded(answer(7), request(6), answer(7), done(7), request(17), answer(7), answer(7), done(7), request(6), answer(7), done(7)),
    ).toEqual({
      rows: 3,
      request: 3,
      done: 3,
      'protocol:17': 2,
    });
  });

  test('also where two programs ask at the same time', () => {
    expect(decoded(request(6), answer(7), request(17), answer(8), answer(7), answer(8), done(8), answer(7), done(7))).toEqual({
      rows: 3,
      request: 2,
      done: 2,
      'protocol:17': 2,
    });
  });

  test('and nothing is, that answers nobody: a socket of TCP that is told to a group', () => {
    expect(decoded(request(17), answer(0))).toEqual({ rows: 1, request: 1 });
  });
});
