/** A chart with its data: what both the static and the live drawing of it are made from. */
import type { Line } from '../harness/verdict/lines.js';
import type { Columns, Reading } from '../harness/verdict/samples.js';
import type { Backdrop } from './backdrop.js';
import { bucketize, type Grid, gridFor, shaped } from './buckets.js';
import type { Chart, ChartLine } from './charts.js';
import { label } from './scale.js';

export interface PictureSeries {
  readonly line: ChartLine;
  readonly readings: readonly Reading[];
  /** The same for all series of a picture. */
  readonly grid: Grid;
  /** `13 to 212, last 212`: what there is to say without a cursor. */
  readonly range: string;
}

export interface Picture {
  readonly chart: Chart;
  readonly series: readonly PictureSeries[];
  readonly lines: readonly Line[];
  /** Bounds that lie so far above the data that showing them would flatten it. */
  readonly beyond: readonly Line[];
  readonly yMax: number;
  readonly height: number;
  /** Nothing happens in it: every sample is zero. */
  readonly flat: boolean;
}

/** Buckets of a live picture: about one for two pixels. */
const MOST = 480;
/** A bound more than so many times above the data is told, not drawn. */
const FAR = 5;

export function pictureOf(chart: Chart, columns: Columns, lines: readonly Line[], backdrop: Backdrop): Picture {
  const all = chart.lines.map((line) => ({ line, readings: shaped(columns.get(line.series) ?? [], line.form) }));
  const grid = gridFor(
    all.map(({ readings }) => readings),
    backdrop.from,
    backdrop.to,
    MOST,
  );
  const series = all.map(({ line, readings }) => ({ line, readings, grid, range: rangeOf(readings, chart) }));
  let high = 0;
  let flat = true;
  for (const { readings } of all) {
    for (const { value } of readings) {
      if (value === null) continue;
      high = Math.max(high, value);
      if (value !== 0) flat = false;
    }
  }
  const mine = lines.filter(({ series: name }) => chart.lines.some((line) => line.series === name && line.form === 'level'));
  // A ceiling of zero is the axis.
  const drawable = mine.filter(({ to }) => to.value > 0);
  const near = drawable.filter(({ to }) => high === 0 || to.value <= FAR * high);
  const top = near.reduce((most, { from, to }) => Math.max(most, from.value, to.value), high);
  return {
    chart,
    series,
    lines: near,
    beyond: drawable.filter((line) => !near.includes(line)),
    yMax: top > 0 ? top * 1.08 : 1,
    height: flat ? 92 : 190,
    flat,
  };
}

function rangeOf(readings: readonly Reading[], chart: Chart): string {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  let last: number | null = null;
  for (const { value } of readings) {
    if (value === null) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
    last = value;
  }
  if (last === null) return 'unknown throughout';
  if (low === high) return `${label(chart.unit, low)} throughout`;
  return `${label(chart.unit, low)} to ${label(chart.unit, high)}, last ${label(chart.unit, last)}`;
}

/** The live drawing's data, small: values with four digits, an index only where buckets are missing, a band only where there is one. */
export function liveData({ chart, series, lines, yMax, height }: Picture): object {
  const grid = series[0]?.grid;
  return {
    unit: chart.unit,
    step: grid?.step,
    count: grid?.count,
    yMax,
    height,
    lines: lines.map(({ kind, label: text, from, to }) => [kind, text, from.at, round(from.value), to.at, round(to.value)]),
    series: series.map(({ line, readings }) => {
      const buckets = bucketize(readings, series[0]?.grid ?? { from: 0, step: 1, count: 1 });
      const pick = (what: 'min' | 'mean' | 'max'): (number | null)[] => buckets.map(({ value }) => (value ? round(value[what]) : null));
      const hasBand = buckets.some(({ value }) => value && round(value.min) !== round(value.max));
      const isWhole = buckets.every(({ i }, k) => i === k);
      return {
        label: line.label,
        ...(isWhole ? {} : { i: buckets.map(({ i }) => i) }),
        mean: pick('mean'),
        ...(hasBand ? { min: pick('min'), max: pick('max') } : {}),
      };
    }),
  };
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
