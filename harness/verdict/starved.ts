/**
 * A bound in time that was missed on a machine that did not let the subject run says nothing about the subject. So what a violation of such a
 * bound rests on is set right by what the kernel says the subject was kept waiting (harness/starvation.ts), and judged again: what still fails
 * is the subject's own slowness, the rest is unknown.
 */
import type { RunEvent, Stored } from '../facts/events.js';
import type { Invariant, NeedsCpu } from '../facts/plan.js';
import { plain } from './quantity.js';
import type { Run } from './run.js';
import type { Reading } from './samples.js';
import type { Span } from './timeline.js';

/** Cumulative: the subject within its target, and the target, where it is a machine of its own, on this one. */
const STARVED = ['subject.starvedSeconds', 'target.starvedSeconds'] as const;

/** Less than this share of a time is what any machine with other programs has. */
const NOTICEABLE = 0.1;

/** Seconds in which the subject waited for processors between the samples around these two moments. */
export function starvedSeconds({ columns }: Pick<Run, 'columns'>, from: number, to: number): number {
  return STARVED.reduce((sum, series) => sum + risen(columns.get(series) ?? [], from, to), 0);
}

/** Both ends are rounded outwards: what was told a moment after it was true is not lost. */
function risen(column: readonly Reading[], from: number, to: number): number {
  let [before, after]: (number | undefined)[] = [];
  for (const { at, value } of column) {
    if (value === null) continue;
    if (at <= from || before === undefined) before = value;
    after = value;
    if (at >= to) break;
  }
  return before === undefined || after === undefined ? 0 : Math.max(0, after - before);
}

/** Seconds from the sample before `from` to the one after `to`. */
function wholeSamples({ columns }: Pick<Run, 'columns'>, from: number, to: number): number {
  const ends = STARVED.flatMap((series) => {
    const column = columns.get(series) ?? [];
    const [first, last] = [column.findLast(({ at }) => at <= from) ?? column[0], column.find(({ at }) => at >= to) ?? column.at(-1)];
    return first && last ? [last.at - first.at] : [];
  });
  return Math.max(to - from, ...ends);
}

/** Share of the spans that passed in seconds of noticeable starvation: each of these may have cost a poll. */
export function starvedShare(run: Pick<Run, 'columns'>, spans: readonly Span[]): number {
  const ticks = (run.columns.get(STARVED[0]) ?? []).map(({ at }) => at);
  let [starved, all] = [0, 0];
  for (const { from, to } of spans) {
    all += to - from;
    const inside = ticks.filter((at) => at >= from && at <= to);
    for (const [i, at] of inside.entries()) {
      const next = inside[i + 1];
      if (next !== undefined && starvedSeconds(run, at, next) >= NOTICEABLE * (next - at)) starved += next - at;
    }
  }
  return all > 0 ? Math.min(1, starved / all) : 0;
}

/** The run and the invariant as they would have been had the machine let the subject run: undefined where it did, or where that is no excuse. */
export function hadItRun(
  invariant: Invariant,
  run: Run,
  spans: readonly Span[],
): { run: Run; invariant: Invariant; words: string } | undefined {
  const { needsCpu } = invariant;
  if (!needsCpu || invariant.type === 'restarts' || invariant.type === 'ends') return undefined;
  const lost = spans.reduce((sum, { from, to }) => sum + starvedSeconds(run, from, to), 0);
  if (lost === 0) return undefined;
  const words = `the subject waited ${plain(lost)} s for processors that others had`;
  switch (invariant.type) {
    case 'count':
      return { run, words, invariant: { ...invariant, min: Math.floor(invariant.min * (1 - starvedShare(run, spans))) } };
    case 'ratio':
      return { run, words, invariant: { ...invariant, min: invariant.min * (1 - starvedShare(run, spans)) } };
    case 'ceiling':
    case 'quantile':
      return { words, invariant, run: { ...run, ...setRight(invariant.name, invariant.series, needsCpu, run) } };
    default:
      return undefined;
  }
}

function setRight(name: string, series: string, needsCpu: NeedsCpu, run: Run): Pick<Run, 'columns' | 'events'> {
  const { withinSeconds, tickSeconds = 0 } = needsCpu;
  const isTime = series.endsWith('Seconds');
  const excused = (from: number, at: number): boolean => starvedSeconds(run, from, at) >= NOTICEABLE * withinSeconds;
  const right = ({ at, value }: Reading): Reading => {
    if (value === null) return { at, value };
    if (!isTime) return { at, value: excused(at - withinSeconds, at) ? 0 : value };
    const from = at - value - withinSeconds;
    // What was waited before and after it does not count, only how much of such a time.
    const share = Math.min(1, starvedSeconds(run, from, at) / wholeSamples(run, from, at));
    const turn = share >= NOTICEABLE ? tickSeconds : 0;
    return { at, value: Math.max(0, value * (1 - share) - turn) };
  };
  // Told when it was judged, which is up to as long again after it was true.
  const isExcused = (event: Stored<RunEvent>): boolean =>
    event.kind === 'offence' && event.invariant === name && excused(event.at - 2 * withinSeconds, event.at);
  return {
    columns: new Map(run.columns).set(series, (run.columns.get(series) ?? []).map(right)),
    events: run.events.filter((event) => !isExcused(event)),
  };
}
