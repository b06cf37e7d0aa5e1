/** Two ways to know how long an envelope has become: a sum that is kept, and a walk over all rows after each one, as the ancestor did it. */
import type { Benchmark } from '../bench/benchmark.js';

/** Bytes of a row; real ones are between 300 and 700. */
const ROW = Buffer.alloc(515, 7);
export const SIZES = [250, 1_000, 4_000] as const;

type Append = (rows: Buffer[], row: Buffer, size: number) => number;

const framed = (row: Buffer): number => 1 + (row.length < 128 ? 1 : row.length < 16_384 ? 2 : 3) + row.length;

const kept: Append = (rows, row, size) => {
  rows.push(row);
  return size + framed(row);
};

const walked: Append = (rows, row) => {
  rows.push(row);
  let size = 0;
  for (const each of rows) size += framed(each);
  return size;
};

const fill = (name: string, append: Append, count: number): Benchmark => ({
  name: `${name}, ${count} rows`,
  per: 'row',
  ops: count,
  prepare: () => {
    const expected = count * framed(ROW);
    const call = (): number => {
      const rows: Buffer[] = [];
      let size = 0;
      for (let i = 0; i < count; i++) size = append(rows, ROW, size);
      return size;
    };
    if (call() !== expected) throw new Error('the size is wrong');
    return { call };
  },
});

export const benchmarks: readonly Benchmark[] = SIZES.flatMap((count) => [
  fill('running size', kept, count),
  fill('walked size', walked, count),
]);
