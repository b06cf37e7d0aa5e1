/**
 * What two soaks of the same plan, side by side, cost: CPU, memory, threads and the time of a poll, B over A. Pure.
 *
 * Samples of one run hang together, and each side is one process. So the measured phase is cut into blocks of time, a block is one value,
 * and a difference is claimed only if all of these hold:
 * 1. Mann-Whitney over the blocks, corrected by Holm over the quantities, is below 5 %;
 * 2. the Hodges-Lehmann shift is at least the floor of its quantity: what two processes of the same program show beside each other;
 * 3. both halves of the run alone show such a shift, the same way.
 * Whatever does not pass all three is the same, as far as anybody can tell.
 */
import { holm } from '../stats/holm.js';
import { mannWhitney } from '../stats/mann-whitney.js';
import { median } from '../stats/sample.js';
import { type Interval, relativeShift } from '../stats/shift.js';
import type { StoredRun } from '../verdict/load-run.js';
import { asRun, type Run } from '../verdict/run.js';
import { type Reading, samplesOf } from '../verdict/samples.js';

/** Short of this many blocks both halves say too little. */
export const LEAST_BLOCKS = 8;
/** Mann-Whitney is exact up to here, and blocks of a long run had better be long. */
const MOST_BLOCKS = 20;
const SHORTEST_BLOCK_SECONDS = 5;
const POLLS_A_BLOCK = 3;
const ALPHA = 0.05;

export interface Quantity {
  readonly name: string;
  readonly series: string;
  /** `less CPU`, for sentences. */
  readonly words: string;
  readonly form: 'level' | 'rate';
  /** Smallest relative shift that is called anything. */
  readonly floor: number;
}

/**
 * Least effects: netsoakd beside itself, 60 s on `host` with 60 namespaces while eight other programs wanted the two cores, differed in CPU by
 * up to 5.2 %, in memory by 1.4 %, in threads not at all, in the time of a poll by 16 % (6 pairs).
 */
export const QUANTITIES: readonly Quantity[] = [
  { name: 'cpu', series: 'subject.cpuSeconds', words: 'CPU', form: 'rate', floor: 0.15 },
  { name: 'rss', series: 'subject.rssBytes', words: 'memory', form: 'level', floor: 0.15 },
  { name: 'threads', series: 'subject.threads', words: 'threads', form: 'level', floor: 0.03 },
  { name: 'poll-time', series: 'poll.spanSeconds', words: 'time a poll', form: 'level', floor: 0.3 },
];

export interface Difference extends Quantity {
  /** Median over the blocks. */
  readonly before: number;
  readonly after: number;
  /** B over A, 0.1 is a tenth more; null where it could not be judged. */
  readonly shift: Interval | null;
  /** After Holm. */
  readonly p: number | null;
  /** Blocks that both sides have. */
  readonly blocks: number;
  readonly verdict: 'same' | 'worse' | 'better' | 'not-judged';
}

type Facts = Pick<StoredRun, 'plan' | 'events' | 'series'>;

/** Every quantity of which both runs have something; `not-judged` in runs that are too short or were not whole. */
export function differences(before: Facts, after: Facts): Difference[] {
  const sides = [before, after].map(({ plan, events, series }) => asRun(plan, events, series)) as [Run, Run];
  const length = blockSeconds(sides);
  const found = QUANTITIES.map((quantity) => ({ quantity, pairs: pairedBlocks(quantity, sides, length) }));
  const judged = found.filter(({ pairs }) => sides.every(({ isWhole }) => isWhole) && pairs.length >= LEAST_BLOCKS);
  const adjusted = holm(judged.map(({ pairs }) => mannWhitney(...columnsOf(pairs)).value.p));
  return found.flatMap(({ quantity, pairs }): Difference[] => {
    if (pairs.length === 0) return [];
    const [a, b] = columnsOf(pairs);
    const p = adjusted[judged.findIndex((other) => other.quantity === quantity)] ?? null;
    const shift = p === null ? null : shiftOf(pairs);
    const told = { ...quantity, before: median(a), after: median(b), shift, p, blocks: pairs.length };
    if (p === null || shift === null) return [{ ...told, verdict: 'not-judged' }];
    const differs =
      p < ALPHA && isLarge(shift, quantity.floor) && halves(pairs).every((half) => agrees(shiftOf(half), shift, quantity.floor));
    return [{ ...told, verdict: !differs ? 'same' : shift.estimate > 0 ? 'worse' : 'better' }];
  });
}

type Pair = readonly [a: number, b: number];

const columnsOf = (pairs: readonly Pair[]): [number[], number[]] => [pairs.map(([a]) => a), pairs.map(([, b]) => b)];

const halves = (pairs: readonly Pair[]): Pair[][] => [pairs.slice(0, pairs.length >> 1), pairs.slice(pairs.length >> 1)];

/** null where a value is not above zero: there is no ratio of that. */
function shiftOf(pairs: readonly Pair[]): Interval | null {
  return pairs.flat().every((value) => value > 0) ? relativeShift(...columnsOf(pairs)).value : null;
}

/** As a factor: half as much is as far off as twice as much. */
function isLarge({ estimate }: Interval, floor: number): boolean {
  return Math.abs(Math.log1p(estimate)) >= Math.log1p(floor);
}

function agrees(half: Interval | null, whole: Interval, floor: number): boolean {
  return half !== null && Math.sign(half.estimate) === Math.sign(whole.estimate) && isLarge(half, floor);
}

/** The same for both: blocks are compared that lie at the same place of the measured phase. */
function blockSeconds([a, b]: readonly [Run, Run]): number {
  const interval = Math.max(a.plan.subject.pollIntervalSeconds, b.plan.subject.pollIntervalSeconds);
  return Math.max(SHORTEST_BLOCK_SECONDS, POLLS_A_BLOCK * interval, Math.min(a.measured, b.measured) / MOST_BLOCKS);
}

function pairedBlocks(quantity: Quantity, [a, b]: readonly [Run, Run], length: number): Pair[] {
  const count = Math.floor(Math.min(a.measured, b.measured) / length + 1e-6);
  const [x, y] = [blocksOf(quantity, a, length, count), blocksOf(quantity, b, length, count)];
  return x.flatMap((value, i): Pair[] => {
    const other = y[i];
    return value === null || other === null || other === undefined ? [] : [[value, other]];
  });
}

/** One value a block; null where fewer than two samples are known. */
function blocksOf({ series, form }: Quantity, run: Run, length: number, count: number): (number | null)[] {
  const span = run.timeline.measure;
  if (!span) return [];
  const { known } = samplesOf(run.columns, series, [span], run.timeline);
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [span.from + i * length, span.from + (i + 1) * length];
    const inside = known.filter(({ at }) => at >= from && at < to);
    return form === 'level' ? levelOf(inside) : rateOf(inside);
  });
}

function levelOf(inside: readonly Reading[]): number | null {
  return inside.length < 2 ? null : median(inside.map(({ value }) => value ?? Number.NaN));
}

/** Growth of a counter over time; null where it began anew. */
function rateOf(inside: readonly Reading[]): number | null {
  const [first, last] = [inside[0], inside.at(-1)];
  if (!first || !last || first.value === null || last.value === null || last.at === first.at || last.value < first.value) return null;
  return (last.value - first.value) / (last.at - first.at);
}
