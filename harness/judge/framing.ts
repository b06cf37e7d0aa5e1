/**
 * Two layers of framing between the subject and the judge: the relay's `[u32le start][u32le length][bytes]`, which
 * tells one start of the subject from the next, and inside it the subject's own `varint(length) || Envelope`.
 */

/** Larger is no relay frame: the stream has lost its step (netsoak-relay sends at most 256 KiB). */
const MAX_RELAY_FRAME = 1 << 20;
/** Larger is no envelope (netsoakd's are at most 1 MiB; another daemon may have a larger cap). */
const MAX_ENVELOPE = 64 << 20;

/** The bytes of a stream that came in chunks, taken from the front in pieces of a wanted length. */
class Inbox {
  #chunks: Buffer[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  /** The first bytes, at least `wanted` if there are so many; copies only what spans chunks. */
  front(wanted: number): Buffer {
    let first = this.#chunks[0] ?? Buffer.alloc(0);
    if (first.length < wanted && this.#chunks.length > 1) {
      first = Buffer.concat(this.#chunks);
      this.#chunks = [first];
    }
    return first;
  }

  take(length: number): Buffer {
    const front = this.front(length);
    this.#size -= length;
    if (front.length === length) this.#chunks.shift();
    else this.#chunks[0] = front.subarray(length);
    return front.subarray(0, length);
  }
}

export interface RelayFrame {
  readonly start: number;
  /** Empty at the end of this start. */
  readonly bytes: Buffer;
}

/** Splits one connection into relay frames. */
export class RelaySplitter {
  readonly #inbox = new Inbox();

  /** @throws when a header can't be one: nothing after it can be trusted. */
  push(chunk: Buffer): RelayFrame[] {
    this.#inbox.push(chunk);
    const out: RelayFrame[] = [];
    while (this.#inbox.size >= 8) {
      const header = this.#inbox.front(8);
      const start = header.readUInt32LE(0);
      const length = header.readUInt32LE(4);
      if (start === 0 || length > MAX_RELAY_FRAME) {
        throw new Error(`the row relay's stream lost its step (start ${start}, length ${length})`);
      }
      if (this.#inbox.size < 8 + length) break;
      this.#inbox.take(8);
      out.push({ start, bytes: this.#inbox.take(length) });
    }
    return out;
  }
}

/** Splits the output of one start of the subject into envelopes. */
export class EnvelopeSplitter {
  readonly #inbox = new Inbox();
  #taken = 0;

  /** @throws when the bytes can't be a ProtobufList stream. */
  push(chunk: Buffer): Buffer[] {
    this.#inbox.push(chunk);
    const out: Buffer[] = [];
    for (;;) {
      const head = readLength(this.#inbox.front(5), this.#taken);
      if (head === undefined || this.#inbox.size < head.size + head.length) return out;
      this.#inbox.take(head.size);
      out.push(this.#inbox.take(head.length));
      this.#taken += head.size + head.length;
    }
  }

  /** Bytes of an envelope that never became whole. */
  get pending(): number {
    return this.#inbox.size;
  }
}

/** A varint of at most 5 bytes; undefined when it has not all come yet. */
function readLength(bytes: Buffer, offset: number): { readonly length: number; readonly size: number } | undefined {
  let length = 0;
  for (let size = 1; size <= 5; size++) {
    const byte = bytes[size - 1];
    if (byte === undefined) return undefined;
    length += (byte & 0x7f) * 2 ** (7 * (size - 1));
    if (byte < 0x80) {
      if (length > MAX_ENVELOPE) break;
      return { length, size };
    }
  }
  throw new Error(`the subject's output is no ProtobufList stream: no length of an envelope at byte ${offset}`);
}
