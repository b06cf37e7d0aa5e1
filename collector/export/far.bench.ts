/** What an envelope costs this process on its way over each kind of socket; the far end is a process of its own. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Benchmark } from '../../harness/bench/benchmark.js';
import { decodePcap } from '../../native/index.js';
import type { FarTarget } from '../targets.js';
import { openExporter } from './exporter.js';
import { type Sink, type SinkKind, startSink } from './sink.bench-support.js';

const ENVELOPES = 20;
const ROWS = 312;

/** A real one, which udp has to split at its rows: 312 sockets. The same path from source and from dist/. */
function envelope(): Buffer {
  const here = import.meta.url.includes('/dist/') ? '../../../' : '../../';
  return decodePcap(readFileSync(new URL(`${here}native/fixtures/captures/linux-6.8.12-100.pcap`, import.meta.url)), 'protobuf').output;
}

/** @param word what the far end is told, where that is not the path of its socket */
const send = (kind: SinkKind, target: (sink: Sink, socket: string) => FarTarget, word?: string): Benchmark => ({
  name: `${ROWS} rows over ${kind}`,
  per: 'envelope',
  ops: ENVELOPES,
  prepare: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'netsoak-bench-far-'));
    const socket = join(folder, 'socket');
    const sink = await startSink(kind, word ?? socket);
    const exporter = await openExporter(target(sink, socket), 'protobufList');
    const bytes = envelope();
    return {
      async call() {
        for (let i = 0; i < ENVELOPES; i++) await exporter.write(bytes, ROWS);
      },
      async release() {
        await exporter.close();
        await sink.close();
        rmSync(folder, { recursive: true });
      },
    };
  },
});

export const benchmarks: readonly Benchmark[] = [
  send('tcp', ({ port }) => ({ kind: 'tcp', host: '127.0.0.1', port })),
  send('unix', (_, path) => ({ kind: 'unix', path })),
  send('udp', ({ port }) => ({ kind: 'udp', host: '127.0.0.1', port })),
  send('unixgram', (_, path) => ({ kind: 'unixgram', path })),
  send('http', ({ port }) => ({ kind: 'http', url: new URL(`http://127.0.0.1:${port}/`) })),
  send('kafka', ({ port }) => ({ kind: 'kafka', brokers: [{ host: '127.0.0.1', port }], topic: 'rows' }), 'rows'),
  send(
    'clickhouse',
    ({ port }) => ({ kind: 'clickhouse', url: new URL(`http://127.0.0.1:${port}/`), database: 'netsoak', table: 'rows' }),
    String(ROWS),
  ),
];
