/**
 * What a row costs from the kernel's message to the finished envelope, and that it costs the same however many are appended. Beside it the
 * same in TypeScript, which is what the addon saves.
 */
import { readFileSync } from 'node:fs';
import type { Benchmark } from '../harness/bench/benchmark.js';
import { addonPath, decodeMessages, type RowFormat } from './index.js';
import { readNetlinkPcap } from './pcap.js';
import { Reference } from './reference.bench-support.js';

/** A file of the source, from source and from dist/ alike. */
function source(path: string): Buffer {
  const here = import.meta.url.includes('/dist/native/') ? '../../' : '../';
  return readFileSync(new URL(here + path, import.meta.url));
}

/** Exactly `rows` socket messages, one behind the other, as a receive buffer holds them. */
function messages(rows: number): { bytes: Uint8Array; rows: number } {
  // Sockets of a real host under Linux 6.8, with every attribute that kernel sends.
  const file = source('native/fixtures/captures/linux-6.8.12-100.pcap');
  const sockets = readNetlinkPcap(file).packets.flatMap(({ bytes }) => split(bytes));
  const chosen = Array.from({ length: rows }, (_, i) => sockets[i % sockets.length] as Uint8Array);
  return { bytes: Buffer.concat(chosen), rows };
}

/** The messages of a packet that tell of a socket (SOCK_DIAG_BY_FAMILY, and not a request: those are shorter). */
function split(packet: Uint8Array): Uint8Array[] {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const found: Uint8Array[] = [];
  for (let at = 0; at + 16 <= packet.length; ) {
    const length = view.getUint32(at, true);
    if (length < 16) break;
    const aligned = (length + 3) & ~3;
    const message = packet.subarray(at, at + aligned);
    if (message.length === aligned && decodeMessages(message, 'protobuf').rows === 1) found.push(message);
    at += aligned;
  }
  return found;
}

function unavailable(): string | undefined {
  try {
    addonPath();
    return undefined;
  } catch (error) {
    return String(error);
  }
}

const decode = (name: string, rows: number, format: RowFormat): Benchmark => ({
  name,
  per: 'row',
  ops: rows,
  unavailable,
  prepare: () => {
    const { bytes } = messages(rows);
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
    const { bytes } = messages(REFERENCE_ROWS);
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
