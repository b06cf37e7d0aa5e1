/**
 * What a row costs from the kernel's message to the finished envelope, and that it costs the same however many are appended. Beside it the
 * same in TypeScript, which is what the addon saves.
 */
import type { Benchmark } from '../harness/bench/benchmark.js';
import { decodeMessages, type RowFormat } from './index.js';
import { messages, source, addonUnavailable as unavailable } from './messages.bench-support.js';
import { Reference } from './reference.bench-support.js';

const decode = (name: string, rows: number, format: RowFormat): Benchmark => ({
  name,
  per: 'row',
  ops: rows,
  unavailable,
  prepare: () => {
    const bytes = messages(rows);
    const once = decodeMessages(bytes, format);
    if (once.rows !== rows) throw new Error(`${once.rows} rows came of ${rows} messages`);
    return { call: () => decodeMessages(bytes, format).rows };
  },
});

/** Slow enough that fewer rows do. */
const REFERENCE_ROWS = 100;

const inTypeScript = (name: string, call: (reference: Reference, bytes: Uint8Array) => unknown): Benchmark => ({
  name: `${REFERENCE_ROWS} rows ${name}`,
  per: 'row',
  ops: REFERENCE_ROWS,
  unavailable,
  prepare: () => {
    const bytes = messages(REFERENCE_ROWS);
    const reference = new Reference(source('native/fields.def').toString(), source('collector/netsoak.proto').toString());
    const theirs = decodeMessages(bytes, 'protobuf').output;
    if (!theirs.equals(reference.encode(reference.decode(bytes)))) throw new Error('it gives other bytes than the addon');
    return { call: () => call(reference, bytes) };
  },
});

export const benchmarks: readonly Benchmark[] = [
  decode('1 row to protobuf', 1, 'protobuf'),
  decode('1,000 rows to protobuf', 1000, 'protobuf'),
  decode('100,000 rows to protobuf', 100_000, 'protobuf'),
  decode('1,000 rows to JSON lines', 1000, 'jsonl'),
  inTypeScript('to protobuf, in TypeScript', (reference, bytes) => reference.encode(reference.decode(bytes))),
  inTypeScript('to objects, in TypeScript', (reference, bytes) => reference.decode(bytes)),
];
