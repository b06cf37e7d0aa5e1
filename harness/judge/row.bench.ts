/** Rows by protobufjs, outside the target: what the judge pays for not trusting the addon, and what encoding that way would cost. */
import { join } from 'node:path';
import type { Benchmark } from '../bench/benchmark.js';
import { PROJECT } from '../project.js';
import { loadSchema, RowDecoder } from './row.js';

const ROWS = 1000;
const SCHEMA = join(PROJECT, 'collector/netsoak.proto');

/** Rows with a value in every column; whole numbers that fit 32 bits, as most counters do. */
function rows(row: ReturnType<typeof loadSchema>['row']): Record<string, unknown>[] {
  return Array.from({ length: ROWS }, (_, i) =>
    Object.fromEntries(
      row.fieldsArray.map(({ name, type }, k) => {
        const value = 1 + i * 7 + k;
        if (type === 'string') return [name, `value-${i % 50}`];
        if (type === 'bytes') return [name, Uint8Array.of(10, 0, i >> 8, i & 255)];
        return [name, /int|fixed/.test(type) ? value : 1];
      }),
    ),
  );
}

export const benchmarks: readonly Benchmark[] = [
  {
    name: 'decode as the judge does',
    per: 'row',
    ops: ROWS,
    prepare: () => {
      const { envelope, row } = loadSchema(SCHEMA, false);
      const bytes = envelope.encode({ row: rows(row) }).finish();
      const decoder = new RowDecoder(SCHEMA);
      if (decoder.decode(bytes).polled.length === 0) throw new Error('no row came back');
      return { call: () => decoder.decode(bytes).polled.length };
    },
  },
  {
    name: 'encode every column by reflection',
    per: 'row',
    ops: ROWS,
    prepare: () => {
      const { envelope, row } = loadSchema(SCHEMA, false);
      const message = { row: rows(row) };
      return { call: () => envelope.encode(message).finish().length };
    },
  },
];
