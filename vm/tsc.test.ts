import { expect, it } from 'vitest';
import { frequencyOf, type TscRecord } from './tsc.js';

/** Records a millisecond apart of a counter of 2.3 GHz, each as late as `late` says. */
const counted = (late: (i: number) => number, count = 300): TscRecord[] =>
  Array.from({ length: count }, (_, i) => ({ ticks: 5e12 + i * 2_300_000, arrivedMs: 1000 + i + late(i) }));

it('is what the counter counts between two moments', () => {
  expect(frequencyOf(counted(() => 0.1))).toBeCloseTo(2_300_000, 0);
});

it('is not led astray by records that come late, wherever they stand', () => {
  // A program that waits for a core most of the time; every twentieth record comes at once.
  const starved = counted((i) => (i % 20 === 7 ? 0.05 : 3 + ((i * 37) % 90)));
  expect(Math.abs((frequencyOf(starved) ?? 0) / 2_300_000 - 1)).toBeLessThan(1e-4);
});

it('is unknown of too few records', () => {
  expect(frequencyOf(counted(() => 0, 20))).toBeUndefined();
  expect(frequencyOf([])).toBeUndefined();
});
