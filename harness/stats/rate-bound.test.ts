import { expect, test } from 'vitest';
import { rateAtMost } from './rate-bound.js';

test('of none seen in n tries it is 1 - 0.05^(1/n), nearly 3/n', () => {
  for (const n of [10, 50, 100, 5000]) expect(rateAtMost(0, n)).toBeCloseTo(1 - 0.05 ** (1 / n), 10);
  expect(rateAtMost(0, 50)).toBeCloseTo(0.0582, 4);
});

// scipy.stats.beta.ppf(0.95, k + 1, n - k)
test('of some seen it is what tables have', () => {
  expect(rateAtMost(1, 10)).toBeCloseTo(0.3942, 4);
  expect(rateAtMost(2, 50)).toBeCloseTo(0.1206, 4);
});

test('of nothing tried, or all seen, it bounds nothing', () => {
  expect(rateAtMost(0, 0)).toBe(1);
  expect(rateAtMost(10, 10)).toBe(1);
});
