import { expect, test } from 'vitest';
import { leastSquaresSlope, mannKendall, theilSenSlope } from './trend.js';

test('Theil-Sen is not impressed by an outlier', () => {
  expect(theilSenSlope([0, 1, 2, 1000, 4, 5, 6])).toBe(1);
  expect(theilSenSlope([3])).toBeNaN();
});

test('Mann-Kendall of ten values in strict order: all 45 pairs rise, deviation sqrt(125)', () => {
  const rising = mannKendall([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(rising.s).toBe(45);
  expect(rising.inflation).toBe(1);
  expect(rising.z).toBeCloseTo(44 / Math.sqrt(125), 10);
  expect(mannKendall([10, 9, 8, 7, 6, 5, 4, 3, 2, 1]).z).toBeCloseTo(-44 / Math.sqrt(125), 10);
});

test('ties take their share from the variance', () => {
  // n = 6, two tied pairs: (6*5*17 - 2 * 2*1*9) / 18 = 26.33; S = 13 pairs that rise.
  const tied = mannKendall([1, 1, 2, 3, 3, 4]);
  expect(tied.s).toBe(13);
  expect(tied.z).toBeCloseTo(12 / Math.sqrt(474 / 18), 10);
});

test('a constant series has no trend', () => {
  expect(mannKendall([7, 7, 7, 7, 7]).z).toBe(0);
});

test('autocorrelation makes the test less sure', () => {
  const waves = Array.from({ length: 60 }, (_, i) => Math.sin(i / 12));
  expect(mannKendall(waves).inflation).toBeGreaterThan(3);
});

test('least squares: Anscombe (1973), first set, has slope 0.5001', () => {
  const xs = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5];
  const ys = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68];
  expect(leastSquaresSlope(xs.map((x, i) => ({ x, y: ys[i] ?? Number.NaN })))).toBeCloseTo(0.5001, 4);
  expect(leastSquaresSlope([{ x: 1, y: 2 }])).toBeNaN();
});
