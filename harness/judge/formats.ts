/** The formats in which a subject's rows may arrive, each as one function from bytes of a start to rows. */
import { EnvelopeSplitter } from './framing.js';
import { LineSplitter, rowsOfLines } from './json-lines.js';
import type { DecodedRows, RowDecoder } from './row.js';

export const ROW_FORMATS = ['protobufList', 'protobufListFrames', 'jsonl'] as const;

export type RowFormat = (typeof ROW_FORMATS)[number];

/** The rows of one start of the subject. */
export interface RowStream {
  /** @throws when the bytes can't be of this format: nothing after them can be trusted. */
  push(bytes: Buffer): DecodedRows[];
  /** Of a row or envelope that never became whole. */
  readonly pending: number;
}

export function openStream(format: RowFormat, decoder: RowDecoder): RowStream {
  switch (format) {
    case 'protobufList': {
      const envelopes = new EnvelopeSplitter();
      return {
        push: (bytes) => envelopes.push(bytes).map((envelope) => decoder.decode(envelope)),
        get pending() {
          return envelopes.pending;
        },
      };
    }
    case 'protobufListFrames': {
      const frames = new EnvelopeSplitter();
      return {
        push: (bytes) =>
          frames.push(bytes).flatMap((frame) => {
            const inside = new EnvelopeSplitter();
            const rows = inside.push(frame).map((envelope) => decoder.decode(envelope));
            if (inside.pending > 0) throw new Error(`a frame of ${frame.length} bytes ends in the middle of an envelope`);
            return rows;
          }),
        get pending() {
          return frames.pending;
        },
      };
    }
    case 'jsonl': {
      const lines = new LineSplitter();
      return {
        push: (bytes) => [rowsOfLines(lines.push(bytes))],
        get pending() {
          return lines.pending;
        },
      };
    }
  }
}
