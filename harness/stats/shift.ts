/**
 * How far apart two samples are: the Hodges-Lehmann estimate, the median of all pairwise differences, with the interval that belongs
 * to the Mann-Whitney test (the shifts that the test would not reject). Hodges and Lehmann, Annals of Mathematical Statistics
 * 34 (1963); the interval after Moses, in Hollander and Wolfe, "Nonparametric Statistical Methods", section 4.3.
 */
import { EXACT_LIMIT, lowerTail } from './mann-whitney.js';
import { upperQuantile } from './normal.js';
import { type Judged, medianOfSorted, sorted } from './sample.js';

export interface Interval {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

/** `b` minus `a`, with an interval that holds the true shift with at least `confidence` (0..1). */
export function hodgesLehmann(a: readonly number[], b: readonly number[], confidence = 0.95): Judged<Interval> {
  const differences = sorted(a.flatMap((x) => b.map((y) => y - x)));
  const estimate = medianOfSorted(differences);
  const skip = outside(a.length, b.length, (1 - confidence) / 2);
  if (skip < 0) {
    return {
      value: { estimate, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY },
      warnings: [`samples of ${a.length} and ${b.length} are too small for an interval of ${percent(confidence)}`],
    };
  }
  const low = differences[skip] ?? Number.NaN;
  const high = differences[differences.length - 1 - skip] ?? Number.NaN;
  return { value: { estimate, low, high }, warnings: [] };
}

/**
 * The same for positive values as a ratio: 0.1 is "b takes a tenth more". Taken on logarithms, where a slowdown is a shift whatever
 * the level, and twice as slow lies as far from zero as twice as fast.
 */
export function relativeShift(a: readonly number[], b: readonly number[], confidence = 0.95): Judged<Interval> {
  const { value, warnings } = hodgesLehmann(a.map(Math.log), b.map(Math.log), confidence);
  return { value: { estimate: Math.expm1(value.estimate), low: Math.expm1(value.low), high: Math.expm1(value.high) }, warnings };
}

/** How many differences to leave out at each end; -1 when even the extremes do not reach the confidence. */
function outside(m: number, n: number, tail: number): number {
  if (m <= EXACT_LIMIT && n <= EXACT_LIMIT) {
    let u = -1;
    while (u + 1 <= (m * n) / 2 && lowerTail(m, n, u + 1) <= tail) u++;
    return u;
  }
  const deviation = Math.sqrt((m * n * (m + n + 1)) / 12);
  return Math.floor((m * n) / 2 - upperQuantile(tail) * deviation) - 1;
}

const percent = (share: number): string => `${Number((share * 100).toFixed(2))} %`;
