/** The mean for ratios and for times of very different size: no row weighs more because its numbers are larger. */
import type { Judged } from './sample.js';

/** Geometric mean of positive values; others are left out, which the warning says. NaN when none is left. */
export function geometricMean(values: readonly number[]): Judged<number> {
  const positive = values.filter((value) => value > 0 && Number.isFinite(value));
  const value = Math.exp(positive.reduce((sum, x) => sum + Math.log(x), 0) / positive.length);
  const left = values.length - positive.length;
  return { value, warnings: left > 0 ? [`${left} of ${values.length} values are not above 0 and have no part in the geometric mean`] : [] };
}
