/** Cuts an envelope into smaller ones for datagrams, each whole by itself. Pure. */

/** First byte of a row in an envelope: field 10, length-delimited (netsoak.proto). */
const ROW_TAG = 0x52;

/**
 * @param envelope a frame `varint(length) || Envelope`, or lines
 * @param limit bytes that a piece should not exceed; a row that does so alone has a piece of its own
 * @returns frames, or lines, with every row once and in order
 */
export function split(envelope: Buffer, format: 'protobufList' | 'jsonl', limit: number): Buffer[] {
  return format === 'jsonl' ? group(envelope, lineEnds(envelope), 0, limit) : splitFrame(envelope, limit);
}

function splitFrame(frame: Buffer, limit: number): Buffer[] {
  const start = varint(frame, 0).end;
  const ends: number[] = [];
  for (let at = start; at < frame.length; ) {
    if (frame[at] !== ROW_TAG) throw new Error(`an envelope holds something else than rows at byte ${at}`);
    const { value, end } = varint(frame, at + 1);
    at = end + value;
    ends.push(at);
  }
  // The length of a piece below 16 KiB takes two bytes, below 2 MiB three.
  const bodies = group(frame, ends, start, limit - (limit < 1 << 14 ? 2 : 3));
  return bodies.map((body) => Buffer.concat([varintBytes(body.length), body]));
}

/** Pieces of neighbours, as long as the limit allows. */
function group(bytes: Buffer, ends: readonly number[], from: number, limit: number): Buffer[] {
  const pieces: Buffer[] = [];
  let start = from;
  let last = from;
  for (const end of ends) {
    if (end - start > limit && last > start) {
      pieces.push(bytes.subarray(start, last));
      start = last;
    }
    last = end;
  }
  if (last > start) pieces.push(bytes.subarray(start, last));
  return pieces;
}

function lineEnds(bytes: Buffer): number[] {
  const ends: number[] = [];
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) ends.push(at + 1);
  return ends;
}

/** Lengths here are below 2^28. */
function varint(bytes: Buffer, at: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let index = 0; index < 5; index++) {
    const byte = bytes[at + index] ?? 0;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, end: at + index + 1 };
  }
  throw new Error(`no length stands at byte ${at}`);
}

function varintBytes(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}
