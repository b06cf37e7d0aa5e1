import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MIN_SAMPLES, medianInterval } from './median-interval.js';

// Ranks and true confidence of the 95 % interval, as tabulated for the sign test (Hollander and Wolfe, table A.2).
test.each([
  [6, 1, 6, 0.9688],
  [8, 1, 8, 0.9922],
  [9, 2, 8, 0.9609],
  [10, 2, 9, 0.9785],
  [15, 4, 12, 0.9648],
  [20, 6, 15, 0.9586],
  [25, 8, 18, 0.9567],
])('of %i values the interval runs from rank %i to rank %i', (n, low, high, confidence) => {
  const { value, warnings } = medianInterval(Array.from({ length: n }, (_, i) => n - i));
  expect(value).toMatchObject({ low, high });
  expect(value.confidence).toBeCloseTo(confidence, 4);
  expect(warnings).toEqual([]);
});

test('fewer values than the least give all there is and say how many it takes', () => {
  const { value, warnings } = medianInterval([3, 1, 2, 5, 4]);
  expect(value).toMatchObject({ estimate: 3, low: 1, high: 5, confidence: 0.9375 });
  expect(warnings).toEqual([`5 samples: an interval of 95 % takes at least ${MIN_SAMPLES}`]);
});

test('an empty sample is no number, with a warning and no exception', () => {
  const { value, warnings } = medianInterval([]);
  expect(value).toMatchObject({ estimate: Number.NaN, low: Number.NaN, high: Number.NaN, confidence: 0 });
  expect(warnings).toHaveLength(1);
});

test('the median lies between its bounds, which are observed values', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true, min: -1e150, max: 1e150 }), { minLength: 1, maxLength: 60 }), (values) => {
      const { low, high, estimate } = medianInterval(values).value;
      expect(low).toBeLessThanOrEqual(estimate);
      expect(estimate).toBeLessThanOrEqual(high);
      expect(values).toContain(low);
      expect(values).toContain(high);
    }),
  );
});
