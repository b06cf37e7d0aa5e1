import { expect, test } from 'vitest';
import { median, quantile } from './sample.js';

test('the median of an even sample lies between the middle two, whatever the order', () => {
  expect(median([9, 1, 3, 2])).toBe(2.5);
  expect(median([5])).toBe(5);
  expect(median([])).toBeNaN();
});

test('a quantile by nearest rank is always a value that was observed', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect(quantile(hundred, 0.99).value).toBe(99);
  expect(quantile(hundred, 0.07).value).toBe(7);
  expect(quantile(hundred, 0).value).toBe(1);
  expect(quantile(hundred, 1).value).toBe(100);
});

test('says when a sample is too small to tell the quantile from the maximum', () => {
  expect(quantile([1, 2, 3], 0.99)).toEqual({
    value: 3,
    warnings: ['of 3 samples the 0.99 quantile is the largest; it takes 101 to tell them apart'],
  });
  expect(
    quantile(
      Array.from({ length: 101 }, (_, i) => i),
      0.99,
    ).warnings,
  ).toEqual([]);
});

test('what is no number does not count', () => {
  expect(median([Number.NaN, 1, 3])).toBe(2);
  expect(quantile([Number.NaN], 0.5).value).toBeNaN();
});
