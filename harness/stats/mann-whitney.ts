/**
 * Mann-Whitney U: do two samples come from one distribution? It assumes nothing of their shape, which fits run times: skewed,
 * with spikes, now and then in two modes. Mann and Whitney, "On a test of whether one of two random variables is stochastically
 * larger than the other", Annals of Mathematical Statistics 18 (1947).
 */
import { upperTail } from './normal.js';
import type { Judged } from './sample.js';

export interface MannWhitney {
  /** Pairs (a, b) with b above a; a tie counts half. */
  readonly u: number;
  /** Two-sided. 1 when a sample is empty. */
  readonly p: number;
  readonly method: 'exact' | 'normal';
}

/** Largest sample for which the distribution of U is counted out, as published tables do. */
export const EXACT_LIMIT = 20;

/** Tests whether `b` is shifted against `a`. Exact up to {@link EXACT_LIMIT} values a side without ties, else normal with tie correction. */
export function mannWhitney(a: readonly number[], b: readonly number[]): Judged<MannWhitney> {
  const [m, n] = [a.length, b.length];
  if (m === 0 || n === 0) return { value: { u: 0, p: 1, method: 'exact' }, warnings: ['a sample is empty: there is nothing to compare'] };
  let u = 0;
  for (const x of a) for (const y of b) u += y > x ? 1 : y === x ? 0.5 : 0;
  const ties = tieSizes([...a, ...b]);
  if (ties.length === 0 && m <= EXACT_LIMIT && n <= EXACT_LIMIT) {
    const extreme = Math.min(u, m * n - u);
    return { value: { u, p: Math.min(1, 2 * lowerTail(m, n, extreme)), method: 'exact' }, warnings: [] };
  }
  const total = m + n;
  const tieTerm = ties.reduce((sum, t) => sum + t ** 3 - t, 0);
  const variance = ((m * n) / 12) * (total + 1 - tieTerm / (total * (total - 1)));
  const distance = Math.max(0, Math.abs(u - (m * n) / 2) - 0.5);
  const p = variance === 0 ? 1 : Math.min(1, 2 * upperTail(distance / Math.sqrt(variance)));
  const warnings = variance === 0 ? ['all values are equal'] : [];
  if (Math.min(m, n) < 8 && variance > 0) warnings.push(`ties in samples of ${m} and ${n}: p is an approximation`);
  return { value: { u, p, method: 'normal' }, warnings };
}

/** Smallest two-sided p that samples of these sizes can give: complete separation. */
export function smallestP(m: number, n: number): number {
  return Math.min(1, 2 / binomial(m + n, n));
}

/** P(U <= u) for samples of `m` and `n` values without ties from one distribution. */
export function lowerTail(m: number, n: number, u: number): number {
  const counts = distribution(m, n);
  let below = 0;
  for (let i = 0; i <= Math.min(Math.floor(u), counts.length - 1); i++) below += counts[i] ?? 0;
  return below / binomial(m + n, n);
}

const counted = new Map<string, Float64Array>();

/**
 * In how many orders of m + n values U takes each value from 0 to m*n: the coefficients of the Gaussian binomial, built by one
 * multiplication by (1 - q^(n+i)) and one division by (1 - q^i) for each i up to m. Whole numbers, at most C(40, 20) = 1.4e11.
 */
export function distribution(m: number, n: number): Float64Array {
  const key = `${m} ${n}`;
  const known = counted.get(key);
  if (known) return known;
  const size = m * n + 1;
  const counts = new Float64Array(size);
  counts[0] = 1;
  for (let i = 1; i <= m; i++) {
    for (let k = size - 1; k >= n + i; k--) counts[k] = (counts[k] ?? 0) - (counts[k - n - i] ?? 0);
    for (let k = i; k < size; k++) counts[k] = (counts[k] ?? 0) + (counts[k - i] ?? 0);
  }
  counted.set(key, counts);
  return counts;
}

function binomial(n: number, k: number): number {
  let product = 1;
  for (let i = 1; i <= k; i++) product = (product * (n - k + i)) / i;
  return product;
}

/** Sizes of the groups of equal values, those above 1. */
function tieSizes(values: readonly number[]): number[] {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts.values()].filter((count) => count > 1);
}
