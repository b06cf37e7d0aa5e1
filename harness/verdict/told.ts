/** What the subject tells of itself, held against what was seen of it, and against the rest of what it tells. */
import type { Sample } from '../stats/leak-gate.js';
import { type Finding, finding, inScope, MIN_SAMPLES, type Of, unknown, unlessUnknown } from './finding.js';
import { moment, plain } from './quantity.js';
import type { Run } from './run.js';
import type { Samples } from './samples.js';
import { firstMisstep, type Point } from './stepwise.js';
import { startsOf } from './timeline.js';
import { firstDisagreement, firstStepBack } from './tracks.js';

export function tracks(invariant: Of<'tracks'>, run: Run): Finding {
  const { series, of, slackSeconds, name } = invariant;
  const bound = `grows as ${of} does, within ${plain(slackSeconds)} s`;
  if (!run.columns.has(series)) return finding(invariant, 'skipped', bound, 'the subject has no such metric', { series });
  const samples = inScope(invariant, series, run);
  const seen = arrivedOf(of, run);
  const starts = startsOf(run.events);
  const found = firstDisagreement(samples.known, seen, starts, slackSeconds);
  const back = firstOf(
    (invariant.counters ?? []).flatMap((counter) => {
      const step = firstStepBack(inScope(invariant, counter, run).known, starts);
      return step ? [{ ...step, counter }] : [];
    }),
  );
  if (back && (!found || back.at <= found.at)) {
    const { counter, from, to, at } = back;
    const observed = `${counter} stepped back from ${plain(from)} to ${plain(to)} at ${moment(at)}, without a start`;
    return finding(invariant, 'fail', bound, observed, { series: counter, at, sentence: `${name}: ${observed}` });
  }
  if (!found && isShortOfScrapes(samples))
    return finding(invariant, 'skipped', bound, `not judged by ${samples.known.length} samples`, { series });
  if (!found) return unlessUnknown(invariant, samples, run, bound, series, () => `agrees in all ${plain(samples.known.length)} samples`);
  const { at, told, least, most } = found;
  const observed = `told ${plain(told)}, ${told < least ? `at least ${plain(least)}` : `at most ${plain(most)}`} arrived, at ${moment(at)}`;
  return finding(invariant, 'fail', bound, observed, { series, at, sentence: `${name}: ${series} ${observed}` });
}

/** A slow target is scraped every 5 s: a run of 20 s has few samples, and nothing is wrong with that. Scrapes that failed are another matter. */
function isShortOfScrapes({ known, unknown: lost, gaps }: Samples): boolean {
  return known.length < MIN_SAMPLES && lost === 0 && gaps.length === 0;
}

function firstOf<T extends { readonly at: number }>(found: readonly T[]): T | undefined {
  return found.reduce<T | undefined>((first, one) => (first === undefined || one.at < first.at ? one : first), undefined);
}

/** What the judge counted, for as long as the store is to be trusted. */
function arrivedOf(series: string, run: Run): Sample[] {
  return (run.columns.get(series) ?? []).flatMap(({ at, value }) =>
    value === null || at >= run.timeline.trustedUntil ? [] : [{ at, value }],
  );
}

/** What a scrape told stands in one point of time, so values belong together by it; so does what one poll brought. */
function pointsOf(samples: readonly Sample[], steps: string, run: Run): Point[] {
  const stepsAt = new Map((run.columns.get(steps) ?? []).map(({ at, value }) => [at, value]));
  return samples.flatMap(({ at, value }) => {
    const made = stepsAt.get(at) ?? null;
    return made === null ? [] : [{ at, steps: made, value }];
  });
}

/** Rows by the polls that brought them: no clock comes into it (stepwise.ts). */
export function stepwise(invariant: Of<'stepwise'>, run: Run): Finding {
  const { series, steps, of, ofSteps, name } = invariant;
  const bound = `between ${of} after as many of ${ofSteps} and after one more`;
  if (![series, steps].every((one) => run.columns.has(one)))
    return finding(invariant, 'skipped', bound, 'the subject lacks one of these metrics', { series });
  const samples = inScope(invariant, series, run);
  const seen = arrivedOf(of, run);
  const arrivals = pointsOf(seen, ofSteps, run);
  if (arrivals.length === 0) return unknown(invariant, bound, `no value of ${of}`, 'few', series);
  const found = firstMisstep(pointsOf(samples.known, steps, run), arrivals, startsOf(run.events));
  if (!found && isShortOfScrapes(samples))
    return finding(invariant, 'skipped', bound, `not judged by ${samples.known.length} samples`, { series });
  if (!found) return unlessUnknown(invariant, samples, run, bound, series, () => `agrees in all ${plain(samples.known.length)} samples`);
  const { at, value, least, most } = found;
  const arrived = value < least ? `these brought ${plain(least)}` : `with the next one they brought ${plain(most)}`;
  const observed = `told ${plain(value)} after ${plain(found.steps)} polls, ${arrived}, at ${moment(at)}`;
  return finding(invariant, 'fail', bound, observed, { series, at, sentence: `${name}: ${series} ${observed}` });
}

/** The books of one scrape, held against themselves. */
export function balance(invariant: Of<'balance'>, run: Run): Finding {
  const { series, parts, name } = invariant;
  const bound = `${series} = ${parts.join(' + ')}`;
  if (![series, ...parts].every((one) => run.columns.has(one)))
    return finding(invariant, 'skipped', bound, 'the subject lacks one of these metrics', { series });
  const samples = inScope(invariant, series, run);
  const told = parts.map((part) => new Map((run.columns.get(part) ?? []).map(({ at, value }) => [at, value])));
  for (const { at, value } of samples.known) {
    const values = told.map((part) => part.get(at) ?? null);
    if (values.includes(null)) continue;
    const sum = values.reduce<number>((total, part) => total + (part ?? 0), 0);
    if (sum === value) continue;
    const observed = `${plain(value)} is not ${values.map((part) => plain(part ?? 0)).join(' + ')} = ${plain(sum)}, at ${moment(at)}`;
    return finding(invariant, 'fail', bound, observed, { series, at, sentence: `${name}: ${series} ${observed}` });
  }
  if (isShortOfScrapes(samples)) return finding(invariant, 'skipped', bound, `not judged by ${samples.known.length} samples`, { series });
  return unlessUnknown(invariant, samples, run, bound, series, () => `adds up in all ${plain(samples.known.length)} samples`);
}
