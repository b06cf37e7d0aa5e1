/**
 * The samples of one series inside some spans, and where nothing is known. A value that is null or no finite number is unknown,
 * never zero. A hole shorter than three lost samples in a row is bridged, since the time between any two samples is a hole too;
 * a longer one is a gap, and nothing can be said about it.
 */
import type { SeriesPoint } from '../facts/events.js';
import type { Sample } from '../stats/leak-gate.js';
import { median, quantile } from '../stats/sample.js';
import type { Span, Timeline } from './timeline.js';

export interface Samples {
  readonly known: readonly Sample[];
  readonly gaps: readonly { readonly from: number; readonly to: number }[];
  /** Samples that were taken and told nothing. */
  readonly unknown: number;
}

/** More than three periods, with half a period for jitter: three samples lost in a row. */
const GAP_PERIODS = 3.5;
/** The sampler's own period: no series is held to a finer one. */
const SHORTEST_PERIOD_SECONDS = 1;
/** A series whose nine-in-ten interval is this many times its median one follows events, not a clock, and pauses as they do. */
const IRREGULAR = 2;
const GAP_IRREGULAR_PERIODS = 5;
/** Told when namespaces die, which the kernel has them do in batches: that for seconds none dies is no sample lost. */
const DEATHS = /^load\.(gone|held)Seconds$/;
const NO_DEATH_SECONDS = 30;

/** One value of a series; null is unknown, never zero. */
export interface Reading {
  readonly at: number;
  readonly value: number | null;
}

/** All series of a run, each in order of time. A series that was never sampled is not in it. */
export type Columns = ReadonlyMap<string, readonly Reading[]>;

/** Polls are judged when they are whole and stamped with when they began, so points need not come in order. */
export function columnsOf(points: readonly SeriesPoint[]): Columns {
  const columns = new Map<string, Reading[]>();
  for (const { at, v } of points) {
    for (const series in v) {
      const value = v[series];
      let column = columns.get(series);
      if (!column) {
        column = [];
        columns.set(series, column);
      }
      column.push({ at, value: typeof value === 'number' && Number.isFinite(value) ? value : null });
    }
  }
  for (const column of columns.values()) {
    if (column.some(({ at }, i) => i > 0 && at < (column[i - 1]?.at ?? at))) column.sort((a, b) => a.at - b.at);
  }
  return columns;
}

export function samplesOf(columns: Columns, series: string, spans: readonly Span[], timeline: Timeline): Samples {
  const column = columns.get(series) ?? [];
  const until = timeline.trustedUntil;
  const all = Number.isFinite(until) ? column.filter(({ at }) => at < until) : column;
  const downtimes = isAboutSubject(series) ? timeline.orderedDowntimes : [];
  const limit = gapLimit(all);
  const silence = DEATHS.test(series) ? Math.max(limit, NO_DEATH_SECONDS) : limit;
  const known: Sample[] = [];
  const gaps: { from: number; to: number }[] = [];
  let unknown = 0;
  for (const span of spans) {
    const to = Math.min(span.to, timeline.trustedUntil);
    let before = span.from;
    let allowed = silence;
    for (const { at, value } of all) {
      if (at < span.from || at > to) continue;
      if (value === null) {
        allowed = limit;
        if (!downtimes.some((down) => at >= down.from && at <= down.to + limit)) unknown++;
        continue;
      }
      if (at - before - overlap(before, at, downtimes) > allowed) gaps.push({ from: before, to: at });
      known.push({ at, value });
      before = at;
      allowed = silence;
    }
    if (to - before - overlap(before, to, downtimes) > allowed) gaps.push({ from: before, to });
  }
  return { known, gaps, unknown };
}

/** Everything but the load's and the harness's own figures falls silent when the subject is stopped. */
function isAboutSubject(series: string): boolean {
  return !/^(load|agent|harness)\./.test(series);
}

/** Sorting the intervals of twelve hours is the dear part of judging and drawing them, so each column is looked at once. */
const limits = new WeakMap<readonly Reading[], number>();

/** Seconds without a known value that make a gap, from how the series is sampled over the whole run. */
export function gapLimit(readings: readonly Reading[]): number {
  const limit = limits.get(readings) ?? findGapLimit(readings);
  limits.set(readings, limit);
  return limit;
}

function findGapLimit(readings: readonly Reading[]): number {
  const intervals: number[] = [];
  let before: number | null = null;
  for (const { at, value } of readings) {
    if (value === null) continue;
    if (before !== null) intervals.push(at - before);
    before = at;
  }
  if (intervals.length === 0) return GAP_PERIODS * SHORTEST_PERIOD_SECONDS;
  const usual = Math.max(SHORTEST_PERIOD_SECONDS, median(intervals));
  const long = quantile(intervals, 0.9).value;
  return long > IRREGULAR * usual ? GAP_IRREGULAR_PERIODS * long : GAP_PERIODS * usual;
}

function overlap(from: number, to: number, spans: readonly Span[]): number {
  return spans.reduce((sum, span) => sum + Math.max(0, Math.min(to, span.to) - Math.max(from, span.from)), 0);
}
