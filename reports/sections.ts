/** The written parts of a report: tables that can be read, copied and printed without any script. */
import type { RunEvent, Stored } from '../harness/facts/events.js';
import type { Plan } from '../harness/facts/plan.js';
import type { InvariantVerdict, Verdict } from '../harness/facts/verdict.js';
import { moment, plain } from '../harness/verdict/quantity.js';
import { eventsOf } from '../harness/verdict/timeline.js';
import { exitWords } from './backdrop.js';
import { type Html, html } from './html.js';

/** Rows of one class of offence that are shown; the others are counted. */
const SHOWN_OFFENCES = 3;
/** Lines of the log that are shown: its beginning and its end. */
const SHOWN_FIRST = 150;
const SHOWN_LAST = 50;
const SHOWN_WORDS = 600;

/** The verdict's sentences are ASCII for terminals; on paper an arrow is an arrow. */
export function arrows(text: string): string {
  return text.replaceAll(' -> ', ' \u2192 ');
}

export type Mark = InvariantVerdict['verdict'] | Verdict['verdict'];

/** The verdict as a sign with a shape of its own, so that colour is not the only one. */
export function sign(mark: Mark): Html {
  return html`<svg class="sign ${mark}" viewBox="0 0 16 16" aria-hidden="true"><use href="#sign-${mark}"/></svg>`;
}

export function invariantTable(verdict: Verdict): Html {
  return html`<div class="scroll"><table><thead><tr><th scope="col">Invariant</th><th scope="col">Verdict</th><th scope="col">Bound</th><th scope="col">Observed</th><th scope="col">First violated</th><th scope="col">What it protects</th></tr></thead><tbody>
${verdict.invariants.map(
  (
    i,
  ) => html`<tr class="${i.verdict}"><th scope="row">${i.name}</th><td class="nowrap">${sign(i.verdict)} ${i.verdict}</td><td>${i.bound}</td><td>${arrows(i.observed)}</td><td class="nowrap">${i.firstViolationSeconds === null ? '' : moment(i.firstViolationSeconds)}</td><td class="quiet">${i.why}</td></tr>
`,
)}</tbody></table></div>`;
}

export function offences(events: readonly Stored<RunEvent>[]): Html | null {
  const all = eventsOf(events, 'offence');
  if (all.length === 0) return null;
  const classes = new Map<string, typeof all>();
  for (const offence of all) classes.set(offence.invariant, [...(classes.get(offence.invariant) ?? []), offence]);
  return html`<section id="offences"><h2>Offences</h2>
<p class="how">What the judge found when it held the rows against the load generator's own list: the first of each class, with what should have been there and what was. Fields that differ are marked.</p>
${[...classes].map(
  ([name, found]) => html`<h3>${name} <span class="quiet">${plain(found.length)} stored</span></h3>
${found.slice(0, SHOWN_OFFENCES).map(
  (
    offence,
  ) => html`<div class="offence"><p><time>${moment(offence.at)}</time> ${offence.detail}${offence.poll && html` <span class="quiet">poll ${offence.poll}</span>`}</p>${comparison(offence.expected, offence.observed)}</div>
`,
)}`,
)}</section>`;
}

type Fields = Readonly<Record<string, string>> | undefined;

function comparison(expected: Fields, observed: Fields): Html | null {
  if (!expected && !observed) return null;
  const names = [...new Set([...Object.keys(expected ?? {}), ...Object.keys(observed ?? {})])];
  const row = (what: string, fields: Fields, other: Fields): Html =>
    html`<tr><th scope="row">${what}</th>${names.map((name) => html`<td class="${other && fields?.[name] !== other[name] ? 'differs' : ''}">${fields?.[name] ?? ''}</td>`)}</tr>`;
  return html`<div class="scroll"><table class="compare"><thead><tr><td></td>${names.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead><tbody>${row('expected', expected, observed)}${row('observed', observed, expected)}</tbody></table></div>`;
}

export function subjectSection(events: readonly Stored<RunEvent>[], verdict: Verdict): Html {
  const { starts, restarts, exits } = verdict.subject;
  const words = new Map(eventsOf(events, 'subject-exit').map((exit) => [exit.at, exit.lastWords]));
  return html`<section id="subject"><h2>The subject's lives</h2>
<p>${starts === 0 ? 'It was never started.' : `${plain(starts)} start${starts === 1 ? '' : 's'}; ${restarts === 0 ? 'every end was ordered by the plan' : `${plain(restarts)} end${restarts === 1 ? '' : 's'} that nobody ordered`}.`}</p>
${
  exits.length > 0 &&
  html`<div class="scroll"><table><thead><tr><th scope="col">Start</th><th scope="col">Ended</th><th scope="col">How</th><th scope="col">Ordered</th><th scope="col">Last words</th></tr></thead><tbody>
${exits.map(
  (
    exit,
  ) => html`<tr class="${exit.ordered ? '' : 'fail'}"><td>${exit.start}</td><td class="nowrap">${moment(exit.atSeconds)}</td><td>${exitWords(exit)}</td><td class="nowrap">${exit.ordered ? 'yes' : html`${sign('fail')} no`}</td><td><code class="words">${(words.get(exit.atSeconds) ?? '').trim().slice(-SHOWN_WORDS)}</code></td></tr>
`,
)}</tbody></table></div>`
}${evidence(events)}</section>`;
}

/** What the subject looked like when a bound was crossed: threads by name, kernel stacks, open files, memory. */
function evidence(events: readonly Stored<RunEvent>[]): Html[] {
  return eventsOf(events, 'evidence').flatMap(({ at, invariant, data }) => {
    const files = Array.isArray(data.files) ? (data.files as unknown[]).map(String) : [];
    return [
      ...threads(data.threads, invariant, at),
      ...amounts(data.stacks, 'In the kernel', 'Innermost functions', 'Threads', 'count'),
      ...amounts(data.fds, 'Open files', 'What', 'Descriptors', 'count'),
      ...amounts(data.memory, 'Resident memory', 'Mapping', 'kB', 'kilobytes'),
      ...(files.length > 0 ? [html`<p class="how">In full beside this file: ${files.join(', ')}.</p>`] : []),
    ];
  });
}

const SHOWN_AMOUNTS = 12;

function amounts(list: unknown, title: string, what: string, unit: string, key: 'count' | 'kilobytes'): Html[] {
  if (!Array.isArray(list) || list.length === 0) return [];
  const rows = list.filter((row): row is Readonly<Record<string, unknown>> => typeof row === 'object' && row !== null);
  const left = rows.length - SHOWN_AMOUNTS;
  return [
    html`<h4>${title}</h4>
<div class="scroll"><table class="narrow"><thead><tr><th scope="col">${what}</th><th scope="col" class="number">${unit}</th></tr></thead><tbody>
${rows.slice(0, SHOWN_AMOUNTS).map((row) => html`<tr><td><code>${String(row.name || 'running')}</code></td><td class="number">${plain(Number(row[key]))}</td></tr>`)}</tbody></table></div>${left > 0 && html`<p class="quiet">${plain(left)} more in events.ndjson</p>`}`,
  ];
}

function threads(list: unknown, invariant: string, at: number): Html[] {
  if (!Array.isArray(list) || list.length === 0) return [];
  const counts = new Map<string, number>();
  for (const thread of list as { name?: unknown; wchan?: unknown }[]) {
    const key = `${String(thread?.name ?? 'unnamed')}\n${String(thread?.wchan ?? '')}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const rows = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return [
    html`<h3>Threads when ${invariant} was violated, at ${moment(at)}</h3>
<div class="scroll"><table class="narrow"><thead><tr><th scope="col">Name</th><th scope="col">Waits in</th><th scope="col" class="number">Threads</th></tr></thead><tbody>
${rows.map(([key, count]) => html`<tr><td><code>${key.split('\n')[0]}</code></td><td><code>${key.split('\n')[1]}</code></td><td class="number">${plain(count)}</td></tr>`)}</tbody></table></div>`,
  ];
}

/** What went wrong and how to mend it. */
export function errors(events: readonly Stored<RunEvent>[]): Html | null {
  const all = eventsOf(events, 'error');
  if (all.length === 0) return null;
  return html`<section id="errors"><h2>Errors</h2><ul class="steps">
${all.slice(0, SHOWN_FIRST).map(
  ({
    at,
    owner,
    code,
    message,
    hint,
  }) => html`<li>${sign(owner === 'product' ? 'fail' : 'infra')} <span class="what">${message}</span> <span class="quiet">${owner}, ${code}, at ${moment(at)}</span>${hint && html`<br><span class="hint">${hint}</span>`}</li>
`,
)}</ul></section>`;
}

export function steps(events: readonly Stored<RunEvent>[]): Html | null {
  const begun = new Map<string, number>();
  const rows: { name: string; from: number | undefined; state: string; mark: Mark; at: number; error: string }[] = [];
  const marks = { pass: 'pass', fail: 'fail', skip: 'skipped' } as const;
  for (const step of eventsOf(events, 'step')) {
    if (step.state === 'begin') begun.set(step.name, step.at);
    else {
      rows.push({
        name: step.name,
        from: begun.get(step.name),
        state: step.state,
        mark: marks[step.state],
        at: step.at,
        error: step.error ?? '',
      });
      begun.delete(step.name);
    }
  }
  for (const [name, at] of begun) rows.push({ name, from: at, state: 'never ended', mark: 'unknown', at, error: '' });
  if (rows.length === 0) return null;
  return html`<section id="steps"><h2>Steps</h2><ol class="steps">
${rows.map(
  ({
    name,
    from,
    state,
    mark,
    at,
    error,
  }) => html`<li>${sign(mark)} <span class="what">${name}</span> <span class="quiet">${state}${from !== undefined && state !== 'never ended' && `, ${moment(from)} to ${moment(at)}`}</span>${error && html`<code class="words">${error.slice(0, SHOWN_WORDS)}</code>`}</li>
`,
)}</ol></section>`;
}

/** What happened, line by line. What has a table or a picture of its own is left out. */
export function log(events: readonly Stored<RunEvent>[]): Html | null {
  const lines = events.flatMap((event) => {
    const text = sentence(event);
    return text === null ? [] : [{ at: event.at, text }];
  });
  if (lines.length === 0) return null;
  const left = lines.length - SHOWN_FIRST - SHOWN_LAST;
  const line = ({
    at,
    text,
  }: {
    at: number;
    text: string;
  }): Html => html`<tr><td class="nowrap"><time>${moment(at)}</time></td><td>${text}</td></tr>
`;
  return html`<section id="log"><details><summary><h2>What happened</h2> <span class="quiet">${plain(lines.length)} events</span></summary><div class="scroll"><table class="log"><tbody>
${left > 0 ? [...lines.slice(0, SHOWN_FIRST).map(line), html`<tr><td></td><td class="quiet">${plain(left)} more in events.ndjson</td></tr>`, ...lines.slice(-SHOWN_LAST).map(line)] : lines.map(line)}</tbody></table></div></details></section>`;
}

function sentence(event: Stored<RunEvent>): string | null {
  switch (event.kind) {
    case 'stage':
    case 'mark':
      return event.state === 'begin' ? `${event.kind === 'stage' ? `stage ${event.stage}` : `window "${event.name}"`} begins` : null;
    case 'target':
      return `target ${event.state}: ${event.detail}${event.slowdown ? `, ${event.slowdown} times slower than the machine outside` : ''}`;
    case 'service':
      return `${event.name} at ${event.address} is ${event.state}${event.detail ? `: ${event.detail}` : ''}`;
    case 'subject-start':
      return `subject starts (start ${event.start}, pid ${event.pid}${event.ordered ? '' : ', not ordered'})`;
    case 'subject-exit':
      return `subject ends: ${event.signal ?? `exit ${event.code}`}${event.ordered ? '' : ', not ordered'}`;
    case 'subject-replaced':
      return `subject replaced itself (${event.witness}: ${event.before} -> ${event.after})`;
    case 'load-start':
      return `load starts (pid ${event.pid})`;
    case 'load-exit':
      return `load ends: ${event.signal ?? `exit ${event.code}`}${event.ordered ? '' : `, not ordered. ${event.lastWords}`}`;
    case 'step':
      return event.state === 'begin' ? null : `step "${event.name}": ${event.state}`;
    case 'offence':
      return `offence against ${event.invariant}: ${event.detail}`;
    case 'fault':
      return `fault "${event.name}": ${event.state}. ${event.detail}`;
    case 'evidence':
      return `evidence gathered for ${event.invariant}`;
    case 'judge-end':
      return `the judge read ${plain(event.rows)} rows of ${plain(event.polls)} polls. ${event.detail}`;
    case 'error':
      return `error (${event.owner}, ${event.code}): ${event.message}. ${event.hint}`;
    case 'profile':
      return `profile stored: ${event.file}`;
    case 'interrupted':
      return `interrupted by ${event.signal}`;
    case 'note':
      return event.text;
    case 'run-end':
      return 'the run ends';
    default:
      return null;
  }
}

export function provenance(plan: Plan, events: readonly Stored<RunEvent>[]): Html {
  const target = eventsOf(events, 'target').find((event) => event.state === 'up');
  const facts: [string, string][] = [
    ['scenario', plan.scenario],
    ['started', plan.startedAt],
    ['target', plan.target],
    ['accelerator', `${plan.accelerator}: ${plan.acceleratorReason}`],
    ...(target?.slowdown ? [['slowdown', `${target.slowdown} times, measured`] as [string, string]] : []),
    ...plan.scaled.map((words): [string, string] => ['scaled', words]),
    ['seed', String(plan.seed)],
    [
      'settings',
      Object.entries(plan.settings)
        .map(([key, value]) => `${key}=${value}`)
        .join(' '),
    ],
    ['subject', `${plan.subject.name} (${plan.subject.file})`],
    ['command', plan.subject.command.join(' ')],
    ...Object.entries(plan.provenance),
    ...Object.entries(target?.facts ?? {}).map(([key, value]): [string, string] => [`target ${key}`, value]),
  ];
  return html`<section id="provenance"><h2>Provenance</h2>
<p class="story">${plan.story}</p>
<dl class="facts">${facts.map(
    ([key, value]) => html`<div><dt>${key}</dt><dd>${value}</dd></div>
`,
  )}</dl>
<h3>Repeat this run</h3><pre class="replay" tabindex="0">${plan.replay}</pre></section>`;
}
