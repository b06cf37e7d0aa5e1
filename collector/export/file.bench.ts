/** What handing an envelope to the kernel costs on top of its bytes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Benchmark } from '../../harness/bench/benchmark.js';
import { type Exporter, openExporter } from './exporter.js';

const ENVELOPES = 20;

const write = (name: string, bytes: number, open: (folder: string) => Promise<Exporter>): Benchmark => ({
  name,
  per: 'envelope',
  ops: ENVELOPES,
  prepare: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'netsoak-bench-export-'));
    const exporter = await open(folder);
    const envelope = Buffer.alloc(bytes, 7);
    return {
      async call() {
        for (let i = 0; i < ENVELOPES; i++) await exporter.write(envelope, 100);
      },
      async release() {
        await exporter.close();
        rmSync(folder, { recursive: true });
      },
    };
  },
});

export const benchmarks: readonly Benchmark[] = [
  write('64 KiB to nowhere', 1 << 16, () => openExporter({ kind: 'null' }, 'protobufList')),
  // /dev/null by way of the file exporter: the path of a file, without the disk's moods.
  write('64 KiB to a device', 1 << 16, () => openExporter({ kind: 'file', path: '/dev/null' }, 'protobufList')),
  // A sampler's standard output is /dev/null too.
  write('64 KiB to standard output', 1 << 16, () => openExporter({ kind: 'stdout' }, 'protobufList')),
];
