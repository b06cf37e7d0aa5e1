/** summary.md: what a person reads in a pull request or a CI page. */
import type { Verdict } from '../facts/verdict.js';
import { moment, plain } from '../verdict/quantity.js';

export function renderSummary(verdict: Verdict, replay: string): string {
  const { scenario, target, accelerator, seed, durationSeconds, plannedSeconds, subject } = verdict;
  const lines = [
    `## ${verdict.verdict.toUpperCase()}: ${text(verdict.reason)}`,
    '',
    `\`${scenario}\`, ${moment(durationSeconds)} of ${moment(plannedSeconds)}, target ${target}${accelerator === 'none' ? '' : ` (${accelerator})`}, seed ${seed}, ` +
      `${subject.starts} start${subject.starts === 1 ? '' : 's'} of the subject, ${subject.restarts} restart${subject.restarts === 1 ? '' : 's'}`,
  ];
  if (verdict.invariants.length > 0) {
    lines.push('', '| invariant | verdict | bound | observed |', '| --- | --- | --- | --- |');
    for (const i of verdict.invariants) lines.push(`| ${text(i.name)} | ${i.verdict} | ${text(i.bound)} | ${text(i.observed)} |`);
  }
  if (verdict.reached.length > 0) {
    lines.push('', '| reached | count | required |', '| --- | --- | --- |');
    for (const r of verdict.reached)
      lines.push(`| ${text(r.name)} | ${plain(r.count)} | ${plain(r.required)}${r.count < r.required ? ' (not reached)' : ''} |`);
  }
  if (verdict.warnings.length > 0) lines.push('', ...verdict.warnings.map((warning) => `- ${text(warning)}`));
  // Four spaces: a command with backquotes in it cannot end this block.
  lines.push('', 'Repeat it:', '', ...replay.split('\n').map((line) => `    ${line}`), '');
  return lines.join('\n');
}

/** Words of the subject may hold anything: one line, nothing that Markdown or HTML would act on. */
function text(words: string): string {
  return words
    .replace(/\s+/g, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replace(/[\\|`*_[\]]/g, '\\$&');
}
