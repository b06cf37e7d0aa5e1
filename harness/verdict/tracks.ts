/**
 * Does a counter that the subject tells of itself agree with what arrived? Both are cumulative, sampled at different moments and on
 * different ways, so between any two samples of the first the second must have moved by as much, give or take what lies within the slack.
 * The subject's counter begins anew with each start, so each start is held by itself.
 */
import type { Sample } from '../stats/leak-gate.js';

export interface Disagreement {
  readonly at: number;
  /** Growth of the told counter since the first sample of the start. */
  readonly told: number;
  /** What the other allows. */
  readonly least: number;
  readonly most: number;
}

/**
 * The first sample of `told` that `seen` contradicts. `starts`: when the subject was started, in order. What was seen before the first and
 * after the last sample of `seen` bounds nothing from below; its last value bounds from above, since it is final.
 */
export function firstDisagreement(
  told: readonly Sample[],
  seen: readonly Sample[],
  starts: readonly number[],
  slackSeconds: number,
): Disagreement | null {
  for (const [i, from] of [Number.NEGATIVE_INFINITY, ...starts].entries()) {
    const to = starts[i] ?? Number.POSITIVE_INFINITY;
    const found = inOneLife(
      told.filter(({ at }) => at >= from && at < to),
      seen,
      slackSeconds,
    );
    if (found) return found;
  }
  return null;
}

/** The first sample that is smaller than the one before it in the same start. */
export function firstStepBack(told: readonly Sample[], starts: readonly number[]): { at: number; from: number; to: number } | null {
  for (const [i, { at, value }] of told.entries()) {
    const before = told[i - 1];
    if (before && value < before.value && !starts.some((start) => start > before.at && start <= at))
      return { at, from: before.value, to: value };
  }
  return null;
}

function inOneLife(told: readonly Sample[], seen: readonly Sample[], slack: number): Disagreement | null {
  const [first] = told;
  // Above, a later first sample serves too: one from which on it is known how much had been seen before it.
  const anchor = told.find(({ at }) => lastBy(seen, at - slack) !== null);
  let highest = Number.NEGATIVE_INFINITY;
  for (const { at, value } of told) {
    if (!first || at === first.at) continue;
    // Smaller than the slack, a step back would hide in it.
    if (value < highest) return { at, told: value - first.value, least: highest - first.value, most: Number.POSITIVE_INFINITY };
    highest = value;
    const before = lastBy(seen, at - slack);
    const sinceFirst = firstFrom(seen, first.at + slack);
    const least = before !== null && sinceFirst !== null ? Math.max(0, before - sinceFirst) : 0;
    if (value - first.value < least) return { at, told: value - first.value, least, most: Number.POSITIVE_INFINITY };
    const baseline = anchor && lastBy(seen, anchor.at - slack);
    if (!anchor || baseline === null || baseline === undefined || at <= anchor.at) continue;
    const most = (firstFrom(seen, at + slack) ?? seen.at(-1)?.value ?? Number.POSITIVE_INFINITY) - baseline;
    if (value - anchor.value > most) return { at, told: value - anchor.value, least: 0, most };
  }
  return null;
}

function lastBy(samples: readonly Sample[], at: number): number | null {
  const index = firstAfter(samples, at) - 1;
  return samples[index]?.value ?? null;
}

function firstFrom(samples: readonly Sample[], at: number): number | null {
  let index = firstAfter(samples, at);
  if (samples[index - 1]?.at === at) index--;
  return samples[index]?.value ?? null;
}

/** Index of the first sample later than `at`; they are in order of time. */
function firstAfter(samples: readonly Sample[], at: number): number {
  let low = 0;
  let high = samples.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((samples[middle]?.at ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
