/** summary.md: what a person reads in a pull request or a CI page. */
import type { Verdict } from '../facts/verdict.js';
import { type Merged, type ReportedRun, tallySentence } from '../merge.js';
import { placeOf } from '../verdict/circumstances.js';
import { moment, plain } from '../verdict/quantity.js';

export function renderSummary({ verdict, replay }: ReportedRun): string {
  return `${section(verdict, replay).join('\n')}\n`;
}

/** A table of all runs, then in full those that are not green. One run needs no table. */
export function renderMergedSummary(merged: Merged): string {
  const { runs, superseded, missing } = merged;
  const [only] = runs;
  if (only && runs.length + superseded.length + missing.length === 1) return renderSummary(only);
  const rows = runs.map(({ verdict, id, report }) => {
    const held = verdict.invariants.filter((i) => i.verdict === 'pass').length;
    const name = report === undefined ? `\`${id}\`` : `[\`${id}\`](<${encodeURI(report)}>)`;
    return `| ${text(verdict.scenario)}${verdict.kernel === undefined ? '' : ` on ${text(verdict.kernel)}`} | ${verdict.verdict}${verdict.quarantine ? ' (quarantine)' : ''} | ${text(verdict.reason)} | ${held} of ${verdict.invariants.length} | ${moment(verdict.durationSeconds)} | ${name} |`;
  });
  const lines = [
    `## ${merged.verdict.toUpperCase()}: ${text(merged.reason)}`,
    '',
    '| scenario | verdict | why | held | measured | run |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
    ...missing.map((name) => `| ${text(name)} | unknown | a shard was to run it, and there is no run of it | | | |`),
  ];
  if (merged.tallies.length > 0) lines.push('', ...merged.tallies.map((tally) => `- ${text(tallySentence(tally))}`));
  if (superseded.length > 0)
    lines.push('', ...superseded.map(({ id, verdict }) => `- \`${id}\` was tried again: ${verdict.verdict}: ${text(verdict.reason)}`));
  for (const { verdict, replay } of runs.filter((run) => run.verdict.verdict !== 'pass'))
    lines.push('', ...section(verdict, replay, '###'));
  return `${lines.join('\n')}\n`;
}

function section(verdict: Verdict, replay: string, heading = '##'): string[] {
  const { quarantine } = verdict;
  const lines = [`${heading} ${verdict.verdict.toUpperCase()}: ${text(verdict.reason)}`, '', ...resultsTable(verdict)];
  if (quarantine) lines.push('', `In quarantine since ${quarantine.since}, so it fails no job: ${text(quarantine.reason)}`);
  if (verdict.invariants.length > 0) {
    lines.push('', '| invariant | verdict | bound | observed |', '| --- | --- | --- | --- |');
    for (const i of verdict.invariants) lines.push(`| ${text(i.name)} | ${i.verdict} | ${text(i.bound)} | ${text(i.observed)} |`);
  }
  if (verdict.reached.length > 0) {
    lines.push('', '| reached | count | required |', '| --- | --- | --- |');
    for (const r of verdict.reached)
      lines.push(`| ${text(r.name)} | ${plain(r.count)} | ${plain(r.required)}${r.count < r.required ? ' (not reached)' : ''} |`);
  }
  if (verdict.harness.length > 0) {
    lines.push('', '| the harness itself | verdict | bound | observed |', '| --- | --- | --- | --- |');
    for (const i of verdict.harness) lines.push(`| ${text(i.name)} | ${i.verdict} | ${text(i.bound)} | ${text(i.observed)} |`);
  }
  if (verdict.warnings.length > 0) lines.push('', ...verdict.warnings.map((warning) => `- ${text(warning)}`));
  // Four spaces: a command with backquotes in it cannot end this block.
  lines.push('', 'Repeat it:', '', ...replay.split('\n').map((line) => `    ${line}`));
  return lines;
}

/** The whole run in a row, to be quoted: what was asked for, what happened, on what, and what came of it. */
function resultsTable(verdict: Verdict): string[] {
  const { scenario, accelerator, seed, durationSeconds, plannedSeconds, subject, reached, judged, versions } = verdict;
  const [measured, planned] = [moment(durationSeconds), moment(plannedSeconds)];
  const [load] = reached;
  const cells = [
    ['scenario', scenario],
    ['target', `${placeOf(verdict)}${accelerator === 'none' ? '' : ` (${accelerator})`}`],
    ['measured', measured === planned ? measured : `${measured} of ${planned}`],
    ['load', load ? `${plain(load.count)} ${load.name}` : ''],
    ['polls', judged ? plain(judged.polls) : 'unknown'],
    ['rows', judged ? plain(judged.rows) : 'unknown'],
    ['starts, restarts', `${subject.starts}, ${subject.restarts}`],
    ['seed', String(seed)],
    [
      'with',
      Object.entries(versions)
        .map((named) => named.join(' '))
        .join(', '),
    ],
    ['verdict', verdict.verdict],
  ] as const;
  const line = (words: readonly string[]): string => `| ${words.join(' | ')} |`;
  return [line(cells.map(([name]) => name)), line(cells.map(() => '---')), line(cells.map(([, value]) => text(value)))];
}

/** Words of the subject may hold anything: one line, nothing that Markdown or HTML would act on. */
function text(words: string): string {
  return words
    .replace(/\s+/g, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replace(/[\\|`*_[\]]/g, '\\$&');
}
