/** Two soaks as one HTML file: what each was found to be, and their series on one axis. Pure: the same facts give the same bytes. */
import { type Difference, differences as differencesOf } from '../harness/against/differences.js';
import { againstVerdict, signed } from '../harness/against/verdict.js';
import type { RunEvent, SeriesPoint, Stored } from '../harness/facts/events.js';
import type { Plan } from '../harness/facts/plan.js';
import { type Verdict, WORST_FIRST } from '../harness/facts/verdict.js';
import { median, quantile } from '../harness/stats/sample.js';
import { moment, quantity } from '../harness/verdict/quantity.js';
import { asRun } from '../harness/verdict/run.js';
import type { Columns, Reading } from '../harness/verdict/samples.js';
import type { Backdrop } from './backdrop.js';
import { shaped } from './buckets.js';
import { chartSvg } from './chart-svg.js';
import { type Chart, chooseCharts } from './charts.js';
import { comparePage, facts, notes } from './compare-page.js';
import { type Html, html } from './html.js';
import { type Picture, pictureOf } from './picture.js';
import { profileComparison } from './profiles.js';
import { label } from './scale.js';

export interface ComparedRun {
  readonly plan: Plan;
  readonly events: readonly Stored<RunEvent>[];
  readonly series: readonly SeriesPoint[];
  readonly verdict: Verdict;
}

export function renderRunComparison(a: ComparedRun, b: ComparedRun): string {
  const sides = [a, b].map(measured) as [Measured, Measured];
  const to = Math.max(1, ...sides.map(({ seconds }) => seconds));
  const backdrop: Backdrop = { from: 0, to, stretches: [], instants: [] };
  const charts = chooseCharts(new Set([...sides[0].columns.keys(), ...sides[1].columns.keys()]), b.plan, b.verdict).charts;
  const pictures = charts.flatMap((chart) => chart.lines.map((line) => overlay({ ...chart, lines: [line] }, sides, backdrop)));
  const silent = pictures.filter(({ flat }) => flat);
  const beside = soakedBeside(a, b);
  const told = headline(a, b, beside);
  const body = html`
${notes([...differences(a, b), ...a.verdict.warnings.map((line) => `A: ${line}`), ...b.verdict.warnings.map((line) => `B: ${line}`)])}
<section><h2>What must hold</h2>${invariants(a, b)}</section>
${beside && html`<section><h2>What it costs</h2>${costs(beside)}</section>`}
<section><h2>Levels</h2>
<p class="how">Median and 99th percentile of the samples of the measured phase. No p-value stands here on purpose: samples of one run hang together, so a thousand of them are still one run. Two runs show that something differs; whether it is the product takes several.</p>${levels(pictures)}</section>
<section><h2>The two runs</h2> <span class="quiet">on one axis, from the start of the measured phase</span>
${pictures.filter(({ flat }) => !flat).map(figure)}
${silent.length > 0 && html`<details><summary>${silent.length} series that are zero in both runs throughout</summary><p>${silent.map(({ chart }) => chart.title).join('; ')}</p></details>`}</section>
${profileComparison(a.events, b.events)}
<section id="provenance"><h2>Provenance</h2>${facts([...runFacts('A', a), ...runFacts('B', b)])}</section>`;
  return comparePage(
    told.tone,
    told.word,
    [b.plan.scenario, `${a.plan.subject.name} → ${b.plan.subject.name}`, `seeds ${a.plan.seed} and ${b.plan.seed}`],
    told.sentence,
    body,
    'Times are seconds of the measured phase. A is the first run named, B the second.',
  );
}

export function runComparisonMarkdown(a: ComparedRun, b: ComparedRun): string {
  const beside = soakedBeside(a, b);
  const told = headline(a, b, beside);
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ');
  const rows = pairInvariants(a, b).map(
    ({ name, before, after }) =>
      `| ${cell(name)} | ${before ? cell(`${before.verdict}: ${before.observed}`) : ''} | ${after ? cell(`${after.verdict}: ${after.observed}`) : ''} |`,
  );
  const cost = (beside ?? []).map(
    (d) =>
      `| ${d.words} | ${showCost(d, d.before)} | ${showCost(d, d.after)}${d.shift ? ` (${signed(d.shift.estimate)}, ${d.verdict})` : ` (${d.verdict})`} |`,
  );
  return `**${told.word}**: ${told.sentence}\n\n| | A: ${cell(a.plan.id)} | B: ${cell(b.plan.id)} |\n| --- | --- | --- |\n${[...cost, ...rows].join('\n')}\n\n${differences(
    a,
    b,
  )
    .map((line) => `- ${line}\n`)
    .join('')}`;
}

export interface Measured {
  /** Series of the measured phase, its beginning at 0. */
  readonly columns: Columns;
  readonly seconds: number;
}

/** What of a run lies in its measured phase. */
export function measured({ plan, events, series }: ComparedRun): Measured {
  const { timeline, columns } = asRun(plan, events, series);
  const span = timeline.measure;
  if (!span) return { columns: new Map(), seconds: 0 };
  const cut = (column: readonly Reading[]): Reading[] =>
    column.filter(({ at }) => at >= span.from && at <= span.to).map(({ at, value }) => ({ at: at - span.from, value }));
  return { columns: new Map([...columns].map(([name, column]) => [name, cut(column)])), seconds: span.to - span.from };
}

/** One series of both runs in one picture. */
function overlay(chart: Chart, [a, b]: readonly [Measured, Measured], backdrop: Backdrop): Picture {
  const line = chart.lines[0] as Chart['lines'][number];
  const columns = new Map([
    ['A', shaped(a.columns.get(line.series) ?? [], line.form)],
    ['B', shaped(b.columns.get(line.series) ?? [], line.form)],
  ]);
  const lines = ['A', 'B'].map((side) => ({ series: side, label: side, form: 'level' as const }));
  return pictureOf({ ...chart, title: `${chart.title}: ${line.label}`, lines, judgedBy: [] }, columns, [], backdrop);
}

function figure(picture: Picture, i: number, all: readonly Picture[]): Html {
  const backdrop: Backdrop = { from: 0, to: picture.series[0] ? gridEnd(picture) : 1, stretches: [], instants: [] };
  const told = all.findIndex(({ chart }) => chart.how === picture.chart.how) === i;
  return html`<figure class="picture"><figcaption><h3>${picture.chart.title}</h3>
<ul class="legend">${picture.series.map(({ line, range }, k) => html`<li><svg class="key k${k}" viewBox="0 0 16 8" aria-hidden="true"><path class="line" d="M1 4h14"/></svg>${line.label} <b>${range}</b></li>`)}</ul></figcaption>
${chartSvg(picture, backdrop)}
<p class="how">${told ? `${picture.chart.how} A and B lie over each other where nothing has changed; look for a line that leaves the other for good.` : 'As above.'}</p></figure>
`;
}

function gridEnd({ series }: Picture): number {
  const grid = series[0]?.grid;
  return grid ? grid.from + grid.step * grid.count : 1;
}

function levels(pictures: readonly Picture[]): Html {
  return html`<div class="scroll"><table><thead><tr><th scope="col">Series</th><th scope="col" class="number">A median</th><th scope="col" class="number">B median</th><th scope="col" class="number">Change</th><th scope="col" class="number">A p99</th><th scope="col" class="number">B p99</th><th scope="col" class="number">n</th></tr></thead><tbody>
${pictures.map(({ chart, series }) => {
  const values = series.map(({ readings }) => readings.flatMap(({ value }) => (value === null ? [] : [value])));
  const [before, after] = values.map((list) => median(list));
  const show = (value: number | undefined): string => (value === undefined || Number.isNaN(value) ? 'unknown' : label(chart.unit, value));
  const change =
    before && after !== undefined && Number.isFinite(after)
      ? `${after >= before ? '+' : '−'}${Math.abs((after / before - 1) * 100).toFixed(1)} %`
      : '';
  return html`<tr><th scope="row">${chart.title}</th><td class="number">${show(before)}</td><td class="number">${show(after)}</td><td class="number">${change}</td>${values.map((list) => html`<td class="number">${show(quantile(list, 0.99).value)}</td>`)}<td class="number">${values.map((list) => list.length).join('+')}</td></tr>
`;
})}</tbody></table></div>`;
}

type Judged = Verdict['invariants'][number];

function pairInvariants(a: ComparedRun, b: ComparedRun): { name: string; before: Judged | undefined; after: Judged | undefined }[] {
  const names = [...new Set([...b.verdict.invariants, ...a.verdict.invariants].map(({ name }) => name))];
  const of = ({ verdict }: ComparedRun, name: string): Judged | undefined => verdict.invariants.find((i) => i.name === name);
  return names.map((name) => ({ name, before: of(a, name), after: of(b, name) }));
}

function invariants(a: ComparedRun, b: ComparedRun): Html {
  const changedFirst = pairInvariants(a, b).toSorted(
    (x, y) => Number(x.before?.verdict === x.after?.verdict) - Number(y.before?.verdict === y.after?.verdict),
  );
  const cells = (i: Judged | undefined): Html =>
    i
      ? html`<td class="${i.verdict} nowrap">${i.verdict}</td><td>${i.observed}</td>`
      : html`<td colspan="2" class="quiet">not in this run</td>`;
  return html`<div class="scroll"><table><thead><tr><th scope="col">Invariant</th><th scope="col" colspan="2">A</th><th scope="col" colspan="2">B</th></tr></thead><tbody>
${changedFirst.map(
  ({
    name,
    before,
    after,
  }) => html`<tr><th scope="row">${name}${before && after && before.verdict !== after.verdict && html` <span class="quiet">changed</span>`}</th>${cells(before)}${cells(after)}</tr>
`,
)}</tbody></table></div>`;
}

/** Differences that may be judged: the two went on at the same time, with the same plan. */
function soakedBeside(a: ComparedRun, b: ComparedRun): readonly Difference[] | undefined {
  const { against } = b.plan;
  return against?.side === 'B' && against.before === a.plan.id ? differencesOf(a, b) : undefined;
}

function showCost({ form, series }: Difference, value: number): string {
  return form === 'rate' ? `${(100 * value).toFixed(1)} % of a core` : quantity(series, value);
}

const CALLED: Readonly<Record<Difference['verdict'], readonly [tone: string, word: string]>> = {
  worse: ['fail', 'more'],
  better: ['pass', 'less'],
  same: ['quiet', 'no difference seen'],
  'not-judged': ['quiet', 'not judged'],
};

function costs(found: readonly Difference[]): Html {
  return html`<p class="how">The two went on at the same time. The measured phase is cut into blocks of time; B is called more or less only where the Mann-Whitney test over the blocks (Holm over the rows) says so, the shift is at least the least effect, which two processes of one program can show beside each other, and both halves of the run show it. Each side is still one process.</p>
<div class="scroll"><table><thead><tr><th scope="col">Of B</th><th scope="col"></th><th scope="col" class="number">A</th><th scope="col" class="number">B</th><th scope="col" class="number">Change (95 %)</th><th scope="col" class="number">Least effect</th><th scope="col" class="number">p</th><th scope="col" class="number">Blocks</th></tr></thead><tbody>
${found.map((d) => {
  const [tone, word] = CALLED[d.verdict];
  return html`<tr><th scope="row">${d.words}</th><td class="${tone} nowrap">${word}</td><td class="number">${showCost(d, d.before)}</td><td class="number">${showCost(d, d.after)}</td><td class="number">${d.shift ? `${signed(d.shift.estimate)} (${signed(d.shift.low)} to ${signed(d.shift.high)})` : 'unknown'}</td><td class="number">${(100 * d.floor).toFixed(0)} %</td><td class="number">${d.p === null ? '' : d.p < 0.001 ? '< 0.001' : d.p.toFixed(3)}</td><td class="number">${d.blocks}</td></tr>
`;
})}</tbody></table></div>`;
}

function headline(
  a: ComparedRun,
  b: ComparedRun,
  beside: readonly Difference[] | undefined,
): { tone: 'pass' | 'fail' | 'unknown'; word: string; sentence: string } {
  const judged = beside && againstVerdict(a.verdict, b.verdict, beside);
  // What each was found to be says it already, unless the difference alone decides.
  if (judged && judged.verdict !== b.verdict.verdict)
    return {
      tone: judged.verdict === 'fail' ? 'fail' : 'unknown',
      word: judged.verdict === 'fail' ? 'REGRESSION' : judged.verdict.toUpperCase(),
      sentence: `A ${a.verdict.verdict}, B ${b.verdict.verdict}: ${judged.reason}.`,
    };
  if (judged?.verdict === 'pass' && a.verdict.verdict === 'pass') return { tone: 'pass', word: 'PASS', sentence: `${judged.reason}.` };
  const [before, after] = [a.verdict.verdict, b.verdict.verdict];
  const worse = WORST_FIRST.indexOf(after) - WORST_FIRST.indexOf(before);
  const tone = after === 'fail' ? 'fail' : after === 'pass' ? 'pass' : 'unknown';
  const word = worse < 0 ? 'WORSE' : worse > 0 ? 'BETTER' : `BOTH ${after.toUpperCase()}`;
  const changed = pairInvariants(a, b).filter(({ before: x, after: y }) => x && y && x.verdict !== y.verdict);
  const what =
    changed.length > 0 ? ` ${changed.map(({ name, before: x, after: y }) => `${name}: ${x?.verdict} → ${y?.verdict}`).join('; ')}.` : '';
  return { tone, word, sentence: `A ${before}, B ${after}: ${b.verdict.reason}.${what}`.replace(/\.\.+/g, '.') };
}

/** What makes the comparison unfair, in sentences. */
function differences(a: ComparedRun, b: ComparedRun): string[] {
  const told: string[] = [];
  const check = (what: string, of: (run: ComparedRun) => string): void => {
    if (of(a) !== of(b)) told.push(`not the same ${what}: A ${of(a)}, B ${of(b)}`);
  };
  check('scenario', ({ plan }) => plan.scenario);
  check('target', ({ plan }) => `${plan.target} (${plan.accelerator})`);
  check('measured time', ({ verdict }) => moment(verdict.durationSeconds));
  check('seed', ({ plan }) => String(plan.seed));
  check('settings', ({ plan }) => JSON.stringify(plan.settings));
  for (const key of ['hostKernel', 'cpu', 'node']) check(key, ({ plan }) => plan.provenance[key] ?? 'unknown');
  return told;
}

function runFacts(side: string, { plan, verdict }: ComparedRun): [key: string, value: string][] {
  const pairs: [string, string][] = [
    ['run', plan.id],
    ['verdict', `${verdict.verdict}: ${verdict.reason}`],
    ['subject', plan.subject.name],
    ...Object.entries(plan.provenance),
    ['repeat', plan.replay],
  ];
  return pairs.map(([key, value]) => [`${side} ${key}`, value]);
}
