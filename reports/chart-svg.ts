/**
 * One picture as SVG, drawn on the server: what a reader without JavaScript sees, and what is printed. Colours come from the page's
 * style sheet by class, so that it follows light and dark. Whole pixels and relative paths keep it small.
 */
import { quantity } from '../harness/verdict/quantity.js';
import type { Backdrop } from './backdrop.js';
import { type Bucket, bucketize, type Grid } from './buckets.js';
import { type Html, html, raw } from './html.js';
import type { Picture } from './picture.js';
import { label, ticks, timeTicks } from './scale.js';

const WIDTH = 1000;
const LEFT = 72;
const RIGHT = 14;
const TOP = 12;
const BOTTOM = 22;
/** Buckets of a static picture: four pixels each. */
const MOST = 240;

export function chartSvg(picture: Picture, backdrop: Backdrop): Html {
  const { height, yMax } = picture;
  const bottom = height - BOTTOM;
  const x = (at: number): number => Math.round(LEFT + ((at - backdrop.from) / (backdrop.to - backdrop.from)) * (WIDTH - LEFT - RIGHT));
  const y = (value: number): number => Math.round(bottom - (Math.max(0, Math.min(value, yMax)) / yMax) * (bottom - TOP));
  const plot = picture.series.map(({ readings, grid }, k) => {
    const coarse: Grid = grid.count > MOST ? { from: grid.from, step: (grid.step * grid.count) / MOST, count: MOST } : grid;
    return line(bucketize(readings, coarse), coarse, x, y, k);
  });
  return html`<svg class="static" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${describe(picture)}">
${shades(backdrop, x, TOP, bottom)}
${ticks(yMax, picture.flat ? 1 : 4, picture.chart.unit)
  .filter((value) => value <= yMax * 1.001)
  .map(
    (value) =>
      html`<path class="grid" d="M${LEFT} ${y(value)}H${WIDTH - RIGHT}"/><text class="tick" x="${LEFT - 8}" y="${y(value) + 4}" text-anchor="end">${label(picture.chart.unit, value)}</text>`,
  )}
${timeTicks(backdrop.from, backdrop.to, 8).map(({ at, text }) => html`<text class="tick" x="${x(at)}" y="${height - 5}" text-anchor="middle">${text}</text>`)}
${plot}
${picture.lines.map(({ kind, label: text, from, to }) => html`<path class="${kind}" d="M${x(from.at)} ${y(from.value)}L${x(to.at)} ${y(to.value)}"/><text class="bound" x="${x(to.at) - 4}" y="${y(to.value) - 5}" text-anchor="end">${text}</text>`)}
${backdrop.instants.map(({ kind, label: text, at }) => html`<path class="instant ${kind}" d="M${x(at)} ${TOP}V${bottom}"><title>${text}</title></path>`)}
</svg>`;
}

/** Faults over the full height, windows as a bar at the top edge, everything outside the measured phase dimmed. */
function shades(backdrop: Backdrop, x: (at: number) => number, top: number, bottom: number): Html[] {
  return backdrop.stretches.flatMap(({ kind, name, from, to }) => {
    const left = x(from);
    const width = Math.max(1, x(to) - left);
    if (kind === 'fault')
      return html`<rect class="fault" x="${left}" y="${top}" width="${width}" height="${bottom - top}"><title>fault: ${name}</title></rect>`;
    if (kind === 'mark')
      return html`<rect class="mark" x="${left}" y="${top - 5}" width="${width}" height="3"><title>window: ${name}</title></rect>`;
    if (kind === 'stage' && name !== 'measure')
      return html`<rect class="outside" x="${left}" y="${top}" width="${width}" height="${bottom - top}"/>`;
    return [];
  });
}

type Point = readonly [x: number, y: number];

function line(buckets: readonly Bucket[], grid: Grid, x: (at: number) => number, y: (value: number) => number, k: number): Html {
  const segments: Bucket[][] = [[]];
  for (const bucket of buckets) {
    if (bucket.value === null) segments.push([]);
    else segments.at(-1)?.push(bucket);
  }
  let band = '';
  let mean = '';
  for (const segment of segments) {
    const at = ({ i }: Bucket): number => x(grid.from + (i + 0.5) * grid.step);
    const points = (pick: 'min' | 'mean' | 'max'): Point[] => segment.map((bucket) => [at(bucket), y(bucket.value?.[pick] ?? 0)]);
    const [low, high] = [points('min'), points('max')];
    mean += path(points('mean'));
    if (high.some(([, top], i) => (low[i]?.[1] ?? top) - top > 1)) band += `${path([...high, ...low.reverse()])}z`;
  }
  return raw(`${band && `<path class="band k${k}" d="${band}"/>`}${mean && `<path class="line k${k}" d="${mean}"/>`}`);
}

/** Relative path; points on a straight horizontal line between their neighbours are left out. */
function path(points: readonly Point[]): string {
  const [first] = points;
  if (!first) return '';
  let [px, py] = first;
  let text = `M${px} ${py}${points.length === 1 ? 'h0' : 'l'}`;
  for (const [i, [x, y]] of points.entries()) {
    const isBetween = i > 0 && i < points.length - 1 && y === py && points[i + 1]?.[1] === y;
    if (i === 0 || isBetween) continue;
    text += `${text.endsWith('l') ? '' : ' '}${x - px} ${y - py}`;
    [px, py] = [x, y];
  }
  return text.replaceAll(' -', '-');
}

function describe({ chart, series }: Picture): string {
  return `${chart.title}: ${series.map(({ line, range }) => `${line.label} ${range}`).join('; ')}`;
}

/** A series as a small picture without axes, for those that nothing judges. */
export function sparkSvg(readings: Picture['series'][number]['readings'], grid: Grid, series: string): Html {
  const buckets = bucketize(readings, grid);
  const known = buckets.flatMap(({ value }) => (value ? [value] : []));
  const low = Math.min(...known.map(({ min }) => min));
  const high = Math.max(...known.map(({ max }) => max));
  const span = high - low || 1;
  const x = (at: number): number => Math.round(((at - grid.from) / (grid.step * grid.count)) * 200);
  const y = (value: number): number => (high === low ? 20 : Math.round(37 - ((value - low) / span) * 34));
  const range = low === high ? `always ${quantity(series, low)}` : `${quantity(series, low)} to ${quantity(series, high)}`;
  return html`<figure class="spark"><figcaption>${series}</figcaption><svg viewBox="0 0 200 40" preserveAspectRatio="none" role="img" aria-label="${series}, ${range}">${line(buckets, grid, x, y, 0)}</svg><p>${range}</p></figure>`;
}
