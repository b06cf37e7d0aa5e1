/** The arithmetic of the figures: ratios of pairs, slopes. Pure. */
import { medianInterval } from '../stats/median-interval.js';
import type { Measurement } from './figure.js';

/** Two programs that worked in turn; what each took, in nanoseconds. */
export interface Pair {
  readonly ours: number;
  readonly theirs: number;
  /** CPU time over wall time of theirs, which never waits by itself: below 1 others had the processor. */
  readonly theirShare: number;
}

/** A processor that others have for more than a tenth of the time. */
const BUSY = 0.9;

/** Median of the ratios of the pairs with its interval: what the machine's mood does to both of a pair cancels. */
export function ratioOf(pairs: readonly Pair[], least: number, theirs: string): Measurement {
  const { estimate, low, high } = medianInterval(pairs.map((pair) => pair.ours / pair.theirs)).value;
  const middle = (values: readonly number[]) => medianInterval(values).value.estimate / 1e6;
  return {
    value: estimate,
    interval: [low, high],
    detail: `${middle(pairs.map((pair) => pair.ours)).toFixed(1)} ms against ${middle(pairs.map((pair) => pair.theirs)).toFixed(1)} ms of ${theirs}, n=${pairs.length}`,
    ...busy(medianInterval(pairs.map((pair) => pair.theirShare)).value.estimate),
    ...(pairs.length < least ? { vacuous: `${pairs.length} pairs of ${least}: the machine was too busy to poll in time` } : {}),
  };
}

function busy(share: number): Pick<Measurement, 'disturbed'> {
  if (share >= BUSY) return {};
  return { disturbed: `others had the processor for ${Math.round(100 * (1 - share))} % of the time: measure on a quiet machine` };
}

/** Slope of the least-squares line through (log x, log y). */
export function logSlope(points: readonly (readonly [x: number, y: number])[]): number {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const);
  const mean = (axis: 0 | 1) => logs.reduce((sum, point) => sum + point[axis], 0) / logs.length;
  const [mx, my] = [mean(0), mean(1)];
  const above = logs.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0);
  const below = logs.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
  return above / below;
}
