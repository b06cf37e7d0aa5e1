import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { distribution, EXACT_LIMIT, lowerTail, mannWhitney, smallestP } from './mann-whitney.js';

/** Hollander and Wolfe, table 4.1: permeability of the human chorioamnion at term and at 12 to 26 weeks. */
const TERM = [0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
const EARLY = [1.15, 0.88, 0.9, 0.74, 1.21];

/** New York ozone, May and August 1973 (Chambers et al., "Graphical Methods for Data Analysis"): many ties. */
const MAY = [41, 36, 12, 18, 28, 23, 19, 8, 7, 16, 11, 14, 18, 14, 34, 6, 30, 11, 1, 11, 4, 32, 23, 45, 115, 37];
const AUGUST = [39, 9, 16, 78, 35, 66, 122, 89, 110, 44, 28, 65, 22, 59, 23, 31, 44, 21, 9, 45, 168, 73, 76, 118, 84, 85];

describe('published figures', () => {
  test('the distribution of U for 4 and 4', () => {
    expect([...distribution(4, 4)]).toEqual([1, 1, 2, 3, 5, 5, 7, 7, 8, 7, 7, 5, 5, 3, 2, 1, 1]);
  });

  // Two-sided critical values at 5 %: the largest U that is still significant.
  test.each([
    [4, 4, 0],
    [4, 6, 2],
    [5, 5, 2],
    [6, 6, 5],
    [7, 9, 12],
    [8, 8, 13],
    [9, 9, 17],
    [10, 10, 23],
    [12, 12, 37],
    [10, 20, 55],
    [15, 15, 64],
    [20, 20, 127],
  ])('critical value for %i and %i is %i', (m, n, critical) => {
    expect(lowerTail(m, n, critical)).toBeLessThanOrEqual(0.025);
    expect(lowerTail(m, n, critical + 1)).toBeGreaterThan(0.025);
  });

  test('permeability: U 35 of 50, one-sided p .1272, exact', () => {
    const { value } = mannWhitney(EARLY, TERM);
    expect(value.u).toBe(35);
    expect(value.p / 2).toBeCloseTo(0.1272, 4);
    expect(value.method).toBe('exact');
  });

  test('ozone: U 127.5, p .0001208 by the normal form with ties', () => {
    const { value } = mannWhitney(AUGUST, MAY);
    expect(value.u).toBe(127.5);
    expect(value.p).toBeCloseTo(0.0001208, 7);
    expect(value.method).toBe('normal');
  });
});

const sample = fc.uniqueArray(fc.double({ noNaN: true, noDefaultInfinity: true }), {
  minLength: 2,
  maxLength: 24,
  comparator: (a, b) => a === b,
});

test('p does not change when the samples change places, and U turns over', () => {
  fc.assert(
    fc.property(sample, sample, (a, b) => {
      const [there, back] = [mannWhitney(a, b).value, mannWhitney(b, a).value];
      expect(there.u + back.u).toBe(a.length * b.length);
      expect(there.p).toBeCloseTo(back.p, 12);
      expect(there.p).toBeGreaterThan(0);
      expect(there.p).toBeLessThanOrEqual(1);
    }),
  );
});

test('p depends on order alone: any rising function of the values leaves it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 2, maxLength: 12 }),
      fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 2, maxLength: 12 }),
      (a, b) => {
        const cube = (x: number): number => x ** 3 + 5;
        expect(mannWhitney(a.map(cube), b.map(cube)).value).toEqual(mannWhitney(a, b).value);
      },
    ),
  );
});

test('the counted distribution agrees with counting every order by hand', () => {
  for (const [m, n] of [
    [3, 4],
    [5, 2],
    [4, 5],
  ] as const) {
    const counts = new Array<number>(m * n + 1).fill(0);
    for (let mask = 0; mask < 1 << (m + n); mask++) {
      const isB = Array.from({ length: m + n }, (_, i) => (mask >> i) & 1);
      if (isB.filter(Boolean).length !== n) continue;
      let [u, seenA] = [0, 0];
      for (const b of isB) {
        if (b) u += seenA;
        else seenA++;
      }
      counts[u] = (counts[u] ?? 0) + 1;
    }
    expect([...distribution(m, n)]).toEqual(counts);
  }
});

test('exact and normal agree where both may be used', () => {
  const a = Array.from({ length: EXACT_LIMIT }, (_, i) => i);
  const exact = mannWhitney(
    a,
    a.map((x) => x + 5.5),
  ).value;
  const normal = mannWhitney([...a, -1000], [...a.map((x) => x + 5.5), 1000.5]).value;
  expect(exact.method).toBe('exact');
  expect(normal.method).toBe('normal');
  expect(Math.abs(exact.p - normal.p)).toBeLessThan(0.02);
});

test('complete separation gives the smallest p there is', () => {
  expect(mannWhitney([1, 2, 3, 4], [5, 6, 7, 8]).value.p).toBe(smallestP(4, 4));
  expect(smallestP(4, 4)).toBeCloseTo(2 / 70, 12);
});

test('nothing to tell apart: p is 1, with a warning', () => {
  expect(mannWhitney([], [1])).toMatchObject({ value: { p: 1 }, warnings: [expect.stringContaining('empty')] });
  expect(mannWhitney([3, 3, 3], [3, 3])).toMatchObject({ value: { p: 1 }, warnings: ['all values are equal'] });
});

test('identical code is called different at 5 % about one time in twenty, never much more often', () => {
  let state = 7;
  const next = (): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  let called = 0;
  for (let round = 0; round < 1000; round++) {
    const draw = (): number[] => Array.from({ length: 10 }, () => -Math.log(next()));
    if (mannWhitney(draw(), draw()).value.p < 0.05) called++;
  }
  expect(called).toBeGreaterThan(20);
  expect(called).toBeLessThan(65);
});
