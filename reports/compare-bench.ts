/** Two measurements of benchmarks as one HTML file, and as Markdown for a pull request. Pure: the same facts give the same bytes. */
import { METRICS } from '../harness/bench/benchmark.js';
import { figure, pValue, signedPercent, spread } from '../harness/bench/format.js';
import { hostDifferences } from '../harness/bench/host.js';
import { type JudgedRow, judge } from '../harness/bench/judge.js';
import { type BenchComparison, noiseKey } from '../harness/bench/result.js';
import type { HistoryEntry } from '../harness/bench/store.js';
import { geometricMean } from '../harness/stats/geometric-mean.js';
import { forestSvg } from './bench-forest.js';
import { trends } from './bench-trend.js';
import { comparePage, facts, notes } from './compare-page.js';
import { type Html, html } from './html.js';

interface Told {
  readonly tone: 'pass' | 'fail' | 'unknown';
  readonly word: string;
  readonly sentence: string;
  readonly judged: readonly JudgedRow[];
  readonly changed: readonly JudgedRow[];
  readonly rest: readonly JudgedRow[];
  readonly shown: readonly JudgedRow[];
  readonly warnings: readonly string[];
}

export function renderBenchComparison(comparison: BenchComparison, history: readonly HistoryEntry[]): string {
  const told = tell(comparison);
  const { old, new: now, interleaved, noise, missing } = comparison;
  const forest = forestSvg([...told.changed, ...told.rest]);
  const body = html`
${notes([...told.warnings, ...missing.map((line) => `not compared: ${line}`)])}
${
  forest &&
  html`<section><h2>Change</h2> <span class="quiet">of ${old.label} to ${now.label}; to the right is more, which is worse</span>
<figure class="picture">${forest}
<p class="how">Each line is the 95 % interval of the change of one row (Hodges-Lehmann over processes), the dot its estimate; a ring is the second measurement that every difference must stand. The grey band is what this machine shows for identical code, at least 3 %: a dot inside it is called nothing, however small its p. Red is a confirmed regression, green a confirmed improvement. The scale is logarithmic, so that twice and half lie equally far from zero.</p></figure></section>`
}
<section><h2>Rows that differ</h2> ${told.changed.length === 0 ? html`<span class="quiet">none</span>` : table(told.changed, old.label, now.label)}</section>
<section><details><summary><h2>Rows that do not</h2> <span class="quiet">${told.rest.length}</span></summary>${table(told.rest, old.label, now.label)}</details></section>
${told.shown.length > 0 && html`<section><details><summary><h2>Beside them</h2> <span class="quiet">${told.shown.length} figures that are not judged</span></summary>${table(told.shown, old.label, now.label)}</details></section>`}
${trends(
  history,
  told.judged.map(({ id, metric }) => noiseKey(id, metric)),
)}
<section id="provenance"><h2>Provenance</h2>${facts([
    ['old', `${old.label}, ${old.revision}, ${old.at}`],
    ['new', `${now.label}, ${now.revision}, ${now.at}`],
    ['taken', interleaved ? 'in turn, a process of the one and a process of the other' : 'at different times'],
    ['samples', 'each is a process of its own; the first of each row is thrown away'],
    ['noise', noise ? `measured ${noise.at}` : 'not measured on this machine'],
    ...Object.entries(now.host).map(([key, value]): [string, string] => [key, String(value)]),
  ])}</section>`;
  return comparePage(
    told.tone,
    told.word,
    [`${old.label} → ${now.label}`, `${told.judged.length} rows`, now.at.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')],
    told.sentence,
    body,
    'p is the Mann-Whitney test over processes, corrected by Holm over all judged rows. Every sample is kept beside this file, as JSON.',
  );
}

export function benchComparisonMarkdown(comparison: BenchComparison): string {
  const told = tell(comparison);
  const { old, new: now, missing } = comparison;
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
  const head = `| | ${cell(old.label)} | ${cell(now.label)} | change | p | n |\n| --- | ---: | ---: | ---: | ---: | ---: |`;
  const lines = (rows: readonly JudgedRow[]): string[] =>
    rows.map(
      (row) =>
        `| ${cell(nameOf(row))} | ${figure(row.old.estimate, row.metric)} ${spread(row.old)} | ${figure(row.new.estimate, row.metric)} ${spread(row.new)} | ${changeText(row)} | ${row.p === null ? '' : pValue(row.p)} | ${row.n.join('+')} |`,
    );
  const parts = [`**${told.word}**: ${told.sentence}`];
  if (told.changed.length > 0) parts.push([head, ...lines(told.changed)].join('\n'));
  if (told.rest.length > 0) {
    parts.push(
      `<details><summary>${told.rest.length} rows do not differ</summary>\n\n${[head, ...lines(told.rest)].join('\n')}\n\n</details>`,
    );
  }
  const also = [...told.warnings, ...missing.map((line) => `not compared: ${line}`)];
  if (also.length > 0) parts.push(also.map((line) => `- ${line.replaceAll('\n', ' ')}`).join('\n'));
  return `${parts.join('\n\n')}\n`;
}

function tell(comparison: BenchComparison): Told {
  const { rows, warnings, sight } = judge(comparison);
  const judged = rows.filter(({ verdict }) => verdict !== 'not-judged');
  const away = (row: JudgedRow): number => Math.abs(Math.log1p(row.shift?.estimate ?? 0));
  const order = ['regression', 'unconfirmed', 'improvement', 'not-confirmed', 'same'];
  const sorted = judged.toSorted((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict) || away(b) - away(a));
  const changed = sorted.filter(({ verdict }) => verdict === 'regression' || verdict === 'unconfirmed' || verdict === 'improvement');
  const foreign = hostDifferences(comparison.old.host, comparison.new.host);
  return {
    ...headline(judged, changed, foreign, sight),
    judged,
    changed,
    rest: sorted.filter((row) => !changed.includes(row)),
    shown: rows.filter(({ verdict }) => verdict === 'not-judged'),
    warnings: [...comparison.old.warnings, ...comparison.new.warnings, ...warnings].filter((line, i, all) => all.indexOf(line) === i),
  };
}

function headline(
  judged: readonly JudgedRow[],
  changed: readonly JudgedRow[],
  foreign: readonly string[],
  sight: number,
): Pick<Told, 'tone' | 'word' | 'sentence'> {
  const of = (verdict: JudgedRow['verdict']): JudgedRow[] => changed.filter((row) => row.verdict === verdict);
  const say = ([first, ...more]: JudgedRow[]): string => {
    const others = more.length > 0 ? `, and ${more.length} more row${more.length === 1 ? '' : 's'} likewise` : '';
    return first ? `${nameOf(first)}: ${(100 * Math.abs(first.shift?.estimate ?? 0)).toFixed(1)} % ${direction(first)}${others}` : '';
  };
  const [worse, better, open] = [of('regression'), of('improvement'), of('unconfirmed')];
  if (foreign.length > 0) return { tone: 'unknown', word: 'OTHER HOST', sentence: `Not comparable: ${foreign.join(', ')}.` };
  if (judged.length === 0) return { tone: 'unknown', word: 'UNKNOWN', sentence: 'The two have no row in common that is judged.' };
  if (worse.length > 0) return { tone: 'fail', word: 'REGRESSION', sentence: `${say(worse)}, confirmed by a second measurement.` };
  if (open.length > 0) {
    return { tone: 'unknown', word: 'UNCONFIRMED', sentence: `${say(open)}, but nobody measured it a second time.` };
  }
  if (better.length > 0) return { tone: 'pass', word: 'IMPROVED', sentence: `${say(better)}, confirmed; no row is worse.` };
  const mean = geometricMean(judged.map(({ shift }) => (shift ? 1 + shift.estimate : Number.NaN))).value;
  return {
    tone: 'pass',
    word: 'NO DIFFERENCE',
    sentence: `None of ${judged.length} rows differs by more than chance and this machine's noise; half of them would have shown a change of ${(sight * 100).toFixed(0)} % (geometric mean ${signedPercent(mean - 1)}).`,
  };
}

function direction({ metric, shift }: JudgedRow): string {
  const isMore = (shift?.estimate ?? 0) > 0;
  if (METRICS[metric].unit === 'ns') return isMore ? 'slower' : 'faster';
  return isMore ? 'more' : 'less';
}

function table(rows: readonly JudgedRow[], old: string, now: string): Html {
  return html`<div class="scroll"><table><thead><tr><th scope="col">Row</th><th scope="col" class="number">${old}</th><th scope="col" class="number">${now}</th><th scope="col" class="number">Change</th><th scope="col" class="number">95 % interval</th><th scope="col" class="number">Noise</th><th scope="col" class="number">p</th><th scope="col" class="number">n</th><th scope="col">Verdict</th></tr></thead><tbody>
${rows.map(
  (
    row,
  ) => html`<tr><th scope="row">${nameOf(row)}</th><td class="number">${figure(row.old.estimate, row.metric)} <span class="quiet">${spread(row.old)}</span></td><td class="number">${figure(row.new.estimate, row.metric)} <span class="quiet">${spread(row.new)}</span></td><td class="number">${row.shift ? signedPercent(row.shift.estimate) : ''}</td><td class="number">${row.shift && `${signedPercent(row.shift.low)} to ${signedPercent(row.shift.high)}`}</td><td class="number">${row.p !== null && `± ${(row.floor * 100).toFixed(1)} %`}</td><td class="number">${row.p !== null && pValue(row.p).slice(1).replace(/^=/, '')}</td><td class="number">${row.n.join('+')}</td><td class="${row.verdict}">${verdictWords(row)}</td></tr>
`,
)}</tbody></table></div>`;
}

function nameOf({ id, metric, per }: JudgedRow): string {
  return `${id}, ${metric}${METRICS[metric].perOp ? ` per ${per}` : ''}`;
}

function changeText(row: JudgedRow): string {
  if (row.verdict === 'same') return '~';
  const text = row.shift ? signedPercent(row.shift.estimate) : '?';
  return row.verdict === 'regression' || row.verdict === 'improvement' ? `**${text}**` : text;
}

function verdictWords({ verdict, again }: JudgedRow): string {
  const second = again ? ` (again ${signedPercent(again.estimate)})` : '';
  switch (verdict) {
    case 'regression':
      return `regression${second}`;
    case 'improvement':
      return `improved${second}`;
    case 'not-confirmed':
      return `not confirmed${second}`;
    case 'unconfirmed':
      return 'not measured again';
    case 'same':
    case 'not-judged':
      return '';
  }
}
