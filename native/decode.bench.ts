/** What a row costs from the kernel's message to the finished envelope, and that it costs the same however many there are. */
import { readFileSync } from 'node:fs';
import type { Benchmark } from '../harness/bench/benchmark.js';
import { addonPath, decodeMessages, type RowFormat } from './index.js';
import { readNetlinkPcap } from './pcap.js';

/** Sockets of a real host under Linux 6.8, with every attribute that kernel sends. The same path from source and from dist/. */
const CAPTURE = ['./fixtures/captures/', '../../native/fixtures/captures/'].map(
  (folder) => new URL(`${folder}linux-6.8.12-100.pcap`, import.meta.url),
);

/** Exactly `rows` socket messages, one behind the other, as a receive buffer holds them. */
function messages(rows: number): { bytes: Uint8Array; rows: number } {
  const file = CAPTURE.map(tryRead).find((content) => content !== undefined);
  if (!file) throw new Error('the captures are not there');
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

function tryRead(url: URL): Buffer | undefined {
  try {
    return readFileSync(url);
  } catch {
    return undefined;
  }
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

export const benchmarks: readonly Benchmark[] = [
  decode('1 row to protobuf', 1, 'protobuf'),
  decode('1,000 rows to protobuf', 1000, 'protobuf'),
  decode('100,000 rows to protobuf', 100_000, 'protobuf'),
  decode('1,000 rows to JSON lines', 1000, 'jsonl'),
];
