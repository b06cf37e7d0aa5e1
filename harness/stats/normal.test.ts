import { expect, test } from 'vitest';
import { upperQuantile, upperTail } from './normal.js';

// Abramowitz and Stegun, tables 26.1 and 26.2.
test.each([
  [0, 0.5],
  [1, 0.158655253931457],
  [1.959963984540054, 0.025],
  [3, 0.00134989803163],
  [5, 2.866515719e-7],
  [10, 7.6198530241605e-24],
])('P(Z > %d) is %d', (z, tail) => {
  expect(upperTail(z) / tail).toBeCloseTo(1, 8);
  expect(upperTail(-z)).toBeCloseTo(1 - tail, 12);
});

test('the quantile undoes the tail', () => {
  for (const tail of [0.4, 0.025, 1e-6, 0.9]) expect(upperTail(upperQuantile(tail)) / tail).toBeCloseTo(1, 9);
});

test('the two forms meet where one takes over from the other', () => {
  expect(upperTail(3 - 1e-12) / upperTail(3)).toBeCloseTo(1, 10);
});
