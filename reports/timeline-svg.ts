/** The story of a run as lanes over the shared time axis: stages, windows, faults, and the lives of the subject. */
import type { Backdrop, Stretch } from './backdrop.js';
import { type Html, html } from './html.js';
import { timeTicks } from './scale.js';

const WIDTH = 1000;
const LEFT = 72;
const RIGHT = 14;
const LANE = 24;
/** A character of the label's type, in units of the picture; a name that does not fit its bar is left to its tooltip. */
const CHARACTER = 6.4;

const LANES: readonly (readonly [kind: Stretch['kind'], label: string])[] = [
  ['stage', 'stages'],
  ['mark', 'windows'],
  ['fault', 'faults'],
  ['subject', 'subject'],
];

export function timelineSvg(backdrop: Backdrop): Html {
  const x = (at: number): number => Math.round(LEFT + ((at - backdrop.from) / (backdrop.to - backdrop.from)) * (WIDTH - LEFT - RIGHT));
  const lanes = LANES.map(([kind, label]) => ({
    kind,
    label,
    stretches: backdrop.stretches.filter((stretch) => stretch.kind === kind),
  })).filter(({ kind, stretches }) => stretches.length > 0 || (kind === 'subject' && backdrop.instants.length > 0));
  const height = lanes.length * LANE + 26;
  const said = lanes.map(({ label, stretches }) => `${label}: ${stretches.map(({ name }) => name).join(', ')}`).join('; ');
  return html`<svg class="lanes" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Timeline. ${said}">
${timeTicks(backdrop.from, backdrop.to, 8).map(({ at, text }) => html`<path class="grid" d="M${x(at)} 2V${height - 20}"/><text class="tick" x="${x(at)}" y="${height - 5}" text-anchor="middle">${text}</text>`)}
${lanes.map(({ kind, label, stretches }, lane) => html`<text class="tick" x="${LEFT - 8}" y="${lane * LANE + 17}" text-anchor="end">${label}</text>${stretches.map((stretch) => bar(stretch, x, lane * LANE + 4))}${kind === 'subject' && backdrop.instants.map(({ kind: what, label: text, at }) => html`<path class="flag ${what}" d="M${x(at)} ${lane * LANE + 1}v22m0-22l8 4-8 4z"><title>${text}</title></path>`)}`)}
</svg>`;
}

function bar({ kind, name, from, to }: Stretch, x: (at: number) => number, top: number): Html {
  const left = x(from);
  const width = Math.max(2, x(to) - left - 1);
  const fits = name.length * CHARACTER + 10 < width;
  return html`<g class="bar ${kind}${kind === 'stage' && name === 'measure' ? ' measure' : ''}"><rect x="${left}" y="${top}" width="${width}" height="16" rx="3"><title>${name}</title></rect>${fits && html`<text x="${left + 6}" y="${top + 12}">${name}</text>`}</g>`;
}
