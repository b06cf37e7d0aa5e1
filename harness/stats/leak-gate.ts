/**
 * Does a series grow without end? The gate that long runs must pass. It is opinionated, because each plainer form was tried on
 * simulated healthy series and cried wolf: "last minus first", raw Mann-Kendall and least squares call nearly every series that
 * ramps up and then stays level a leak. So all of these must hold:
 *
 * 1. the first 20 % are left out (caches fill, heaps find their size);
 * 2. what is left is looked at in medians of blocks, duration/72 long (5 s to 10 min), so that sawtooth and spikes vanish;
 * 3. Mann-Kendall, corrected for autocorrelation, says "rising" at 1 %;
 * 4. the Theil-Sen line grows by at least 5 % over the judged time, and by at least `minGrowth`;
 * 5. each half rises at least a quarter as steeply as the whole: a single step rises in one half only.
 *
 * The error rates are simulated in leak-gate.test.ts.
 */
import { type Judged, median } from './sample.js';
import { mannKendall, theilSenSlope } from './trend.js';

export interface Sample {
  /** Seconds. */
  readonly at: number;
  readonly value: number;
}

export interface LeakFinding {
  readonly leaking: boolean;
  /** Growth of the trend line over the judged time, in the series' unit. */
  readonly growth: number;
  /** The same in parts of the line's start. */
  readonly relativeGrowth: number;
  readonly slopePerHour: number;
  /** Corrected Mann-Kendall statistic; rising when above {@link RISING_Z}. */
  readonly z: number;
  /** Line through the judged time, for the chart; null when there were too few blocks. */
  readonly line: { readonly from: Sample; readonly to: Sample } | null;
}

const BURN_IN = 0.2;
const BLOCKS = 72;
const MIN_BLOCK_SECONDS = 5;
const MAX_BLOCK_SECONDS = 600;
const MIN_RELATIVE_GROWTH = 0.05;
const HALF_SHARE = 0.25;
/** Fewer blocks than these cannot tell a trend from its noise. */
export const MIN_LEAK_BLOCKS = 20;
/** One-sided 1 % of the standard normal distribution. */
export const RISING_Z = 2.326;

/** Judges the samples between `from` and `to` (seconds). `value` is null when there are too few to judge; the warning says so. */
export function leakGate(samples: readonly Sample[], from: number, to: number, minGrowth: number): Judged<LeakFinding | null> {
  const block = Math.min(MAX_BLOCK_SECONDS, Math.max(MIN_BLOCK_SECONDS, (to - from) / BLOCKS));
  const start = from + BURN_IN * (to - from);
  const { values, empty } = blockMedians(samples, start, to, block);
  if (values.length - empty < MIN_LEAK_BLOCKS) {
    return {
      value: null,
      warnings: [`only ${values.length - empty} blocks of ${Math.round(block)} s have samples; a trend takes ${MIN_LEAK_BLOCKS}`],
    };
  }
  const slope = theilSenSlope(values);
  const half = values.length >> 1;
  const bothHalvesRise = [values.slice(0, half), values.slice(-half)].every((part) => {
    const own = theilSenSlope(part);
    return own > 0 && own >= HALF_SHARE * slope;
  });
  const growth = slope * (values.length - 1);
  const base = median(values) - growth / 2;
  const relativeGrowth = base > 0 ? growth / base : growth > 0 ? Number.POSITIVE_INFINITY : 0;
  const { z } = mannKendall(values);
  const first = start + block / 2;
  return {
    value: {
      leaking: z > RISING_Z && growth >= minGrowth && growth > 0 && relativeGrowth >= MIN_RELATIVE_GROWTH && bothHalvesRise,
      growth,
      relativeGrowth,
      slopePerHour: (slope / block) * 3600,
      z,
      line: { from: { at: first, value: base }, to: { at: first + (values.length - 1) * block, value: base + growth } },
    },
    warnings: empty > 0 ? [`${empty} of ${values.length} blocks had no sample and took their neighbour's value`] : [],
  };
}

/** An empty block repeats the one before it: that keeps the spacing even and can only flatten a trend. */
function blockMedians(samples: readonly Sample[], from: number, to: number, block: number): { values: number[]; empty: number } {
  const blocks = Array.from({ length: Math.max(0, Math.floor((to - from) / block + 1e-9)) }, (): number[] => []);
  for (const { at, value } of samples) {
    if (at >= from && Number.isFinite(value)) blocks[Math.floor((at - from) / block)]?.push(value);
  }
  const values: number[] = [];
  let empty = 0;
  for (const values_ of blocks) {
    const last = values.at(-1);
    if (values_.length > 0) values.push(median(values_));
    else if (last !== undefined) {
      values.push(last);
      empty++;
    }
  }
  return { values, empty };
}
