/** The interval plot: one line a row, its interval round the estimate, zero in the middle, the noise of the machine as a band. */
import { signedPercent } from '../harness/bench/format.js';
import type { JudgedRow } from '../harness/bench/judge.js';
import { type Html, html } from './html.js';

const WIDTH = 1000;
const LABEL = 440;
/** Characters that fit before the picture in the page's font. */
const LABEL_CHARACTERS = 52;
const FIGURE = 78;
const ROW = 24;
const FOOT = 24;

/** Rows without a relative shift are left out. `null` when none is left. */
export function forestSvg(rows: readonly JudgedRow[]): Html | null {
  const drawn = rows.flatMap((row) => (row.shift ? [{ ...row, shift: row.shift }] : []));
  if (drawn.length === 0) return null;
  const reach = reachOf(drawn.flatMap(({ shift, floor }) => [shift.estimate, shift.low, shift.high, floor]));
  const height = drawn.length * ROW + FOOT;
  const x = (share: number): number => {
    const clipped = Math.max(-reach, Math.min(reach, Math.log1p(Math.max(share, -0.999))));
    return Math.round(LABEL + ((clipped + reach) / (2 * reach)) * (WIDTH - LABEL - FIGURE));
  };
  return html`<svg class="static forest" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Change of ${drawn.length} rows with intervals">
${scale(reach).map((share) => html`<path class="${share === 0 ? 'zero' : 'grid'}" d="M${x(share)} 0V${height - FOOT}"/><text class="tick" x="${x(share)}" y="${height - 7}" text-anchor="middle">${share === 0 ? '0' : signedPercent(share)}</text>`)}
${drawn.map(({ id, metric, verdict, shift, floor, again }, i) => {
  const y = i * ROW + ROW / 2;
  const low = x(1 / (1 + floor) - 1);
  return html`<g class="${verdict}"><rect class="noise" x="${low}" y="${y - ROW / 2}" width="${x(floor) - low}" height="${ROW}"/><text x="${LABEL - 14}" y="${y + 4}" text-anchor="end">${shorten(metric === 'time' ? id : `${id} (${metric})`)}<title>${id}, ${metric}</title></text><path class="interval" d="M${x(shift.low)} ${y}H${x(shift.high)}"/><circle class="dot" cx="${x(shift.estimate)}" cy="${y}" r="4"/>${again && html`<circle class="again" cx="${x(again.estimate)}" cy="${y}" r="7"/>`}<text x="${WIDTH}" y="${y + 4}" text-anchor="end">${signedPercent(shift.estimate)}</text></g>
`;
})}
</svg>`;
}

const REACHES = [0.05, 0.1, 0.2, 0.5, 1, 3, 10, 100];

/** Half the axis on a logarithmic scale; an interval that is longer is cut off at its end. */
function reachOf(shares: readonly number[]): number {
  const sizes = shares
    .filter(Number.isFinite)
    .map((share) => Math.abs(Math.log1p(Math.max(share, -0.999))))
    .sort((a, b) => a - b);
  const most = sizes.at(-1) ?? 0;
  return Math.log1p(REACHES.find((reach) => Math.log1p(reach) >= most * 1.05) ?? 100);
}

/** Marks on either side at the end of the axis and half way, a ratio and its inverse. */
function scale(reach: number): number[] {
  const end = Number(Math.expm1(reach).toFixed(2));
  const half = end / 2;
  return [1 / (1 + end) - 1, 1 / (1 + half) - 1, 0, half, end];
}

function shorten(text: string): string {
  return text.length <= LABEL_CHARACTERS ? text : `…${text.slice(1 - LABEL_CHARACTERS)}`;
}
