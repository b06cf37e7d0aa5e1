/**
 * Trend of evenly spaced values, without assuming how they are distributed: how steep (Theil-Sen) and whether it is more than
 * chance (Mann-Kendall). Memory of a healthy process is autocorrelated, and the plain Mann-Kendall test then calls nearly
 * everything a trend; so its variance is corrected after Hamed and Rao, "A modified Mann-Kendall trend test for autocorrelated
 * data", Journal of Hydrology 204 (1998).
 */
import { medianOfSorted } from './sample.js';

/** Median of the slopes of all pairs, per step. NaN for fewer than two values. */
export function theilSenSlope(values: readonly number[]): number {
  const n = values.length;
  const slopes = new Float64Array((n * (n - 1)) / 2);
  let k = 0;
  for (let i = 0; i < n; i++) {
    const from = values[i] ?? Number.NaN;
    for (let j = i + 1; j < n; j++) slopes[k++] = ((values[j] ?? Number.NaN) - from) / (j - i);
  }
  return medianOfSorted(slopes.sort());
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Slope of the ordinary least-squares line, in units of y for one of x. NaN unless x takes two values at least. */
export function leastSquaresSlope(points: readonly Point[]): number {
  const n = points.length;
  let meanX = 0;
  let meanY = 0;
  for (const { x, y } of points) {
    meanX += x / n;
    meanY += y / n;
  }
  let xy = 0;
  let xx = 0;
  for (const { x, y } of points) {
    xy += (x - meanX) * (y - meanY);
    xx += (x - meanX) ** 2;
  }
  return xy / xx;
}

export interface MannKendall {
  /** Pairs that rise minus pairs that fall. */
  readonly s: number;
  /** S over its corrected deviation, with continuity correction: standard normal when there is no trend. */
  readonly z: number;
  /** Factor by which autocorrelation widens the variance of S; 1 when there is none. */
  readonly inflation: number;
}

/** Mann-Kendall with the Hamed-Rao correction. Values evenly spaced in time, at least 4, or z is 0. */
export function mannKendall(values: readonly number[]): MannKendall {
  const n = values.length;
  if (n < 4) return { s: 0, z: 0, inflation: 1 };
  let s = 0;
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) s += Math.sign((values[j] ?? 0) - (values[i] ?? 0));
  }
  const inflation = varianceInflation(values);
  const variance = ((n * (n - 1) * (2 * n + 5) - tieTerm(values)) / 18) * inflation;
  const z = variance <= 0 || s === 0 ? 0 : (s - Math.sign(s)) / Math.sqrt(variance);
  return { s, z, inflation };
}

/** Ties carry no order and take this much from the variance (times 18). */
function tieTerm(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  let term = 0;
  for (const t of counts.values()) term += t * (t - 1) * (2 * t + 5);
  return term;
}

/**
 * n/n* of Hamed and Rao: from the autocorrelation of the ranks of the detrended values, at those lags where it is significant
 * at 5 %. Never below 1: negative autocorrelation would make the test surer than independent values do, and a check that cries
 * wolf is worse here than one that sleeps a little longer.
 */
function varianceInflation(values: readonly number[]): number {
  const n = values.length;
  const slope = theilSenSlope(values);
  const ranks = ranksOf(values.map((value, i) => value - slope * i));
  const mean = (n + 1) / 2;
  let total = 0;
  for (const rank of ranks) total += (rank - mean) ** 2;
  if (total === 0) return 1;
  const significant = 1.96 / Math.sqrt(n);
  let sum = 0;
  for (let lag = 1; lag < n - 2; lag++) {
    let product = 0;
    for (let i = 0; i + lag < n; i++) product += ((ranks[i] ?? 0) - mean) * ((ranks[i + lag] ?? 0) - mean);
    const correlation = product / total;
    if (Math.abs(correlation) > significant) sum += (n - lag) * (n - lag - 1) * (n - lag - 2) * correlation;
  }
  return Math.max(1, 1 + (2 / (n * (n - 1) * (n - 2))) * sum);
}

/** Ranks from 1; ties share their mean rank. */
function ranksOf(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
  const ranks = new Array<number>(values.length).fill(0);
  for (let i = 0; i < order.length; ) {
    let j = i;
    while (j + 1 < order.length && values[order[j + 1] ?? 0] === values[order[i] ?? 0]) j++;
    for (let k = i; k <= j; k++) ranks[order[k] ?? 0] = (i + j) / 2 + 1;
    i = j + 1;
  }
  return ranks;
}
