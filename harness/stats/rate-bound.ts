/** How high may a rate be of which only so many cases were seen? Clopper and Pearson, Biometrika 26 (1934), the upper side alone. */

/** Halvings of the interval: more than a double can tell apart. */
const STEPS = 60;

/**
 * The largest rate (0..1) at which `seen` cases or fewer in `tries` would still be no rarer than 1 - `confidence`. Of none seen it is about
 * 3 / tries at 95 % ("rule of three"); of no tries it is 1.
 */
export function rateAtMost(seen: number, tries: number, confidence = 0.95): number {
  let [low, high] = [0, 1];
  for (let i = 0; i < STEPS; i++) {
    const rate = (low + high) / 2;
    if (atMost(seen, tries, rate) > 1 - confidence) low = rate;
    else high = rate;
  }
  return high;
}

/** Probability of `seen` cases or fewer in `tries`; in logarithms, since the first term alone is too small for a double in thousands of tries. */
function atMost(seen: number, tries: number, rate: number): number {
  let term = tries * Math.log1p(-rate);
  let sum = Math.exp(term);
  for (let k = 1; k <= seen; k++) {
    term += Math.log((tries - k + 1) / k) + Math.log(rate) - Math.log1p(-rate);
    sum += Math.exp(term);
  }
  return sum;
}
