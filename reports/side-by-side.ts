/** Several soaks in one table, a column each: verdicts, invariants, levels. Pure: the same facts give the same bytes. */
import { WORST_FIRST } from '../harness/facts/verdict.js';
import { median, quantile } from '../harness/stats/sample.js';
import { moment, plain } from '../harness/verdict/quantity.js';
import { eventsOf } from '../harness/verdict/timeline.js';
import { shaped } from './buckets.js';
import { chooseCharts } from './charts.js';
import { comparePage, facts, notes } from './compare-page.js';
import { type ComparedRun, type Measured, measured } from './compare-runs.js';
import { type Html, html } from './html.js';
import { label } from './scale.js';

interface Row {
  readonly name: string;
  /** One cell a run; the mark colours it. */
  readonly cells: readonly { readonly text: string; readonly mark?: string }[];
}

interface Table {
  readonly columns: readonly string[];
  readonly runs: readonly Row[];
  readonly invariants: readonly Row[];
  readonly levels: readonly Row[];
}

export function renderSideBySide(runs: readonly ComparedRun[]): string {
  const table = tableOf(runs);
  const { tone, word, sentence } = headline(runs);
  const body = html`
${notes(unfair(runs))}
<section id="runs"><h2>Runs</h2>${rows(table.columns, table.runs)}</section>
<section id="invariants"><h2>What must hold</h2>${rows(table.columns, table.invariants)}</section>
<section id="levels"><h2>Levels</h2>
<p class="how">Median and, in brackets, 99th percentile of the samples of the measured phase. Samples of one run hang together, so a difference between two columns is a hint and no proof: that takes several runs of each.</p>${rows(table.columns, table.levels)}</section>
<section id="repeat"><h2>Repeat one of them</h2><pre class="replay" tabindex="0">${runs.map(({ plan }) => plan.replay).join('\n')}</pre></section>
<section id="provenance"><h2>Provenance</h2>${facts(runs.flatMap(({ plan }, i) => provenance(table.columns[i] ?? plan.id, plan.id, plan.kernel?.origin)))}</section>`;
  return comparePage(tone, word, scenarios(runs), sentence, body, 'Every run has a report of its own in its directory.');
}

/** The same tables for a terminal or a pull request. */
export function sideBySideMarkdown(runs: readonly ComparedRun[]): string {
  const table = tableOf(runs);
  const { word, sentence } = headline(runs);
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ');
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  const block = (title: string, list: readonly Row[]): string[] => [
    line([title, ...table.columns]),
    line(['---', ...table.columns.map(() => '---')]),
    ...list.map(({ name, cells }) => line([name, ...cells.map(({ text }) => text)])),
    '',
  ];
  return [
    `**${word}**: ${sentence}`,
    '',
    ...block('', table.runs),
    ...block('invariant', table.invariants),
    ...block('level', table.levels),
  ].join('\n');
}

function tableOf(runs: readonly ComparedRun[]): Table {
  const invariants = [...new Set(runs.flatMap(({ verdict }) => verdict.invariants.map(({ name }) => name)))];
  const required = [...new Set(runs.flatMap(({ verdict }) => verdict.reached.map(({ name }) => name)))];
  const cellOf = (name: string, { verdict }: ComparedRun): Row['cells'][number] => {
    const found = verdict.invariants.find((i) => i.name === name);
    return found ? { text: `${found.verdict}: ${found.observed}`, mark: found.verdict } : { text: 'not in this run' };
  };
  const reachedOf = (name: string, { verdict }: ComparedRun): Row['cells'][number] => {
    const found = verdict.reached.find((r) => r.name === name);
    if (!found) return { text: 'not in this run' };
    return { text: `${plain(found.count)} of ${plain(found.required)}`, mark: found.count < found.required ? 'unknown' : 'pass' };
  };
  const held = ({ verdict }: ComparedRun): string =>
    `${verdict.invariants.filter((i) => i.verdict === 'pass').length} of ${verdict.invariants.length}`;
  const row = (name: string, of: (run: ComparedRun) => string): Row => ({ name, cells: runs.map((run) => ({ text: of(run) })) });
  return {
    columns: runs.map(titleOf),
    runs: [
      { name: 'verdict', cells: runs.map(({ verdict }) => ({ text: verdict.verdict, mark: verdict.verdict })) },
      row('why', ({ verdict }) => verdict.reason),
      row('held', held),
      row('measured', ({ verdict }) => moment(verdict.durationSeconds)),
      row('slower than outside', ({ events }) => slowdown(events)),
      row('run', ({ plan }) => plan.id),
    ],
    invariants: [
      ...invariants.map((name) => ({ name, cells: runs.map((run) => cellOf(name, run)) })),
      ...required.map((name) => ({ name: `reached: ${name}`, cells: runs.map((run) => reachedOf(name, run)) })),
    ],
    levels: levels(runs),
  };
}

/** What tells a run from the others: its kernel if one was asked for, else the one that its target told of, with the subject. */
function titleOf({ plan, events }: ComparedRun): string {
  const up = eventsOf(events, 'target').find(({ state }) => state === 'up');
  const kernel = plan.kernel?.release ?? up?.facts?.kernel ?? 'kernel unknown';
  return plan.subject.name === 'netsoakd' ? kernel : `${kernel}, ${plan.subject.name}`;
}

function slowdown(events: ComparedRun['events']): string {
  const factor = eventsOf(events, 'target').find(({ state }) => state === 'up')?.slowdown;
  return factor === undefined ? 'unknown' : `${factor} times`;
}

function levels(runs: readonly ComparedRun[]): Row[] {
  const sides = runs.map(measured);
  const [first] = runs;
  if (!first) return [];
  const present = new Set(sides.flatMap(({ columns }) => [...columns.keys()]));
  return chooseCharts(present, first.plan, first.verdict).charts.flatMap((chart) =>
    chart.lines.flatMap((line): Row[] => {
      const values = sides.map((side) => valuesOf(side, line));
      // Rows that are wrong are zero nearly always, and judged above.
      if (values.every((list) => list.every((value) => value === 0))) return [];
      const show = (value: number): string => (Number.isNaN(value) ? 'unknown' : label(chart.unit, value));
      const cells = values.map((list) => ({
        text: list.length === 0 ? 'unknown' : `${show(median(list))} (${show(quantile(list, 0.99).value)})`,
      }));
      return [{ name: `${chart.title}: ${line.label}`, cells }];
    }),
  );
}

function valuesOf({ columns }: Measured, line: { readonly series: string; readonly form: Parameters<typeof shaped>[1] }): number[] {
  return shaped(columns.get(line.series) ?? [], line.form).flatMap(({ value }) => (value === null ? [] : [value]));
}

function headline(runs: readonly ComparedRun[]): { tone: 'pass' | 'fail' | 'unknown'; word: string; sentence: string } {
  const outcomes = runs.map(({ verdict }) => verdict.verdict);
  const worst = WORST_FIRST.find((outcome) => outcomes.includes(outcome)) ?? 'unknown';
  const tone = worst === 'fail' ? 'fail' : worst === 'pass' ? 'pass' : 'unknown';
  const red = runs.filter(({ verdict }) => verdict.verdict !== 'pass');
  const sentence =
    red.length === 0
      ? `all ${runs.length} passed`
      : red.map((run) => `${titleOf(run)}: ${run.verdict.verdict}, ${run.verdict.reason}`).join('; ');
  return { tone, word: worst.toUpperCase(), sentence };
}

/** What makes the columns hard to compare, in sentences. */
function unfair(runs: readonly ComparedRun[]): string[] {
  const check = (what: string, of: (run: ComparedRun) => string): string[] => {
    const values = new Set(runs.map(of));
    return values.size > 1 ? [`not the same ${what}: ${[...values].join(', ')}`] : [];
  };
  return [
    ...check('scenario', ({ plan }) => plan.scenario),
    ...check('target', ({ plan }) => `${plan.target} (${plan.accelerator})`),
    ...check('seed', ({ plan }) => String(plan.seed)),
    ...check('settings', ({ plan }) => JSON.stringify(plan.settings)),
    ...check('revision', ({ plan }) => plan.provenance.revision ?? 'unknown'),
  ];
}

function scenarios(runs: readonly ComparedRun[]): string[] {
  return [[...new Set(runs.map(({ plan }) => plan.scenario))].join(', '), `${runs.length} runs`];
}

function provenance(title: string, id: string, origin: string | undefined): [string, string][] {
  return [
    [title, id],
    [`${title} kernel`, origin ?? "the set-up's"],
  ];
}

function rows(columns: readonly string[], list: readonly Row[]): Html {
  return html`<div class="scroll"><table><thead><tr><td></td>${columns.map((title) => html`<th scope="col">${title}</th>`)}</tr></thead><tbody>
${list.map(({ name, cells }) => html`<tr><th scope="row">${name}</th>${cells.map(({ text, mark }) => html`<td class="${mark ?? ''}">${text}</td>`)}</tr>\n`)}</tbody></table></div>`;
}
