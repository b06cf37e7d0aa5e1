/**
 * Where did a history change its level? Pettitt's statistic (Applied Statistics 28, 1979): the split with the largest Mann-Whitney
 * distance between what lies before and after it. Its usual approximation cannot reach 5 % with ten values (0.066 at best), so the
 * p-value is a permutation test: how often does a shuffled history show such a distance? The shuffles are seeded: same history, same answer.
 */
import type { Judged } from './sample.js';

export interface ChangePoint {
  /** Index of the first value after the change. */
  readonly index: number;
  readonly p: number;
}

/** Fewer runs than these show no change point. */
export const MIN_HISTORY = 10;
const SHUFFLES = 1999;

/** The likeliest change of level; null when there are fewer than {@link MIN_HISTORY} values or chance explains it at 5 %. */
export function changePoint(values: readonly number[]): Judged<ChangePoint | null> {
  if (values.length < MIN_HISTORY) return { value: null, warnings: [`${values.length} runs; a change point takes ${MIN_HISTORY}`] };
  const ranks = midRanks(values);
  const found = largestSplit(ranks);
  if (found.distance === 0) return { value: null, warnings: [] };
  let asFar = 0;
  const next = uniform();
  const shuffled = [...ranks];
  for (let round = 0; round < SHUFFLES; round++) {
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = Math.floor(next() * (i + 1));
      [shuffled[i], shuffled[j]] = [shuffled[j] ?? 0, shuffled[i] ?? 0];
    }
    if (largestSplit(shuffled).distance >= found.distance) asFar++;
  }
  const p = (asFar + 1) / (SHUFFLES + 1);
  return { value: p < 0.05 ? { index: found.index, p } : null, warnings: [] };
}

/** |2 R - t (n + 1)| over all splits t, where R is the sum of the first t ranks. */
function largestSplit(ranks: readonly number[]): { index: number; distance: number } {
  let [sum, index, distance] = [0, 0, 0];
  for (let t = 1; t < ranks.length; t++) {
    sum += ranks[t - 1] ?? 0;
    const d = Math.abs(2 * sum - t * (ranks.length + 1));
    if (d > distance) [index, distance] = [t, d];
  }
  return { index, distance };
}

/** Ranks from 1; equal values share their mean rank. */
function midRanks(values: readonly number[]): number[] {
  return values.map((value) => {
    let [below, equal] = [0, 0];
    for (const other of values) {
      if (other < value) below++;
      else if (other === value) equal++;
    }
    return below + (equal + 1) / 2;
  });
}

/** A fixed stream of uniform numbers in [0, 1): Marsaglia's 32-bit xorshift. */
function uniform(): () => number {
  let state = 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state = (state ^ (state << 5)) >>> 0;
    return state / 2 ** 32;
  };
}
