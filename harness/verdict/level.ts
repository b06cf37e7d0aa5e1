/** The level that a figure showed once it had settled: what `ceiling-over-median` is held to, and what the report draws. */
import type { Invariant } from '../facts/plan.js';
import type { Sample } from '../stats/leak-gate.js';
import { median } from '../stats/sample.js';
import { MIN_WINDOW_SAMPLES, scopeOf } from './finding.js';
import type { Run } from './run.js';
import { eventsOf } from './timeline.js';

const WARM_UP = 0.2;
/** Share of the phase in which a figure shows the level that it has to stay near. */
const SETTLED_BY = 0.4;

/**
 * Median of the slice that follows the warm-up; NaN without samples. Not of all that follows: a leak would raise the
 * median that it is measured by, and at 9 MB a second it did so for a minute without crossing it.
 */
function settledMedian(known: readonly Sample[]): number {
  const from = known[0]?.at ?? 0;
  const length = (known.at(-1)?.at ?? 0) - from;
  const settled = known.filter(({ at }) => at >= from + WARM_UP * length);
  const slice = settled.filter(({ at }) => at <= from + SETTLED_BY * length);
  return median((slice.length >= MIN_WINDOW_SAMPLES ? slice : settled.slice(0, MIN_WINDOW_SAMPLES)).map(({ value }) => value));
}

/** A life shorter than this does not settle: Node's heap is still growing. */
const SHORTEST_SETTLED_LIFE_SECONDS = 20;

/**
 * The level that a figure has to stay near. Where the subject was started again meanwhile, each life warms up anew: the longest one tells, and
 * if none was long enough to settle, all samples together. Nothing that grows is hidden by that, since it can grow in one life only.
 */
export function settledLevel(invariant: Invariant, known: readonly Sample[], run: Run): number {
  const spans = scopeOf(invariant, run);
  const starts = eventsOf(run.events, 'subject-start').flatMap(({ at }) =>
    spans.some(({ from, to }) => at > from && at <= to) ? [at] : [],
  );
  if (starts.length === 0) return settledMedian(known);
  const bounds = [Number.NEGATIVE_INFINITY, ...starts, Number.POSITIVE_INFINITY];
  const lives = bounds.slice(1).map((end, i) => known.filter(({ at }) => at >= (bounds[i] ?? end) && at < end));
  const length = (life: readonly Sample[]): number => (life.at(-1)?.at ?? 0) - (life[0]?.at ?? 0);
  const longest = lives.reduce((a, b) => (length(b) > length(a) ? b : a));
  return length(longest) >= SHORTEST_SETTLED_LIFE_SECONDS ? settledMedian(longest) : median(known.map(({ value }) => value));
}
