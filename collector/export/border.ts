/** Where the last whole envelope of a stream ends. Looks at frame headers alone: about 1,300 small reads for a gigabyte. */

/** Reads up to `length` bytes at `position`; fewer at the end of the file. */
export type ReadAt = (position: number, length: number) => Buffer;

export interface Border {
  /** Bytes of whole envelopes from the beginning. */
  readonly whole: number;
  /** False when the bytes are nothing that this collector writes: they must not be touched. */
  readonly ours: boolean;
}

/** First byte of an envelope that holds a row: field 10, length-delimited (netsoak.proto). */
const ROW_TAG = 0x52;

/** Frames `varint(length) || Envelope`. */
export function frameBorder(readAt: ReadAt, size: number): Border {
  let whole = 0;
  while (whole < size) {
    const head = readAt(whole, 11);
    const length = varint(head);
    // Ten bytes without an end are no length; fewer are one that was cut.
    if (length === undefined) return { whole, ours: head.length < 10 };
    const tag = head[length.size];
    if (tag !== undefined && length.value > 0 && tag !== ROW_TAG) return { whole, ours: false };
    if (whole + length.size + length.value > size) return { whole, ours: true };
    whole += length.size + length.value;
  }
  return { whole, ours: true };
}

/** Lines, each a JSON object. */
export function lineBorder(readAt: ReadAt, size: number): Border {
  if (size > 0 && readAt(0, 1)[0] !== 0x7b) return { whole: 0, ours: false };
  const step = 1 << 16;
  for (let end = size; end > 0; end = Math.max(0, end - step)) {
    const start = Math.max(0, end - step);
    const newline = readAt(start, end - start).lastIndexOf(0x0a);
    if (newline >= 0) return { whole: start + newline + 1, ours: true };
  }
  return { whole: 0, ours: true };
}

function varint(bytes: Buffer): { readonly value: number; readonly size: number } | undefined {
  let value = 0;
  for (let index = 0; index < Math.min(10, bytes.length); index++) {
    const byte = bytes[index] ?? 0;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, size: index + 1 };
  }
  return undefined;
}
