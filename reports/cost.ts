/** What a row costs from end to end, as a table; null for a run without a far end. */
import { type CostLine, costOf } from '../harness/verdict/cost.js';
import { plain, quantity } from '../harness/verdict/quantity.js';
import type { Run } from '../harness/verdict/run.js';
import { type Html, html } from './html.js';

const WHERE: Readonly<Record<CostLine['who'], string>> = { daemon: 'on the wire', broker: 'in the topic', database: 'in the table' };

export function costSection(run: Run): Html | null {
  const cost = costOf(run);
  if (cost === undefined) return null;
  const figure = (value: number | undefined, text: (value: number) => string): string =>
    value === undefined ? 'not measured' : text(value);
  return html`<section id="cost"><h2>What a row costs</h2>
<div class="scroll"><table class="narrow"><thead><tr><th scope="col">Part</th><th scope="col" class="number">CPU per million rows</th><th scope="col" class="number">Most memory</th><th scope="col" class="number">Bytes a row</th><th scope="col"></th></tr></thead><tbody>
${cost.lines.map(
  ({ who, cpuSecondsPerMillion, mostRssBytes, bytesARow }) =>
    html`<tr><th scope="row">${who}</th><td class="number">${figure(cpuSecondsPerMillion, (value) => `${plain(value)} s`)}</td><td class="number">${figure(mostRssBytes, (value) => quantity('rssBytes', value))}</td><td class="number">${figure(bytesARow, (value) => plain(Math.round(value)))}</td><td class="quiet">${WHERE[who]}</td></tr>
`,
)}</tbody></table></div>
<p class="quiet">${plain(cost.rows)} rows were handed over in the measured phase. CPU is of one core, memory resident; the broker counts all its replicas, the topic one. A table takes less once its parts are merged, and a machine that does other work makes CPU dearer.</p></section>`;
}
