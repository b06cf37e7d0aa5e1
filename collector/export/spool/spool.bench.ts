/** An outage, row for row: what an envelope costs on its way to the disk, and on its way back. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Benchmark, PreparedCall } from '../../../harness/bench/benchmark.js';
import { Spool } from './spool.js';

const ENVELOPES = 100;
const ENVELOPE = Buffer.alloc(1 << 16, 7);
const ROWS = 120;

async function fresh(): Promise<{ spool: Spool; fill(): Promise<void>; drain(): Promise<void>; release(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'netsoak-bench-spool-'));
  let lost = 0;
  const events = {
    lost: (_: string, rows: number) => {
      lost += rows;
    },
    noticed: () => {},
  };
  const spool = await Spool.open(folder, 64 << 20, events);
  return {
    spool,
    async fill() {
      for (let i = 0; i < ENVELOPES; i++) await spool.append(ENVELOPE, ROWS);
    },
    async drain() {
      for (let record = await spool.head(); record !== undefined; record = await spool.head()) await spool.done();
      if (lost > 0) throw new Error(`${lost} rows were lost on the way`);
    },
    async release() {
      await spool.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export const benchmarks: readonly Benchmark[] = [
  {
    name: 'append and replay 64 KiB',
    per: 'envelope',
    ops: ENVELOPES,
    prepare: async (): Promise<PreparedCall> => {
      const { fill, drain, release } = await fresh();
      return {
        async call() {
          await fill();
          await drain();
        },
        release,
      };
    },
  },
  {
    // Older envelopes are pushed out for newer ones, as in an outage that outlasts the spool.
    name: 'append 64 KiB to a full spool',
    per: 'envelope',
    ops: ENVELOPES,
    prepare: async (): Promise<PreparedCall> => {
      const { fill, release } = await fresh();
      for (let filled = 0; filled < 12; filled++) await fill();
      return { call: fill, release };
    },
  },
];
