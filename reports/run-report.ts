/**
 * The report of a run: one HTML file that needs nothing else, not even a script, to be read. A pure function: the same facts give
 * the same bytes. It never asks the network for anything, which its own content policy enforces.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { RunEvent, SeriesPoint, Stored } from '../harness/facts/events.js';
import type { Plan } from '../harness/facts/plan.js';
import type { InvariantVerdict, Verdict } from '../harness/facts/verdict.js';
import { PROJECT } from '../harness/project.js';
import { placeOf } from '../harness/verdict/circumstances.js';
import { linesOf } from '../harness/verdict/lines.js';
import { moment, plain } from '../harness/verdict/quantity.js';
import { asRun } from '../harness/verdict/run.js';
import type { Columns } from '../harness/verdict/samples.js';
import { type Backdrop, backdropOf } from './backdrop.js';
import { booksSection } from './books.js';
import { gridFor } from './buckets.js';
import { chartSvg, sparkSvg } from './chart-svg.js';
import { chooseCharts } from './charts.js';
import { costSection } from './cost.js';
import { type Html, html, raw } from './html.js';
import { liveData, type Picture, pictureOf } from './picture.js';
import { profileSection } from './profiles.js';
import { arrows, errors, invariantTable, log, offences, provenance, sign, steps, subjectSection } from './sections.js';
import { timelineSvg } from './timeline-svg.js';

export interface ReportInput {
  readonly plan: Plan;
  readonly events: readonly Stored<RunEvent>[];
  readonly series: readonly SeriesPoint[];
  readonly verdict: Verdict;
}

const uplotFolder = dirname(createRequire(import.meta.url).resolve('uplot'));
const asset = (...path: readonly string[]): string => readFileSync(join(...path), 'utf8').trim();
const UPLOT = asset(uplotFolder, 'uPlot.iife.min.js');
const UPLOT_STYLE = asset(uplotFolder, 'uPlot.min.css');
const SCRIPT = asset(PROJECT, 'reports/page/run.js');
const STYLE = asset(PROJECT, 'reports/page/run.css');
const SPARK_BUCKETS = 100;
const ORDER: readonly InvariantVerdict['verdict'][] = ['fail', 'unknown', 'pass', 'skipped'];

export function renderRunReport({ plan, events, series, verdict }: ReportInput): string {
  const run = asRun(plan, events, series);
  const { columns } = run;
  const backdrop = backdropOf(events, run.timeline.lastFact, verdict);
  const present = new Set(columns.keys());
  const { charts, others } = chooseCharts(present, plan, verdict);
  const lines = linesOf(run);
  const pictures = charts.map((chart) => pictureOf(chart, columns, lines, backdrop));
  const style = `${UPLOT_STYLE}\n${STYLE}`;
  const script = `${UPLOT}\n${SCRIPT}`;
  const body = html`
${header(verdict, plan)}
<main>
${invariants(verdict, pictures)}
${reached(verdict)}
${verdict.warnings.length > 0 && html`<ul class="notes" aria-label="Also noted">${verdict.warnings.map((warning) => html`<li>${arrows(warning)}</li>`)}</ul>`}
${errors(events)}
${booksSection(events)}
${story(backdrop, pictures)}
${offences(events)}
${costSection(run)}
${subjectSection(events, verdict)}
${verdict.invariants.length > 0 && html`<section id="invariants"><h2>Invariants in full</h2>${invariantTable(verdict)}</section>`}
${profileSection(events)}
${sparks(others, columns, backdrop)}
${steps(events)}
${log(events)}
${provenance(plan, events)}
</main>
<footer>Times are seconds since the run began, on the clock of the conductor. Every sample is kept beside this file: events.ndjson, series.ndjson.</footer>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src '${hash(style)}'; script-src '${hash(script)}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
${html`<title>${verdict.verdict.toUpperCase()} ${verdict.scenario}: ${verdict.reason}</title>`.text}
<style>${style}</style>
</head>
<body>
${SIGNS}${body.text}
<script type="application/json" id="run-data">${JSON.stringify(pack(backdrop, pictures))}</script>
<script>${script}</script>
</body>
</html>
`;
}

function hash(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function header(verdict: Verdict, plan: Plan): Html {
  const target = verdict.accelerator === 'none' ? placeOf(verdict) : `${placeOf(verdict)} (${verdict.accelerator})`;
  return html`<header class="verdict ${verdict.verdict}"><div>
<p class="what"><span class="word">${sign(verdict.verdict)}${verdict.verdict.toUpperCase()}</span> <b>${verdict.scenario}</b> <span>${moment(verdict.durationSeconds)} of ${moment(verdict.plannedSeconds)}</span> <span>seed ${verdict.seed}</span> <span>${target}</span> <span>${plan.subject.name}</span> <time>${plan.startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}</time></p>
<h1>${arrows(verdict.reason)}</h1>
</div></header>`;
}

function invariants(verdict: Verdict, pictures: readonly Picture[]): Html {
  const sorted = verdict.invariants.toSorted((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict));
  const words = { fail: 'violated', unknown: 'unknown', pass: 'held', skipped: 'not judged' } as const;
  const counts = ORDER.map((kind) => [sorted.filter((i) => i.verdict === kind).length, words[kind]] as const).filter(
    ([count]) => count > 0,
  );
  const placeOf = (invariant: InvariantVerdict): string =>
    pictures.find(({ chart }) => chart.judgedBy.includes(invariant))?.chart.id ??
    (invariant.series === undefined ? 'subject' : 'invariants');
  return html`<section><h2>What must hold</h2> <span class="quiet">${counts.length > 0 ? counts.map(([count, word]) => `${count} ${word}`).join(', ') : 'the plan names nothing'}</span>
<ul class="chips">${sorted.map(
    (
      i,
    ) => html`<li><a class="chip ${i.verdict}" href="#${placeOf(i)}">${sign(i.verdict)}<b>${i.name}<span class="quiet"> ${i.verdict === 'fail' || i.verdict === 'unknown' ? words[i.verdict] : ''}</span></b><span>${arrows(i.observed)}</span></a></li>
`,
  )}</ul></section>`;
}

function reached(verdict: Verdict): Html | false {
  if (verdict.reached.length === 0) return false;
  return html`<section><h2>What must have happened</h2> <span class="quiet">or a pass would mean nothing</span>
<ul class="chips">${verdict.reached.map(({ name, count, required }) => {
    const isReached = count >= required;
    const done = required > 0 ? Math.round(100 * Math.min(1, count / required)) : 100;
    return html`<li><div class="chip ${isReached ? 'pass' : 'unknown'}">${sign(isReached ? 'pass' : 'unknown')}<b>${name}</b><span>${plain(count)} of ${plain(required)}${!isReached && ', not reached'}</span><svg class="meter" viewBox="0 0 100 5" preserveAspectRatio="none" aria-hidden="true"><rect class="all" width="100" height="5" rx="2"/><rect class="done" width="${done}" height="5" rx="2"/></svg></div></li>
`;
  })}</ul></section>`;
}

function story(backdrop: Backdrop, pictures: readonly Picture[]): Html {
  return html`<section><h2>The run</h2> <span class="quiet">all pictures share one time axis</span>
<figure class="picture">${timelineSvg(backdrop)}
<p class="how">From the start of the target to its end: the stages of the run, the windows that the scenario named, the faults that it injected, and the lives of the subject. Only the stage "measure" is judged. A filled flag is an end that nobody ordered, an empty one was ordered by the plan.</p></figure>
${pictures.length > 0 && shadings(backdrop)}
${pictures.map((picture) => figure(picture, backdrop))}
${pictures.length === 0 && html`<p class="how">No series was sampled in this run, so there is nothing to draw.</p>`}</section>`;
}

/** What the shadings of all pictures mean, of those that occur. */
function shadings(backdrop: Backdrop): Html {
  const has = (kind: string): boolean => backdrop.stretches.some((s) => s.kind === kind) || backdrop.instants.some((i) => i.kind === kind);
  const entries: [boolean, Html, string][] = [
    [true, html`<rect class="outside" width="22" height="12"/>`, 'outside the measured phase'],
    [has('fault'), html`<rect class="fault" width="22" height="12"/>`, 'fault injected'],
    [has('mark'), html`<rect class="mark" y="4" width="22" height="4"/>`, 'window of the scenario'],
    [has('restart'), html`<path class="instant restart" d="M11 0v12"/>`, 'end that nobody ordered'],
    [has('ordered'), html`<path class="instant ordered" d="M11 0v12"/>`, 'end ordered by the plan'],
    [has('infra'), html`<path class="instant infra" d="M11 0v12"/>`, 'infrastructure broke'],
    [true, html`<path class="ceiling" d="M0 6h22"/>`, 'bound'],
  ];
  return html`<p class="shown">${entries.filter(([isUsed]) => isUsed).map(([, drawing, words]) => html`<span><svg viewBox="0 0 22 12" aria-hidden="true">${drawing}</svg>${words}</span> `)}</p>`;
}

function figure(picture: Picture, backdrop: Backdrop): Html {
  const { chart, series, beyond } = picture;
  const worst = chart.judgedBy.some(({ verdict }) => verdict === 'fail') ? 'fail' : '';
  return html`<figure class="picture ${worst}" id="${chart.id}"><figcaption><h3>${chart.title}</h3>
${
  chart.judgedBy.length > 0 &&
  html`<ul class="judges">${chart.judgedBy.map((i) => html`<li class="${i.verdict}">${sign(i.verdict)} <b>${i.name}</b> <span class="quiet">${arrows(i.observed)}; bound: ${i.bound}</span></li>`)}</ul>`
}
<ul class="legend">${series.map(({ line, range }, k) => html`<li><svg class="key k${k}" viewBox="0 0 16 8" aria-hidden="true"><path class="line" d="M1 4h14"/></svg>${line.label} <b>${range}</b></li>`)}${beyond.map(({ label }) => html`<li>${label}, far above</li>`)}<li class="when"></li></ul></figcaption>
${chartSvg(picture, backdrop)}
<p class="how">${chart.how}</p></figure>
`;
}

function sparks(names: readonly string[], columns: Columns, backdrop: Backdrop): Html | false {
  const drawn = names
    .map((name) => ({ name, readings: columns.get(name) ?? [] }))
    .filter(({ readings }) => readings.some(({ value }) => value !== null));
  if (drawn.length === 0) return false;
  return html`<section id="others"><h2>Everything else that was sampled</h2>
<p class="how">Each from its own smallest to its own largest value, over the same time as above. Nothing here is judged; a shape that follows a fault is worth a question.</p>
<div class="sparks">${drawn.map(({ name, readings }) => sparkSvg(readings, gridFor([readings], backdrop.from, backdrop.to, SPARK_BUCKETS), name))}</div></section>`;
}

/** Base64 has no character that could end a script element or need an escape. */
function pack(backdrop: Backdrop, pictures: readonly Picture[]): string {
  const data = {
    from: backdrop.from,
    to: backdrop.to,
    stretches: backdrop.stretches.filter(({ kind }) => kind !== 'subject').map(({ kind, name, from, to }) => [kind, name, from, to]),
    instants: backdrop.instants.map(({ kind, at }) => [kind, at]),
    charts: Object.fromEntries(pictures.map((picture) => [picture.chart.id, liveData(picture)])),
  };
  return gzipSync(JSON.stringify(data), { level: 9 }).toString('base64');
}

/** Each verdict has a shape of its own. */
const SIGNS = raw(`<svg class="signs" aria-hidden="true">
<symbol id="sign-pass" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="none" stroke="currentColor" stroke-width="1.6"/><path d="M4.6 8.3l2.4 2.4 4.4-5" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"/></symbol>
<symbol id="sign-fail" viewBox="0 0 16 16"><path d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z" fill="currentColor"/><path d="M5.4 5.4l5.2 5.2m0-5.2l-5.2 5.2" stroke="var(--sheet)" stroke-width="1.8" stroke-linecap="round"/></symbol>
<symbol id="sign-infra" viewBox="0 0 16 16"><path d="M8 1.2L15.4 14.4H.6z" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linejoin="round"/><path d="M8 6v4m0 2.1v.2" stroke="currentColor" stroke-width="1.7" stroke-linecap="round"/></symbol>
<symbol id="sign-unknown" viewBox="0 0 16 16"><rect x="1.2" y="1.2" width="13.6" height="13.6" rx="3" fill="none" stroke="currentColor" stroke-width="1.6"/><path d="M5.9 6.2c.2-2.9 4.4-2.6 4.2-.1-.1 1.5-2 1.5-2.1 3.2m0 2.3v.2" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round"/></symbol>
<symbol id="sign-partial" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="none" stroke="currentColor" stroke-width="1.6"/><path d="M8 1a7 7 0 010 14z" fill="currentColor"/></symbol>
<symbol id="sign-flaky" viewBox="0 0 16 16"><path d="M1.5 8l3-4.5 3.5 9 3.5-9 3 4.5" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"/></symbol>
<symbol id="sign-skipped" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="none" stroke="currentColor" stroke-width="1.6" stroke-dasharray="2.6 2.2"/><path d="M5 8h6" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"/></symbol>
</svg>`).text;
