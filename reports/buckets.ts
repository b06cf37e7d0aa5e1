/**
 * A series made small enough to draw: the range is cut into equal buckets, and of each only minimum, mean and maximum stay, so
 * that a spike of one sample in twelve hours is still seen. The raw samples stay in series.ndjson beside the report.
 */
import { median } from '../harness/stats/sample.js';
import { gapLimit, type Reading } from '../harness/verdict/samples.js';

export interface Bucket {
  /** Index in the grid; indexes without a bucket had no sample and are bridged. */
  readonly i: number;
  /** Null when nothing is known here: a line must not cross it. */
  readonly value: { readonly min: number; readonly mean: number; readonly max: number } | null;
}

export interface Grid {
  readonly from: number;
  readonly step: number;
  readonly count: number;
}

/** How a series is drawn: as it is, or as its change a second (of a counter). */
export type Form = 'level' | 'rate';

export function shaped(column: readonly Reading[], form: Form): readonly Reading[] {
  if (form === 'level') return column;
  const rates: Reading[] = [];
  let before: { at: number; value: number } | null = null;
  for (const { at, value } of column) {
    if (value === null) rates.push({ at, value: null });
    // A counter that fell began anew with its process: what it counted in between is not known.
    else if (before && at > before.at) rates.push({ at, value: value >= before.value ? (value - before.value) / (at - before.at) : null });
    before = value === null ? null : { at, value };
  }
  return rates;
}

/** A grid that suits the slowest of some series: no finer than its sampling, at most `most` buckets. */
export function gridFor(series: readonly (readonly Reading[])[], from: number, to: number, most: number): Grid {
  const range = Math.max(to - from, 1e-3);
  const period = Math.max(...series.map(periodOf));
  const count = Math.max(1, Math.min(most, Math.floor(range / period)));
  return { from, step: range / count, count };
}

export function bucketize(readings: readonly Reading[], grid: Grid): Bucket[] {
  const cells: { i: number; min: number; max: number; sum: number; n: number }[] = [];
  const add = (i: number): void => {
    cells.push({ i, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY, sum: 0, n: 0 });
  };
  const limit = gapLimit(readings);
  let lastKnown: number | null = null;
  for (const { at, value } of readings) {
    const i = Math.min(grid.count - 1, Math.floor((at - grid.from) / grid.step));
    if (i < 0) continue;
    const last = cells.at(-1);
    if (last?.i !== i) {
      // A hole without a word is as unknown as one with it.
      if (value !== null && lastKnown !== null && at - lastKnown > limit && last && last.n > 0 && last.i + 1 < i) add(last.i + 1);
      add(i);
    }
    const cell = cells.at(-1);
    if (value === null || !cell) continue;
    cell.min = Math.min(cell.min, value);
    cell.max = Math.max(cell.max, value);
    cell.sum += value;
    cell.n++;
    lastKnown = at;
  }
  return cells.map(({ i, min, max, sum, n }) => ({ i, value: n === 0 ? null : { min, mean: sum / n, max } }));
}

/** Median distance of two readings in seconds; what a single reading has is taken for a second. */
export function periodOf(readings: readonly Reading[]): number {
  const distances: number[] = [];
  for (let i = 1; i < readings.length; i++) distances.push((readings[i]?.at ?? 0) - (readings[i - 1]?.at ?? 0));
  const usual = median(distances);
  return usual > 0 ? usual : 1;
}
