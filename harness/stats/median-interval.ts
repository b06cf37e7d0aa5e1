/**
 * An interval for the median from order statistics alone: no assumption on the distribution. Between the k-th smallest and the k-th
 * largest of n values the median lies with probability 1 - 2 P(Binomial(n, 1/2) < k).
 */
import { type Judged, medianOfSorted, sorted } from './sample.js';
import type { Interval } from './shift.js';

export interface MedianInterval extends Interval {
  /** What the ranks really give, at least what was asked for where that is possible. */
  readonly confidence: number;
}

/** Fewer values than these have no 95 % interval of their median: 2 / 2^5 is more than 5 %. */
export const MIN_SAMPLES = 6;

/** Median with the narrowest symmetric interval of at least `confidence` (0..1). */
export function medianInterval(values: readonly number[], confidence = 0.95): Judged<MedianInterval> {
  const ascending = sorted(values);
  const n = ascending.length;
  const estimate = medianOfSorted(ascending);
  let left = 0;
  let tail = 0.5 ** n;
  for (let next = tail; n > 0 && 1 - 2 * tail >= confidence; ) {
    next *= (n - left) / (left + 1);
    if (1 - 2 * (tail + next) < confidence) break;
    tail += next;
    left++;
  }
  const reached = Math.max(0, 1 - 2 * tail);
  const warnings = [];
  if (reached < confidence) {
    const need = Math.ceil(1 - Math.log2(1 - confidence));
    warnings.push(`${n} samples: an interval of ${Math.round(confidence * 100)} % takes at least ${need}`);
  }
  return {
    value: { estimate, low: ascending[left] ?? Number.NaN, high: ascending[n - 1 - left] ?? Number.NaN, confidence: reached },
    warnings,
  };
}
