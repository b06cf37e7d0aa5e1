/**
 * Says which rows of a comparison differ. Pure. A row is a regression (or an improvement) only if all of these hold:
 * 1. Mann-Whitney over processes, corrected by Holm over all judged rows, is below 5 %;
 * 2. the Hodges-Lehmann shift is at least the floor: what identical code shows on this machine, and never below 3 %;
 * 3. for results that were not interleaved, the floor is raised by how far the yardstick moved in between;
 * 4. a second measurement of these rows alone, right afterwards, says so again.
 * Four, because with only the first a suite of thirty rows cries wolf in every second run.
 */
import { holm } from '../stats/holm.js';
import { mannWhitney, smallestP } from '../stats/mann-whitney.js';
import { type MedianInterval, medianInterval } from '../stats/median-interval.js';
import { median } from '../stats/sample.js';
import { type Interval, relativeShift } from '../stats/shift.js';
import { METRIC_NAMES, METRICS, type MetricName, type Row, rowId } from './benchmark.js';
import { hostDifferences } from './host.js';
import { type BenchComparison, noiseKey, type RowSamples } from './result.js';

/** No effect below this is called anything, however quiet the machine: layout alone can move code that far. */
export const LEAST_EFFECT = 0.03;
/** The floor where the noise of this host has not been measured. */
export const UNMEASURED_NOISE = 0.05;
/** How far a machine may have moved between two days, where no yardstick tells. */
export const UNMEASURED_DRIFT = 0.1;
export const ALPHA = 0.05;
/** Where only larger changes can be seen, the reader is told so. */
const POOR_SIGHT = 0.1;
/** The row that is made of code nobody changes; how far it moves is how far the machine moved. */
export const YARDSTICK = 'harness/bench/yardstick';

export type RowVerdict =
  | 'same'
  /** Worse, and worse again when measured again. */
  | 'regression'
  /** Better, both times. */
  | 'improvement'
  /** Looked different, but not the same way when measured again. */
  | 'not-confirmed'
  /** Looks different; nobody measured it again. */
  | 'unconfirmed'
  /** Shown for information. */
  | 'not-judged';

export interface JudgedRow extends Row {
  readonly id: string;
  readonly metric: MetricName;
  readonly old: MedianInterval;
  readonly new: MedianInterval;
  readonly n: readonly [old: number, new: number];
  /** New over old, 0.1 is ten percent more; null where a value is not above zero. */
  readonly shift: Interval | null;
  /** After Holm; null for what is not judged. */
  readonly p: number | null;
  readonly floor: number;
  readonly verdict: RowVerdict;
  /** The shift of the second measurement, if there was one. */
  readonly again: Interval | null;
}

export interface Judgement {
  readonly rows: readonly JudgedRow[];
  readonly warnings: readonly string[];
  /** How far the yardstick moved between two measurements that were not interleaved; null when it was not measured with both. */
  readonly drift: number | null;
  /** A change that half of the judged rows would have shown: without it, "no difference" could mean that nobody could see. */
  readonly sight: number;
}

/** The rows that should be measured again before anybody is told. */
export function suspects(judgement: Judgement): JudgedRow[] {
  return judgement.rows.filter(({ verdict }) => verdict === 'unconfirmed');
}

export function judge(comparison: BenchComparison): Judgement {
  const drift = comparison.interleaved ? 0 : worstDrift(comparison);
  const pairs = pairUp(comparison.old.rows, comparison.new.rows);
  const foreign = hostDifferences(comparison.old.host, comparison.new.host);
  const judged = foreign.length > 0 ? [] : pairs.filter((pair) => isJudged(pair, comparison.interleaved));
  const tests = judged.map(({ a, b }) => mannWhitney(a, b));
  const adjusted = holm(tests.map(({ value }) => value.p));
  const again = new Map(
    comparison.again ? pairUp(comparison.again.old, comparison.again.new).map((pair) => [noiseKey(pair.id, pair.metric), pair]) : [],
  );
  const rows = pairs.map((pair): JudgedRow => {
    const floor = floorOf(comparison, pair, drift);
    const index = judged.indexOf(pair);
    const p = adjusted[index] ?? null;
    const shift = shiftOf(pair);
    const second = again.get(noiseKey(pair.id, pair.metric));
    const { a, b, ...row } = pair;
    return {
      ...row,
      old: medianInterval(a).value,
      new: medianInterval(b).value,
      n: [a.length, b.length],
      shift,
      p,
      floor,
      again: second ? shiftOf(second) : null,
      verdict: verdictOf(p, shift, floor, second),
    };
  });
  const sight = sightOf(rows);
  return { rows, warnings: warningsOf(comparison, foreign, judged, drift, sight), drift, sight };
}

/** What a reader must know before he believes the rows. */
function warningsOf(
  comparison: BenchComparison,
  foreign: readonly string[],
  judged: readonly Pair[],
  drift: number | null,
  sight: number,
): string[] {
  if (foreign.length > 0) {
    return [`ANOTHER HOST: ${foreign.join(', ')}. The figures stand side by side; nothing is called better or worse`];
  }
  const [first] = judged;
  if (!first) return [];
  const warnings: string[] = [];
  const p = smallestP(first.a.length, first.b.length) * judged.length;
  if (p >= ALPHA) {
    const samples = `${first.a.length} and ${first.b.length} samples`;
    warnings.push(
      `${samples} cannot show a difference in ${judged.length} rows (p is at least ${p.toFixed(2)}): take more samples or fewer rows`,
    );
  }
  if (sight > POOR_SIGHT) {
    const change = `half of the rows would only have shown a change above ${percent(sight)}`;
    warnings.push(`the samples scatter so much that ${change}: measure on a quieter machine, or take more --samples`);
  }
  const unknown = judged.filter((pair) => comparison.noise?.rows[noiseKey(pair.id, pair.metric)] === undefined).length;
  if (unknown > 0) {
    const which = unknown === judged.length ? 'the noise of this machine is not known' : `the noise of ${unknown} rows is not known`;
    warnings.push(`${which}, so ${percent(UNMEASURED_NOISE)} is taken for it; measure it with \`netsoak bench --aa\``);
  }
  if (!comparison.interleaved) {
    const moved =
      drift === null
        ? `the yardstick was not measured with both, so the machine is taken to have moved by ${percent(UNMEASURED_DRIFT)}`
        : `the yardstick, which never changes, moved by ${percent(drift)} meanwhile, and every floor is at least that`;
    warnings.push(`old and new were measured at different times; ${moved}. Sharper: --against REF, which takes both in turn`);
  }
  return warnings;
}

/** The share by which each row of an A/A measurement may differ by chance: the far end of the interval of its shift. */
export function noiseRows(old: readonly RowSamples[], now: readonly RowSamples[]): Record<string, number> {
  const rows: Record<string, number> = {};
  for (const pair of pairUp(old, now)) {
    const shift = shiftOf(pair);
    if (!shift || !METRICS[pair.metric].judged) continue;
    // As a factor, so that -20 % weighs as much as +25 %.
    rows[noiseKey(pair.id, pair.metric)] = Math.expm1(Math.max(-Math.log1p(shift.low), Math.log1p(shift.high)));
  }
  return rows;
}

type Pair = Row & { readonly id: string; readonly metric: MetricName; readonly a: readonly number[]; readonly b: readonly number[] };

/** Rows that both sides have, metric by metric, in the order of the new side. */
function pairUp(old: readonly RowSamples[], now: readonly RowSamples[]): Pair[] {
  const before = new Map(old.map((row) => [rowId(row), row]));
  return now.flatMap(({ metrics, ...row }) => {
    const id = rowId(row);
    return METRIC_NAMES.flatMap((metric) => {
      const [a, b] = [before.get(id)?.metrics[metric], metrics[metric]];
      return a && b ? [{ ...row, id, metric, a, b }] : [];
    });
  });
}

function isJudged(pair: Pair, interleaved: boolean): boolean {
  // Where it measures the machine, the yardstick is no row of its own.
  return METRICS[pair.metric].judged && (interleaved || pair.suite !== YARDSTICK);
}

function shiftOf({ a, b }: Pair): Interval | null {
  return [...a, ...b].every((value) => value > 0) ? relativeShift(a, b).value : null;
}

function floorOf(comparison: BenchComparison, pair: Pair, drift: number | null): number {
  const noise = comparison.noise?.rows[noiseKey(pair.id, pair.metric)] ?? UNMEASURED_NOISE;
  return Math.max(LEAST_EFFECT, noise, drift ?? UNMEASURED_DRIFT);
}

function verdictOf(p: number | null, shift: Interval | null, floor: number, second: Pair | undefined): RowVerdict {
  if (p === null) return 'not-judged';
  if (shift === null || p >= ALPHA || !isLarge(shift, floor)) return 'same';
  if (!second) return 'unconfirmed';
  const again = shiftOf(second);
  const sameWay = again !== null && Math.sign(again.estimate) === Math.sign(shift.estimate);
  if (!sameWay || !isLarge(again, floor) || mannWhitney(second.a, second.b).value.p >= ALPHA) return 'not-confirmed';
  return shift.estimate > 0 ? 'regression' : 'improvement';
}

/** Median over the judged rows of half their interval's width, or of their floor where that is larger. */
function sightOf(rows: readonly JudgedRow[]): number {
  const widths = rows.flatMap(({ p, shift, floor }) =>
    p === null || shift === null ? [] : [Math.max(floor, Math.expm1((Math.log1p(shift.high) - Math.log1p(shift.low)) / 2))],
  );
  return widths.length > 0 ? median(widths) : 0;
}

/** As a factor: half as much is as far off as twice as much. */
function isLarge(shift: Interval, floor: number): boolean {
  return Math.abs(Math.log1p(shift.estimate)) >= Math.log1p(floor);
}

/** Of both measurements, where there were two: the machine must have kept still for the second as well. */
function worstDrift({ old, new: now, again }: BenchComparison): number | null {
  const drifts = [driftOf(old.rows, now.rows), ...(again ? [driftOf(again.old, again.new)] : [])];
  return drifts.some((drift) => drift === null) ? null : Math.max(...drifts.map(Number));
}

function driftOf(old: readonly RowSamples[], now: readonly RowSamples[]): number | null {
  const shifts = pairUp(old, now).flatMap((pair) => (pair.suite === YARDSTICK && METRICS[pair.metric].judged ? (shiftOf(pair) ?? []) : []));
  if (shifts.length === 0) return null;
  return Math.max(...shifts.map(({ estimate }) => Math.expm1(Math.abs(Math.log1p(estimate)))));
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
