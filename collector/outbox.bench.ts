/** What handing a finished envelope from the reader to the exporter costs: the queue, the books, the null exporter's checksum. */
import type { Benchmark } from '../harness/bench/benchmark.js';
import type { Envelope } from '../native/index.js';
import { NullExporter } from './export/null.js';
import { Books, Outbox } from './outbox.js';

const ENVELOPES = 50;

const flush = (name: string, rows: number, bytes: number): Benchmark => ({
  name,
  per: 'envelope',
  ops: ENVELOPES,
  prepare: () => {
    const books = new Books();
    const outbox = new Outbox(new NullExporter(), books, {
      dropped: (failure) => {
        throw failure;
      },
      broken: () => {},
    });
    const envelope: Envelope = { bytes: Buffer.alloc(bytes, 7), rows, pollId: 1n, release: () => {} };
    return {
      async call() {
        for (let i = 0; i < ENVELOPES; i++) outbox.push(envelope);
        await outbox.flushed();
        if (books.rowsInMemory !== 0) throw new Error('rows were left');
      },
    };
  },
});

export const benchmarks: readonly Benchmark[] = [
  flush('flush 2,000 rows, 620 KiB', 2_000, 620 << 10),
  flush('flush 10 rows, 3 KiB', 10, 3 << 10),
];
