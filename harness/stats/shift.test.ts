import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hodgesLehmann, relativeShift } from './shift.js';

const TERM = [0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
const EARLY = [1.15, 0.88, 0.9, 0.74, 1.21];

describe('published figures', () => {
  test('permeability (Hollander and Wolfe, table 4.1): shift .305, 95 % from -.15 to .76', () => {
    const { value, warnings } = hodgesLehmann(EARLY, TERM);
    expect(value.estimate).toBeCloseTo(0.305, 10);
    expect(value.low).toBeCloseTo(-0.15, 10);
    expect(value.high).toBeCloseTo(0.76, 10);
    expect(warnings).toEqual([]);
  });

  test('for 10 and 10 the interval leaves out 23 differences at each end', () => {
    const a = Array.from({ length: 10 }, (_, i) => i * 10);
    const b = Array.from({ length: 10 }, (_, i) => i);
    const differences = a.flatMap((x) => b.map((y) => y - x)).sort((x, y) => x - y);
    expect(hodgesLehmann(a, b).value).toMatchObject({ low: differences[23], high: differences[76] });
  });
});

const values = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 4, maxLength: 25 });

test('moves along when one sample is moved, and turns its sign when they change places', () => {
  fc.assert(
    fc.property(values, values, fc.integer({ min: -50, max: 50 }), (a, b, by) => {
      const plain = hodgesLehmann(a, b).value;
      const moved = hodgesLehmann(
        a,
        b.map((x) => x + by),
      ).value;
      expect(moved).toEqual({ estimate: plain.estimate + by, low: plain.low + by, high: plain.high + by });
      const back = hodgesLehmann(b, a).value;
      expect(back.estimate + plain.estimate).toBe(0);
      expect(back.low + plain.high).toBe(0);
      expect(plain.low).toBeLessThanOrEqual(plain.estimate);
      expect(plain.estimate).toBeLessThanOrEqual(plain.high);
    }),
  );
});

test('holds the true shift in at least 95 of 100 experiments, small samples and large', () => {
  let state = 11;
  const next = (): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  for (const size of [10, 25]) {
    let held = 0;
    for (let round = 0; round < 400; round++) {
      const draw = (by: number): number[] => Array.from({ length: size }, () => -Math.log(next()) + by);
      const { low, high } = hodgesLehmann(draw(0), draw(3)).value;
      if (low <= 3 && 3 <= high) held++;
    }
    expect(held).toBeGreaterThanOrEqual(372);
  }
});

test('a relative shift of ten percent reads 0.1, whatever the level', () => {
  const a = [100, 101, 99, 103, 97, 102];
  for (const scale of [1, 1e-6, 1e6]) {
    const scaled = a.map((x) => x * scale);
    expect(
      relativeShift(
        scaled,
        scaled.map((x) => x * 1.1),
      ).value.estimate,
    ).toBeCloseTo(0.1, 10);
  }
});

test('samples too small for the confidence have no bounds and say so', () => {
  const { value, warnings } = hodgesLehmann([1, 2, 3], [4, 5, 6]);
  expect(value).toEqual({ estimate: 3, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY });
  expect(warnings).toEqual(['samples of 3 and 3 are too small for an interval of 95 %']);
});
