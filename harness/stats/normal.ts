/** The standard normal distribution. */

/**
 * P(Z > z), to about 1e-15 relative for z >= 0, so that small p-values keep their digits (1 - P(Z <= z) would lose them). Near the
 * middle the series of Abramowitz and Stegun 26.2.11; further out the continued fraction 26.2.14.
 */
export function upperTail(z: number): number {
  if (z < 0) return 1 - upperTail(-z);
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  if (z < 3) {
    let term = z;
    let sum = z;
    for (let i = 1; Math.abs(term) > 1e-17 * Math.abs(sum); i++) {
      term *= (z * z) / (2 * i + 1);
      sum += term;
    }
    return 0.5 - density * sum;
  }
  let fraction = 0;
  for (let i = 200; i >= 1; i--) fraction = i / (z + fraction);
  return density / (z + fraction);
}

/** z with P(Z > z) = `tail`, for 0 < tail < 1, by bisection. */
export function upperQuantile(tail: number): number {
  let [low, high] = [-40, 40];
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (upperTail(middle) > tail) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
