/** What every exporter must do, whatever stands at its far end: one suite, run for each of them where its far end can be had. */
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import type { Exporter, ExportFailure } from './exporter.js';

const root = protobuf.loadSync(fileURLToPath(new URL('../netsoak.proto', import.meta.url)));
const ENVELOPE = root.lookupType('netsoak.v1.Envelope');

/** What tells rows apart: a number, and a label of some length. */
export interface TestRow {
  readonly number: number;
  readonly label: string;
}

/** A frame as the reader makes it, of rows with these numbers whose labels are so long. */
export function frameOfRows(from: number, count: number, labelBytes: number): Buffer {
  const row = Array.from({ length: count }, (_, index) => ({
    hostname: 'web1',
    label: String(from + index).padEnd(labelBytes, '.'),
    recordCounter: from + index,
    netnsCookie: 1,
    inetDiagMsgSocketCookie: from + index,
    inetDiagMsgSocketSource: Buffer.alloc(16, from + index),
    inetDiagMsgSocketDestination: Buffer.alloc(16, from + index + 1),
    pollId: 7,
    kind: 1,
  }));
  return Buffer.from(ENVELOPE.encodeDelimited({ row }).finish());
}

/** Rows of a stream of frames. @throws when the last one is torn */
export function rowsOfStream(stream: Buffer): TestRow[] {
  const rows: TestRow[] = [];
  const reader = protobuf.Reader.create(stream);
  while (reader.pos < reader.len) {
    const { row } = ENVELOPE.toObject(ENVELOPE.decodeDelimited(reader), { longs: Number, arrays: true }) as {
      row: { label: string }[];
    };
    rows.push(...row.map(({ label }) => ({ number: Number.parseInt(label, 10), label })));
  }
  return rows;
}

export interface Bench {
  readonly exporter: Exporter;
  /** Every row that arrived, in order, once the exporter is closed. */
  readonly arrived: () => Promise<TestRow[]>;
}

/** Envelopes from one row to 1,000 of them (700 kB); small ones for a far end that loses what comes too fast. */
const SIZES = { all: [1, 3, 1_000, 40, 1], small: [1, 3, 40, 40, 1] } as const;

/** @param open an exporter whose far end is there */
export function exporterContract(name: string, open: () => Promise<Bench>, sizes: keyof typeof SIZES = 'all'): void {
  let count = 0;
  const frames = SIZES[sizes].map((rows) => {
    const frame = { rows, bytes: frameOfRows(count, rows, 600) };
    count += rows;
    return frame;
  });
  const first = frames[0] as { rows: number; bytes: Buffer };
  const all = Array.from({ length: count }, (_, number) => ({ number, label: String(number).padEnd(600, '.') }));

  describe(`export: ${name}`, () => {
    it('delivers every row of every envelope once, unchanged and in order', async () => {
      const { exporter, arrived } = await open();
      for (const { bytes, rows } of frames) await exporter.write(bytes, rows);
      await exporter.close();
      expect(await arrived()).toEqual(all);
    });

    it('has taken its copy when a write resolves', async () => {
      const { exporter, arrived } = await open();
      const block = Buffer.alloc(1 << 20);
      for (const { bytes, rows } of frames) {
        bytes.copy(block);
        await exporter.write(block.subarray(0, bytes.length), rows);
        block.fill(0xee);
      }
      await exporter.close();
      expect(await arrived()).toEqual(all);
    });

    it('refuses to write once it is closed', async () => {
      const { exporter, arrived } = await open();
      await exporter.write(first.bytes, first.rows);
      await exporter.close();
      await exporter.close();
      await expect(exporter.write(first.bytes, first.rows)).rejects.toMatchObject({ final: true } satisfies Partial<ExportFailure>);
      expect(await arrived()).toEqual(all.slice(0, first.rows));
    });
  });
}
