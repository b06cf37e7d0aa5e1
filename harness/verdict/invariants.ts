/**
 * One invariant against one run. Each form answers `fail` when a violation is stored, whatever is missing elsewhere; `unknown`
 * when it is not violated by what is known and too little is known; `pass` only when enough is known.
 */
import type { Invariant } from '../facts/plan.js';
import { type LeakFinding, leakGate, type Sample } from '../stats/leak-gate.js';
import { type Judged, quantile } from '../stats/sample.js';
import { leastSquaresSlope, type Point } from '../stats/trend.js';
import {
  ended,
  type Finding,
  finding,
  inScope,
  MIN_SAMPLES,
  MIN_WINDOW_SAMPLES,
  type Of,
  scopeOf,
  tooLittle,
  unknown,
  unlessUnknown,
} from './finding.js';
import { settledLevel } from './level.js';
import { ends, restarts } from './lives.js';
import { apart, moment, plain, quantity } from './quantity.js';
import type { Run } from './run.js';
import { type Reading, type Samples, samplesOf } from './samples.js';
import { hadItRun } from './starved.js';
import { eventsOf, type Span, startsOf } from './timeline.js';
import { balance, stepwise, tracks } from './told.js';

/** A shortened run that should have fewer samples than these is all edges. */
const MIN_CUT_COUNT = 10;
/** A line through fewer different places says little. */
const MIN_LEVELS = 5;
const SHORTEST_LEAK_RUN_SECONDS = 20 * 60;

export function judgeInvariant(invariant: Invariant, run: Run): Finding {
  const found = judgeForm(invariant, run);
  if (found.verdict.verdict !== 'fail') return found;
  const other = hadItRun(invariant, run, scopeOf(invariant, run));
  if (!other || judgeForm(other.invariant, other.run).verdict.verdict === 'fail') return found;
  const { bound, observed, series } = found.verdict;
  return unknown(invariant, bound, `${observed}; ${other.words}`, 'starved', series);
}

function judgeForm(invariant: Invariant, run: Run): Finding {
  switch (invariant.type) {
    case 'ceiling':
      return ceiling(invariant, run);
    case 'ceiling-over-median':
      return ceilingOverMedian(invariant, run);
    case 'same':
      return same(invariant, run);
    case 'slope':
      return slope(invariant, run);
    case 'tracks':
      return tracks(invariant, run);
    case 'stepwise':
      return stepwise(invariant, run);
    case 'balance':
      return balance(invariant, run);
    case 'rate':
      return rate(invariant, run);
    case 'rise':
      return rise(invariant, run);
    case 'quantile':
      return quantileAtMost(invariant, run);
    case 'count':
      return count(invariant, run);
    case 'ratio':
      return ratio(invariant, run);
    case 'restarts':
      return restarts(invariant, run);
    case 'ends':
      return ends(invariant, run);
    case 'leak':
      return leak(invariant, run);
  }
}

function ceiling(invariant: Of<'ceiling'>, run: Run): Finding {
  const { series, max, name } = invariant;
  const samples = inScope(invariant, series, run);
  const bound = `at most ${quantity(series, max)}`;
  const told = toldViolation(invariant, run);
  const over = crossing(samples.known, max);
  if (over === null && told !== null) {
    const observed = `violation stored at ${moment(told.at)}: ${told.detail}`;
    return finding(invariant, 'fail', bound, observed, { series, at: told.at, sentence: `${name}: ${told.detail} at ${moment(told.at)}` });
  }
  if (over === null)
    return unlessUnknown(invariant, samples, run, bound, series, () =>
      max === 0 ? `0 in all ${plain(samples.known.length)} samples` : `largest ${quantity(series, largest(samples.known))}`,
    );
  const text = apart(series, over.worst, max);
  const range = fromTo(quantity(series, over.first), text.value);
  const many = `${over.count} of ${plain(samples.known.length)} samples`;
  const at = Math.min(over.at, told?.at ?? Number.POSITIVE_INFINITY);
  return finding(invariant, 'fail', `at most ${text.bound}`, `${range}, above from ${moment(over.at)} (${many})`, {
    series,
    at,
    sentence:
      max === 0
        ? `${name}: ${series} ${range}, must stay 0, first violated at ${moment(over.at)}`
        : `${name} ${range}, crosses the ceiling of ${text.bound} at ${moment(over.at)}`,
  });
}

function ceilingOverMedian(invariant: Of<'ceiling-over-median'>, run: Run): Finding {
  const { series, factor, plus, name } = invariant;
  const samples = inScope(invariant, series, run);
  const settled = settledLevel(invariant, samples.known, run);
  const formula = `at most ${plain(factor)} x median${plus === 0 ? '' : ` + ${quantity(series, plus)}`}`;
  const max = factor * settled + plus;
  const over = samples.known.length < MIN_WINDOW_SAMPLES ? null : crossing(samples.known, max);
  if (over === null) {
    return unlessUnknown(
      invariant,
      samples,
      run,
      formula,
      series,
      () => `largest ${quantity(series, largest(samples.known))}, median ${quantity(series, settled)}`,
    );
  }
  const text = apart(series, over.worst, max);
  const range = fromTo(quantity(series, over.first), text.value);
  return finding(
    invariant,
    'fail',
    `${formula} = ${text.bound}`,
    `${range}, above from ${moment(over.at)} (${plain(over.count)} of ${plain(samples.known.length)} samples)`,
    {
      series,
      at: over.at,
      sentence: `${name} ${range}, crosses ${text.bound} (median ${quantity(series, settled)}) at ${moment(over.at)}`,
    },
  );
}

/** Windows stand where the scenario put them, also before the measured phase. One that is still open can only grow its maximum. */
function same(invariant: Of<'same'>, run: Run): Finding {
  const { series, windows, name } = invariant;
  const bound = `the same in ${windows.map((window) => `"${window}"`).join(' and ')}`;
  const seen = windows.map((window) => {
    const spans = run.timeline.windows.get(window) ?? [];
    const samples = samplesOf(run.columns, series, spans, run.timeline);
    return {
      window,
      samples,
      closed: spans.length > 0 && spans.every((span) => span.closed && span.to <= run.timeline.trustedUntil),
      max: largest(samples.known),
    };
  });
  const observed = seen.map(({ window, max }) => `${quantity(series, max)} in "${window}"`).join(', ');
  const settled = seen.filter((s) => s.closed && s.samples.known.length >= MIN_WINDOW_SAMPLES);
  const reference = settled[0];
  const other =
    reference &&
    (settled.find((s) => s.max !== reference.max) ??
      seen.find((s) => !s.closed && s.samples.known.length > 0 && s.max > Math.min(...settled.map((c) => c.max))));
  if (reference && other) {
    const at = other.samples.known.find(({ value }) => value > reference.max)?.at ?? other.samples.known[0]?.at ?? 0;
    return finding(invariant, 'fail', bound, observed, {
      series,
      at,
      sentence: `${name}: ${series} ${quantity(series, reference.max)} in "${reference.window}" -> ${quantity(series, other.max)} in "${other.window}", must be the same, differs at ${moment(at)}`,
    });
  }
  for (const { window, samples, closed } of seen) {
    const reason = tooLittle(samples, MIN_WINDOW_SAMPLES);
    if (reason) return unknown(invariant, bound, `"${window}": ${reason.text}`, reason.cause, series);
    if (!closed) return unknown(invariant, bound, `window "${window}" never ended`, 'few', series);
  }
  return finding(invariant, 'pass', bound, observed, { series });
}

function slope(invariant: Of<'slope'>, run: Run): Finding {
  const { series, against, maxChange, name } = invariant;
  const samples = inScope(invariant, series, run);
  const bound = `at most ${plain(maxChange)} over all of ${against}`;
  const points = pairedByTime(samples.known, run.columns.get(against) ?? []);
  const xs = points.map(({ x }) => x);
  const levels = new Set(xs).size;
  if (levels < MIN_LEVELS) return unknown(invariant, bound, `${against} took ${levels} values, too few for a line`, 'few', series);
  // A level line comes out of floating point as 1e-33.
  const perUnit = Number(leastSquaresSlope(points).toFixed(9));
  const [least, most] = [Math.min(...xs), Math.max(...xs)];
  const change = perUnit * (most - least);
  const observed = `${plain(change)} from ${plain(least)} to ${plain(most)} of ${against}, ${plain(perUnit)} for each`;
  if (Math.abs(change) <= maxChange) return unlessUnknown(invariant, samples, run, bound, series, () => observed);
  return finding(invariant, 'fail', bound, observed, { series, sentence: `${name}: ${series} changes by ${observed}, must not follow it` });
}

function rate(invariant: Of<'rate'>, run: Run): Finding {
  const { series, maxPerSecond, name } = invariant;
  const samples = inScope(invariant, series, run);
  const starts = startsOf(run.events);
  const bound = `at most ${plain(maxPerSecond)} a second`;
  let [risen, seconds] = [0, 0];
  for (const [i, { at, value }] of samples.known.entries()) {
    const before = samples.known[i - 1];
    if (!before || starts.some((start) => start > before.at && start <= at)) continue;
    // A process that is gone takes what it had used along.
    risen += Math.max(0, value - before.value);
    seconds += at - before.at;
  }
  const each = risen / seconds;
  const observed = `${plain(each)} a second over ${moment(seconds)}`;
  if (samples.known.length < MIN_SAMPLES || !(each > maxPerSecond))
    return unlessUnknown(invariant, samples, run, bound, series, () => observed);
  return finding(invariant, 'fail', bound, observed, { series, sentence: `${name}: ${series} rises by ${observed}, must be ${bound}` });
}

/** So many samples have a least one in each third that says something. */
const LEAST_FOR_THIRDS = 15;

function rise(invariant: Of<'rise'>, run: Run): Finding {
  const { series, plus, name } = invariant;
  const [span] = scopeOf(invariant, run);
  const bound = `at most ${quantity(series, plus)} above the first third`;
  const skipped = (why: string): Finding => finding(invariant, 'skipped', bound, why, { series });
  if (span && span.to - span.from >= SHORTEST_LEAK_RUN_SECONDS) return skipped('left to the leak gate in 20 minutes and more');
  if (span && startsOf(run.events).some((at) => at > span.from && at <= span.to))
    return skipped('not judged where the subject was started again');
  const samples = inScope(invariant, series, run);
  if (span && samples.known.length < LEAST_FOR_THIRDS) return skipped(`not judged by ${samples.known.length} samples`);
  const third = span ? (span.to - span.from) / 3 : 0;
  const first = least(samples.known.filter(({ at }) => span && at <= span.from + third));
  const last = least(samples.known.filter(({ at }) => span && at >= span.to - third));
  const observed = `least ${quantity(series, first)} in the first third, ${quantity(series, last)} in the last`;
  if (!(last > first + plus)) return unlessUnknown(invariant, samples, run, bound, series, () => observed);
  return finding(invariant, 'fail', bound, observed, { series, sentence: `${name}: ${series} ${observed}, must be ${bound}` });
}

/** Each sample with the latest value that `column` had by then. */
function pairedByTime(known: readonly Sample[], column: readonly Reading[]): Point[] {
  const points: Point[] = [];
  let next = 0;
  let x: number | null = null;
  for (const { at, value } of known) {
    for (let reading = column[next]; reading !== undefined && reading.at <= at; reading = column[++next]) x = reading.value;
    if (x !== null) points.push({ x, y: value });
  }
  return points;
}

function quantileAtMost(invariant: Of<'quantile'>, run: Run): Finding {
  const { series, q, max, name } = invariant;
  const samples = inScope(invariant, series, run);
  const label = `p${plain(q * 100, 6)}`;
  const { value, warnings } = quantile(
    samples.known.map((sample) => sample.value),
    q,
  );
  const text = apart(series, value, max);
  const bound = `${label} at most ${text.bound}`;
  // In a short run a high quantile is the maximum. That is no fault of the run; it is said where the figure stands.
  const observed = `${label} ${text.value}, ${warnings.length > 0 ? 'the largest ' : ''}of ${plain(samples.known.length)} samples`;
  if (samples.known.length < MIN_SAMPLES || value <= max) return unlessUnknown(invariant, samples, run, bound, series, () => observed);
  const at = samples.known.find((sample) => sample.value > max)?.at ?? 0;
  return finding(invariant, 'fail', bound, `${observed}, above first at ${moment(at)}`, {
    series,
    at,
    sentence: `${name}: ${label} of ${series} is ${text.value}, above ${text.bound}, first at ${moment(at)}`,
  });
}

/**
 * Samples here are events in time (polls): one that never came is the violation, so gaps are no excuse. In a phase that ended
 * early the minimum shrinks with it, and its two ends weigh more than the samples between them: there only a series of which
 * more than half is missing is a violation, any other shortfall is unknown. So it is when the end of the phase is not stored,
 * since the rest may have come.
 */
function count(invariant: Of<'count'>, run: Run): Finding {
  const { series, min, name } = invariant;
  const spans = scopeOf(invariant, run);
  const { known } = samplesOf(run.columns, series, spans, run.timeline);
  const needed = invariant.window === undefined ? Math.floor(min * run.share) : min;
  const most = mostOf(invariant, run);
  const bound =
    (needed === min ? `at least ${plain(min)}` : `at least ${plain(needed)} (${plain(min)} in a whole run)`) +
    (most === undefined ? '' : `, at most ${plain(most)}`);
  const observed = `${plain(known.length)} samples of ${series}`;
  if (spans.length === 0) return unknown(invariant, bound, 'nothing was measured', 'few', series);
  if (most !== undefined && known.length > most) {
    const sentence = `${name}: ${observed} came, at most ${plain(most)} fit into it`;
    return finding(invariant, 'fail', bound, observed, { series, at: known[most]?.at ?? 0, sentence });
  }
  if (known.length >= needed) return finding(invariant, 'pass', bound, observed, { series });
  if (!ended(spans, run)) return unknown(invariant, bound, `${observed} until the store ends`, 'few', series);
  if (needed < min && (needed < MIN_CUT_COUNT || 2 * known.length >= needed))
    return unknown(invariant, bound, `${observed} until it was cut short`, 'few', series);
  return finding(invariant, 'fail', bound, observed, {
    series,
    sentence: `${name}: only ${plain(known.length)} of at least ${plain(needed)} samples of ${series} came in ${moment(spans.reduce((sum, s) => sum + s.to - s.from, 0))}`,
  });
}

/** A phase may last longer than planned: its last round does. */
function mostOf({ max, window }: Of<'count'>, { measured, plan }: Run): number | undefined {
  if (max === undefined || window !== undefined) return max;
  return Math.ceil(max * Math.max(1, measured / plan.durationSeconds));
}

/** Both are cumulative, and the judge has the last word after the phase: without a window the last value of the run counts. */
function ratio(invariant: Of<'ratio'>, run: Run): Finding {
  const { numerator, denominator, min, name } = invariant;
  const bound = `at least ${percent(min)}`;
  const spans = invariant.window === undefined ? null : scopeOf(invariant, run);
  const above = lastKnown(run, numerator, spans);
  const below = lastKnown(run, denominator, spans);
  if (above === null || below === null)
    return unknown(invariant, bound, `no value of ${above === null ? numerator : denominator}`, 'few', numerator);
  if (below.value === 0) return unknown(invariant, bound, `${denominator} is 0: nothing to compare`, 'few', numerator);
  const observed = `${plain(above.value)} of ${plain(below.value)}, ${percent(above.value / below.value)}`;
  if (above.value / below.value >= min) return finding(invariant, 'pass', bound, observed, { series: numerator });
  if (!ended(spans ?? scopeOf({ ...invariant }, run), run))
    return unknown(invariant, bound, `${observed} until the store ends`, 'few', numerator);
  return finding(invariant, 'fail', bound, observed, {
    series: numerator,
    sentence: `${name}: ${numerator} is ${plain(above.value)} of ${plain(below.value)} (${percent(above.value / below.value)}), must be at least ${percent(min)}`,
  });
}

/** The leak gate over the measured phase; undefined in a run too short for it. */
export function leakOf(invariant: Of<'leak'>, run: Run): { samples: Samples; judged: Judged<LeakFinding | null> } | undefined {
  const [span] = scopeOf(invariant, run);
  if (!span || span.to - span.from < SHORTEST_LEAK_RUN_SECONDS) return undefined;
  const samples = inScope(invariant, invariant.series, run);
  const to = Math.min(span.to, run.timeline.trustedUntil);
  return { samples, judged: leakGate(samples.known, span.from, to, invariant.minGrowth) };
}

function leak(invariant: Of<'leak'>, run: Run): Finding {
  const { series, minGrowth, name } = invariant;
  const bound = `no growth of ${quantity(series, minGrowth)} or more`;
  const found = leakOf(invariant, run);
  if (!found) return finding(invariant, 'skipped', bound, 'not judged in less than 20 minutes', { series });
  const { value, warnings } = found.judged;
  const told = warnings.map((warning) => `${name}: ${warning}`);
  if (value === null) return unknown(invariant, bound, warnings[0] ?? 'too few samples', 'gap', series);
  const trend = `${value.growth < 0 ? '-' : '+'}${quantity(series, Math.abs(value.growth))}, ${quantity(series, Math.abs(value.slopePerHour))} an hour`;
  if (!value.leaking)
    return unlessUnknown(invariant, found.samples, run, bound, series, () => (value.growth === 0 ? 'level' : `trend ${trend}`), told);
  const { from, to } = value.line ?? {};
  return finding(invariant, 'fail', bound, `grows: ${trend}`, {
    series,
    warnings: told,
    sentence: `${name}: ${series} ${quantity(series, from?.value ?? Number.NaN)} -> ${quantity(series, to?.value ?? Number.NaN)} along its trend, grows by ${quantity(series, value.slopePerHour)} an hour`,
  });
}

function crossing(known: readonly Sample[], max: number): { at: number; first: number; worst: number; count: number } | null {
  const over = known.filter(({ value }) => value > max);
  const [earliest] = over;
  if (!earliest) return null;
  return { at: earliest.at, first: known[0]?.value ?? earliest.value, worst: largest(over), count: over.length };
}

function largest(known: readonly Sample[]): number {
  return known.reduce((most, { value }) => Math.max(most, value), Number.NEGATIVE_INFINITY);
}

/** A finding of the judge against a figure that must stay 0, or evidence that was gathered at a violation: stored is stored. */
function toldViolation(invariant: Of<'ceiling'>, run: Run): { at: number; detail: string } | null {
  const within = ({ at }: { at: number }): boolean =>
    at < run.timeline.trustedUntil && scopeOf(invariant, run).some((span) => at >= span.from && at <= span.to);
  const offence =
    invariant.max === 0 ? eventsOf(run.events, 'offence').find((event) => event.invariant === invariant.name && within(event)) : undefined;
  if (offence) return { at: offence.at, detail: offence.detail };
  const evidence = eventsOf(run.events, 'evidence').find((event) => event.invariant === invariant.name && within(event));
  return evidence ? { at: evidence.at, detail: 'evidence of a violation was gathered' } : null;
}

function lastKnown(run: Run, series: string, spans: readonly Span[] | null): Sample | null {
  const column = run.columns.get(series) ?? [];
  for (let i = column.length - 1; i >= 0; i--) {
    const { at, value } = column[i] ?? { at: 0, value: null };
    const inside = spans === null || spans.some((span) => at >= span.from && at <= span.to);
    if (inside && at < run.timeline.trustedUntil && value !== null) return { at, value };
  }
  return null;
}

function least(known: readonly Sample[]): number {
  return known.reduce((lowest, { value }) => Math.min(lowest, value), Number.POSITIVE_INFINITY);
}

/** `14 -> 208`; a figure that was wrong from the first sample on is said once. */
function fromTo(from: string, to: string): string {
  return from === to ? to : `${from} -> ${to}`;
}

function percent(part: number): string {
  return `${plain(part * 100, 4)} %`;
}
