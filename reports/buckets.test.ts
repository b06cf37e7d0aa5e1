import { expect, test } from 'vitest';
import type { Reading } from '../harness/verdict/samples.js';
import { type Bucket, bucketize, gridFor, shaped } from './buckets.js';

const second = (values: readonly (number | null | undefined)[]): Reading[] =>
  values.flatMap((value, at) => (value === undefined ? [] : [{ at, value }]));
const draw = (buckets: readonly Bucket[], count: number): string =>
  Array.from({ length: count }, (_, i) => {
    const bucket = buckets.find((b) => b.i === i);
    return bucket === undefined ? '.' : bucket.value === null ? 'x' : '#';
  }).join('');

test('a spike of one sample in twelve hours is still there', () => {
  const readings = Array.from({ length: 43_200 }, (_, at) => ({ at, value: at === 30_000 ? 999 : 14 }));
  const grid = gridFor([readings], 0, 43_200, 480);
  const buckets = bucketize(readings, grid);
  expect(grid.count).toBe(480);
  expect(buckets).toHaveLength(480);
  expect(Math.max(...buckets.map(({ value }) => value?.max ?? 0))).toBe(999);
  expect(buckets.filter(({ value }) => value?.max !== value?.min)).toHaveLength(1);
});

test('minimum, mean and maximum are those of the bucket', () => {
  const [bucket] = bucketize(second([1, 2, 6]), { from: 0, step: 3, count: 1 });
  expect(bucket).toEqual({ i: 0, value: { min: 1, mean: 3, max: 6 } });
});

test('a line breaks where nothing is known, said or unsaid, and bridges a single lost sample', () => {
  const grid = { from: 0, step: 1, count: 16 };
  const known = [1, 1, 1, 1, 1, 1];
  expect(draw(bucketize(second([...known, null, null, null, null, ...known]), grid), 16)).toBe('######xxxx######');
  expect(draw(bucketize(second([...known, undefined, undefined, undefined, undefined, ...known]), grid), 16)).toBe('######x...######');
  expect(draw(bucketize(second([...known, undefined, ...known, ...known]), grid), 13)).toBe('######.######');
});

test('a grid is no finer than the slowest of its series', () => {
  const slow = [0, 5, 10, 15, 20].map((at) => ({ at, value: 1 }));
  expect(gridFor([second([1, 2, 3]), slow], 0, 20, 480)).toEqual({ from: 0, step: 5, count: 4 });
});

test('a counter is drawn by its rate; one that began anew is unknown for that moment', () => {
  const rates = shaped(second([0, 10, 30, 5, 6]), 'rate').map(({ value }) => value);
  expect(rates).toEqual([10, 20, null, 1]);
  expect(shaped(second([0, 10, null, 30, 40]), 'rate').map(({ value }) => value)).toEqual([10, null, 10]);
});
