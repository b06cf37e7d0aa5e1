/** Order statistics of one sample. They never print; what the caller should know comes back beside the value. */

/** A result and what its reader must know about it, each warning a clear sentence. */
export interface Judged<T> {
  readonly value: T;
  readonly warnings: readonly string[];
}

/** Ascending copy; values that are no finite number are left out. */
export function sorted(values: readonly number[]): Float64Array {
  return new Float64Array(values.filter(Number.isFinite)).sort();
}

/** Middle value, or the mean of the two middle ones. NaN for an empty sample. */
export function median(values: readonly number[]): number {
  return medianOfSorted(sorted(values));
}

export function medianOfSorted(ascending: Float64Array): number {
  const middle = ascending.length >> 1;
  const upper = ascending[middle];
  if (upper === undefined) return Number.NaN;
  return ascending.length % 2 === 1 ? upper : ((ascending[middle - 1] ?? upper) + upper) / 2;
}

/**
 * Quantile by nearest rank: the smallest value with at least `q` (0..1) of the sample at or below it. Always a value that was
 * observed. In a sample smaller than 1/(1-q) it is the maximum, which the warning says.
 */
export function quantile(values: readonly number[], q: number): Judged<number> {
  const ascending = sorted(values);
  // Without the slack 0.07 x 100 would be 7.000000000000001 and its rank 8.
  const rank = Math.max(1, Math.ceil(q * ascending.length - 1e-9));
  const value = ascending[rank - 1] ?? Number.NaN;
  const warnings =
    ascending.length > 0 && q < 1 && rank === ascending.length
      ? [
          `of ${ascending.length} samples the ${q} quantile is the largest; it takes ${Math.ceil(1 / (1 - q) - 1e-9) + 1} to tell them apart`,
        ]
      : [];
  return { value, warnings };
}
