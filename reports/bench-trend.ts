/** The history of a row as a small picture: one point a measurement, a dashed line where its level changed. */
import type { MetricName } from '../harness/bench/benchmark.js';
import { figure, signedPercent } from '../harness/bench/format.js';
import type { HistoryEntry } from '../harness/bench/store.js';
import { changePoint, MIN_HISTORY } from '../harness/stats/change-point.js';
import { median } from '../harness/stats/sample.js';
import { type Html, html } from './html.js';

/** Measurements that a picture reaches back. */
const SHOWN = 60;

/** One picture for each series of the history that `keys` names and that has at least two points. */
export function trends(history: readonly HistoryEntry[], keys: readonly string[]): Html | false {
  const pictures = keys.flatMap((key) => {
    const points = history.flatMap(({ at, revision, medians }) => {
      const value = medians[key];
      return value === undefined ? [] : [{ at, revision, value }];
    });
    return points.length < 2 ? [] : [trend(key, points.slice(-SHOWN))];
  });
  if (pictures.length === 0) return false;
  return html`<section id="history"><h2>History on this machine</h2>
<p class="how">Median of each measurement of the working tree, oldest on the left, the axis from zero. From ${MIN_HISTORY} measurements on, a dashed line marks where the level changed, if it did so by more than chance; measurements of different days are not interleaved, so ask --against before you blame a commit.</p>
<div class="sparks">${pictures}</div></section>`;
}

interface Point {
  readonly at: string;
  readonly revision: string;
  readonly value: number;
}

function trend(key: string, points: readonly Point[]): Html {
  const metric = key.split(' / ').at(-1) as MetricName;
  const values = points.map(({ value }) => value);
  const most = Math.max(...values) * 1.1;
  const x = (i: number): number => Math.round((i / Math.max(1, points.length - 1)) * 196 + 2);
  const y = (value: number): number => Math.round(40 - (value / most) * 38);
  const found = changePoint(values).value;
  const level = (part: readonly number[]): number => median(part);
  const words = found
    ? `${signedPercent(level(values.slice(found.index)) / level(values.slice(0, found.index)) - 1)} since ${points[found.index]?.revision}`
    : `${points.length} measurements, last ${figure(values.at(-1) ?? Number.NaN, metric)}`;
  return html`<figure class="spark"><figcaption>${key}</figcaption><svg viewBox="0 0 200 40" preserveAspectRatio="none" role="img" aria-label="${key}: ${words}">${found && html`<path class="trend-change" d="M${x(found.index) - 2} 0V40"/>`}<path class="line k0" d="M${values.map((value, i) => `${x(i)} ${y(value)}`).join('L')}"/></svg><p>${words}</p></figure>`;
}
