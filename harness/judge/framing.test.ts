import { expect, test } from 'vitest';
import { EnvelopeSplitter, RelaySplitter } from './framing.js';

function relayFrame(start: number, bytes: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(start, 0);
  header.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

function envelope(length: number, fill: number): Buffer {
  const head: number[] = [];
  let rest = length;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) head.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([...head, rest]), Buffer.alloc(length, fill)]);
}

function pieces(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

test.each([1, 3, 8, 1000])('relay frames come whole out of pieces of %d bytes, empty ones as the end of their start', (size) => {
  const sent = [relayFrame(1, Buffer.from('one')), relayFrame(1, Buffer.alloc(0)), relayFrame(2, Buffer.alloc(300, 7))];
  const splitter = new RelaySplitter();
  const got = pieces(Buffer.concat(sent), size).flatMap((piece) => splitter.push(piece));
  expect(got.map(({ start, bytes }) => [start, bytes.length, bytes[0]])).toEqual([
    [1, 3, 0x6f],
    [1, 0, undefined],
    [2, 300, 7],
  ]);
});

test('a relay stream that lost its step is refused', () => {
  expect(() => new RelaySplitter().push(Buffer.alloc(8, 0xff))).toThrow('lost its step');
});

test.each([1, 5, 64, 100_000])('envelopes come whole out of pieces of %d bytes', (size) => {
  const splitter = new EnvelopeSplitter();
  const sent = Buffer.concat([envelope(0, 0), envelope(3, 1), envelope(200, 2), envelope(70_000, 3)]);
  const got = pieces(sent, size).flatMap((piece) => splitter.push(piece));
  expect(got.map((bytes) => [bytes.length, bytes.at(-1)])).toEqual([
    [0, undefined],
    [3, 1],
    [200, 2],
    [70_000, 3],
  ]);
  expect(splitter.pending).toBe(0);
});

test('an envelope that was cut off is pending', () => {
  const splitter = new EnvelopeSplitter();
  expect(splitter.push(envelope(200, 2).subarray(0, 150))).toEqual([]);
  expect(splitter.pending).toBe(150);
});

test('text is no stream of envelopes', () => {
  expect(() => new EnvelopeSplitter().push(Buffer.alloc(16, 0xff))).toThrow('no ProtobufList stream');
});
