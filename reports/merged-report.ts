/** Several runs on one page, each with its verdict and a link to its own report. Pure: the same runs give the same bytes. */
import type { Merged, ReportedRun } from '../harness/merge.js';
import { placeOf } from '../harness/verdict/circumstances.js';
import { moment } from '../harness/verdict/quantity.js';
import { comparePage } from './compare-page.js';
import { type Html, html } from './html.js';
import { arrows } from './sections.js';

export function renderMergedReport(merged: Merged): string {
  const { runs, superseded, missing, verdict } = merged;
  const tone = verdict === 'fail' ? 'fail' : verdict === 'pass' ? 'pass' : 'unknown';
  const body = html`
<section id="runs"><h2>Runs</h2><div class="scroll"><table><thead><tr><th scope="col">Scenario</th><th scope="col">Verdict</th><th scope="col">Why</th><th scope="col">Held</th><th scope="col">Measured</th><th scope="col">Target</th><th scope="col">Seed</th><th scope="col">Report</th></tr></thead><tbody>
${runs.map(row)}${missing.map((name) => html`<tr class="unknown"><th scope="row">${name}</th><td>unknown</td><td>a shard was to run it, and there is no run of it</td><td></td><td></td><td></td><td></td><td></td></tr>\n`)}</tbody></table></div></section>
${superseded.length > 0 && html`<section id="superseded"><h2>Tried again</h2><p class="how">The infrastructure broke these; what counts is the second try, above.</p><div class="scroll"><table><tbody>${superseded.map(row)}</tbody></table></div></section>`}
<section id="repeat"><h2>Repeat one of them</h2><pre class="replay" tabindex="0">${runs.map(({ replay }) => replay).join('\n')}</pre></section>`;
  return comparePage(
    tone,
    verdict.toUpperCase(),
    [`${runs.length} run${runs.length === 1 ? '' : 's'}`],
    merged.reason,
    body,
    'Each report stands in the directory of its run, below this page.',
  );
}

function row({ id, verdict: v, report }: ReportedRun): Html {
  const held = v.invariants.filter((i) => i.verdict === 'pass').length;
  return html`<tr class="${v.verdict}"><th scope="row">${v.scenario}</th><td class="nowrap">${v.verdict}${v.quarantine && html` <span class="quiet">in quarantine since ${v.quarantine.since}: ${v.quarantine.reason}</span>`}</td><td>${arrows(v.reason)}</td><td class="nowrap">${held} of ${v.invariants.length}</td><td class="nowrap">${moment(v.durationSeconds)}</td><td>${placeOf(v)}</td><td>${v.seed}</td><td>${report === undefined ? id : html`<a href="${encodeURI(report)}">${id}</a>`}</td></tr>
`;
}
