import fc from 'fast-check';
import { expect, test } from 'vitest';
import { geometricMean } from './geometric-mean.js';
import { holm } from './holm.js';

// Holm's own worked form, figures as printed by R's p.adjust.
test.each([
  [
    [0.01, 0.02, 0.03, 0.04],
    [0.04, 0.06, 0.06, 0.06],
  ],
  [
    [0.04, 0.001, 0.5],
    [0.08, 0.003, 0.5],
  ],
  [
    [0.6, 0.7],
    [1, 1],
  ],
  [[], []],
])('%j becomes %j', (ps, adjusted) => {
  const result = holm(ps);
  expect(result).toHaveLength(adjusted.length);
  result.forEach((p, i) => {
    expect(p).toBeCloseTo(adjusted[i] ?? Number.NaN, 12);
  });
});

test('keeps the order, never lowers a p-value, never asks more than Bonferroni', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 40 }), (ps) => {
      const adjusted = holm(ps);
      ps.forEach((p, i) => {
        expect(adjusted[i]).toBeGreaterThanOrEqual(p);
        expect(adjusted[i]).toBeLessThanOrEqual(Math.min(1, ps.length * p));
        ps.forEach((q, j) => {
          if (p < q) expect(adjusted[i]).toBeLessThanOrEqual(adjusted[j] ?? 0);
        });
      });
    }),
  );
});

test('the geometric mean of twice and half is one', () => {
  expect(geometricMean([2, 0.5]).value).toBeCloseTo(1, 12);
  expect(geometricMean([1, 10, 100]).value).toBeCloseTo(10, 12);
});

test('what is not above zero is left out of the geometric mean, and said', () => {
  const { value, warnings } = geometricMean([4, 0, 9]);
  expect(value).toBeCloseTo(6, 12);
  expect(warnings).toEqual(['1 of 3 values are not above 0 and have no part in the geometric mean']);
});
