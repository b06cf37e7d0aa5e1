/** An evaluation as one HTML file: which way won, by how much, on which load. Pure: the same facts give the same bytes. */
import { METRICS, type MetricName } from '../harness/bench/benchmark.js';
import { figure, signedPercent, spread } from '../harness/bench/format.js';
import type { JudgedRow } from '../harness/bench/judge.js';
import { LEAST_EFFECT } from '../harness/bench/judge.js';
import { align } from '../harness/bench/text.js';
import { type Duel, duels, type Evaluation, type EvaluationCase, metricsOf, verdictOf } from '../harness/evaluate/evaluation.js';
import { medianInterval } from '../harness/stats/median-interval.js';
import { forestSvg } from './bench-forest.js';
import { comparePage, facts, notes } from './compare-page.js';
import { type Html, html } from './html.js';

export function renderEvaluation(evaluation: Evaluation): string {
  const verdict = verdictOf(evaluation);
  const fought = duels(evaluation);
  const [first = '?'] = evaluation.variants;
  const body = html`
<section><h2>What came out</h2><ul class="notes">${verdict.sentences.map((sentence) => html`<li>${sentence}</li>`)}</ul></section>
<section><h2>Against ${first}</h2> <span class="quiet">to the right takes more than ${first}, to the left less</span>
<figure class="picture">${forestSvg(fought.map(asRow))}
<p class="how">Each line is the 95 % interval of what another way takes more or less than ${first} (Hodges-Lehmann over ${sampleCount(evaluation)} processes of each, taken in turn), the dot its estimate. Red: the other way takes more, so ${first} wins; green: the other way wins; grey: its interval holds zero, or it lies in the band of 3 % within which nothing is called a difference. The scale is logarithmic: twice and half lie equally far from zero.</p></figure></section>
${evaluation.cases.map((load) => section(evaluation, load))}
${notes(evaluation.notes)}
<section id="provenance"><h2>Provenance</h2>${facts([
    ['command', `netsoak evaluate ${evaluation.name}`],
    ['revision', evaluation.revision],
    ['taken', evaluation.at],
    ['samples', 'each is a process of its own, the ways in turn; the first round is thrown away'],
    ...Object.entries(evaluation.host).map(([key, value]): [string, string] => [key, String(value)]),
  ])}</section>`;
  return comparePage(
    verdict.winner === 'first' ? 'pass' : 'unknown',
    verdict.winner === 'first' ? 'CONFIRMED' : verdict.winner === 'other' ? 'OVERTURNED' : 'NO DIFFERENCE',
    [evaluation.variants.join(' / '), evaluation.at.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')],
    `${evaluation.question} ${answerOf(evaluation)}`,
    body,
    'Every sample is kept beside this file, as JSON.',
  );
}

function answerOf(evaluation: Evaluation): string {
  const { winner } = verdictOf(evaluation);
  const [first = '?', ...others] = evaluation.variants;
  if (winner === 'first') return `${capital(first)} wins.`;
  return winner === 'other' ? `${capital(others.join(' or '))} wins.` : 'Neither wins.';
}

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

function sampleCount(evaluation: Evaluation): number {
  return evaluation.cases[0]?.metrics[evaluation.decides[0] ?? 'time']?.[0]?.length ?? 0;
}

/** The interval plot is that of comparisons. */
function asRow(duel: Duel): JudgedRow {
  const id = `${duel.case}: ${duel.variant}`;
  const verdict = duel.outcome === 'first' ? 'regression' : duel.outcome === 'other' ? 'improvement' : 'same';
  return {
    suite: duel.case,
    name: duel.variant,
    per: '',
    id,
    metric: duel.metric,
    old: duel.first,
    new: duel.other,
    n: [0, 0],
    shift: duel.shift,
    p: null,
    floor: LEAST_EFFECT,
    verdict,
    again: null,
  };
}

function section(evaluation: Evaluation, load: EvaluationCase): Html {
  const metrics = metricsOf(evaluation).filter((metric) => load.metrics[metric] !== undefined);
  const [first = '?'] = evaluation.variants;
  return html`<section><h2>${load.name}</h2><div class="scroll"><table><thead><tr><th scope="col">What it takes</th>${evaluation.variants.map((variant) => html`<th scope="col" class="number">${variant}</th>`)}</tr></thead><tbody>
${metrics.map((metric) => html`<tr><th scope="row">${metric}${METRICS[metric].perOp && ` per ${perOf(evaluation, metric)}`}</th>${evaluation.variants.map((_, v) => cell(evaluation, load, metric, v))}</tr>\n`)}${(load.words ?? []).map(({ what, of }) => html`<tr><th scope="row">${what}</th>${evaluation.variants.map((_, v) => html`<td class="number">${of[v]}</td>`)}</tr>\n`)}</tbody></table></div>
<p class="how">Medians of the processes, with how far their 95 % interval reaches. In brackets the change against ${first}. ${metrics.map((metric) => `${capital(metric)}: ${METRICS[metric].what}.`).join(' ')}</p></section>`;
}

/** CPU may be for a smaller thing than a poll. */
function perOf(evaluation: Evaluation, metric: MetricName): string {
  return evaluation.per === 'packet' && metric !== 'cpu' ? 'poll' : evaluation.per;
}

function cell(evaluation: Evaluation, load: EvaluationCase, metric: MetricName, variant: number): Html {
  const values = load.metrics[metric]?.[variant] ?? [];
  const { value } = medianInterval(values);
  const duel = duels({ ...evaluation, cases: [load] }, [metric]).find(({ variant: name }) => name === evaluation.variants[variant]);
  return html`<td class="number">${figure(value.estimate, metric)} <span class="quiet">${values.length > 1 && spread(value)}${duel && Number.isFinite(duel.shift.estimate) && ` (${signedPercent(duel.shift.estimate)})`}</span></td>`;
}

/** For a terminal: one line a load, metric and way. */
export function evaluationTable(evaluation: Evaluation): string {
  const metrics = metricsOf(evaluation);
  const lines = evaluation.cases.flatMap((load) =>
    evaluation.variants.map((variant, v) => [
      v === 0 ? load.name : '',
      variant,
      ...metrics.map((metric) => {
        const values = load.metrics[metric]?.[v];
        return values === undefined ? '' : figure(medianInterval(values).value.estimate, metric);
      }),
      (load.words ?? []).map(({ of }) => of[v]).join(' '),
    ]),
  );
  return align([
    ['', '', ...metrics.map((metric) => (METRICS[metric].perOp ? `${metric}/${perOf(evaluation, metric)}` : metric)), ''],
    ...lines,
  ]);
}
