/** Where a run's subject spent its time and its memory: the functions that took most, with the profiles themselves beside the report. */
import type { ProfileKind, RunEvent, Stored } from '../harness/facts/events.js';
import type { TopFunction } from '../harness/profile/top.js';
import { eventsOf } from '../harness/verdict/timeline.js';
import { type Html, html } from './html.js';

const KINDS: readonly ProfileKind[] = ['cpu', 'allocations', 'native'];

const TITLES: Readonly<Record<ProfileKind, string>> = {
  cpu: 'Time of JavaScript',
  allocations: 'Allocations of JavaScript',
  native: 'Time of all threads, with the kernel’s part',
};

const HOW: Readonly<Record<ProfileKind, string>> = {
  cpu: 'Share of the samples in which JavaScript was at work: what a function took by itself, without what it called. The file opens in the developer tools of Chromium (Performance, Load profile).',
  allocations:
    'Share of the bytes that were allocated on the JavaScript heap, whether they still live or not. The file opens in the developer tools of Chromium (Memory, Load).',
  native:
    'Share of the time on a processor, from `perf record`, of the function by itself; beside it the thread. The file is what `perf report` says.',
};

/** `false` for a run without `--profile`. */
export function profileSection(events: readonly Stored<RunEvent>[]): Html | false {
  const profiles = eventsOf(events, 'profile');
  if (profiles.length === 0) return false;
  return html`<section id="profiles"><h2>Where its time went</h2> <span class="quiet">the run was made with --profile, whose own cost is in every figure</span>
${profiles.map(
  ({ of, file, top }) => html`<h3>${TITLES[of]} <span class="quiet"><a href="${file}">${file}</a></span></h3>
<div class="scroll"><table><thead><tr><th scope="col" class="number">Share</th><th scope="col">Function</th><th scope="col">Where</th></tr></thead><tbody>
${top.map((each) => html`<tr><td class="number">${percent(each.share)}</td><th scope="row">${each.name}</th><td class="quiet">${each.where}</td></tr>\n`)}</tbody></table></div>
<p class="how">${HOW[of]}</p>`,
)}</section>`;
}

/** The top functions of two runs side by side; `false` when not both were profiled. */
export function profileComparison(a: readonly Stored<RunEvent>[], b: readonly Stored<RunEvent>[]): Html | false {
  const pairs = KINDS.flatMap((of) => {
    const [before, after] = [lastOf(a, of), lastOf(b, of)];
    return before && after ? [{ of, rows: sideBySide(before, after) }] : [];
  });
  if (pairs.length === 0) return false;
  return html`<section id="profiles"><h2>Where its time went</h2>
${pairs.map(
  ({ of, rows }) => html`<h3>${TITLES[of]}</h3>
<div class="scroll"><table><thead><tr><th scope="col">Function</th><th scope="col" class="number">A</th><th scope="col" class="number">B</th><th scope="col">Where</th></tr></thead><tbody>
${rows.map(({ name, where, before, after }) => html`<tr><th scope="row">${name}</th><td class="number">${percent(before)}</td><td class="number">${percent(after)}</td><td class="quiet">${where}</td></tr>\n`)}</tbody></table></div>
<p class="how">${HOW[of]} Shares, not amounts: one function that takes less makes all others take more. A blank is a function that is not among the first of that run.</p>`,
)}</section>`;
}

export interface ProfilePair {
  readonly name: string;
  readonly where: string;
  readonly before?: number;
  readonly after?: number;
}

/** Those of either side, the largest first. */
export function sideBySide(before: readonly TopFunction[], after: readonly TopFunction[]): ProfilePair[] {
  const rows = new Map<string, ProfilePair>();
  // A function that moved in its file is the same one.
  const key = ({ name, where }: TopFunction): string => `${name}\0${where.replace(/:\d+$/, '')}`;
  for (const each of before) rows.set(key(each), { name: each.name, where: each.where, before: each.share });
  for (const each of after) rows.set(key(each), { ...rows.get(key(each)), name: each.name, where: each.where, after: each.share });
  const size = ({ before: x = 0, after: y = 0 }: ProfilePair): number => Math.max(x, y);
  return [...rows.values()].sort((x, y) => size(y) - size(x));
}

/** Of the last life of the subject that left one. */
function lastOf(events: readonly Stored<RunEvent>[], kind: ProfileKind): readonly TopFunction[] | undefined {
  return eventsOf(events, 'profile').findLast(({ of }) => of === kind)?.top;
}

function percent(share: number | undefined): string {
  return share === undefined ? '' : `${(share * 100).toFixed(1)} %`;
}
