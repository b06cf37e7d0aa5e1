/** `netsoak report` and `netsoak verdict`: the same derivation as at the end of a run, from the stored facts alone; of one run or of many. */
import { appendFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { anonymise } from './anonymise-run.js';
import { onStdout } from './colour.js';
import { EXIT, exitCodeOfAll } from './exit.js';
import { WORST_FIRST } from './facts/verdict.js';
import { headline, paint } from './live/text.js';
import { type Merged, tallySentence } from './merge.js';
import { mergeOutcomes, readOutcome, writeMergedOutcome, writeOutcome } from './outcome.js';
import { renderMergedSummary, renderSummary } from './reporters/summary.js';
import { findRuns } from './runs.js';

export interface ReportFlags {
  readonly anonymise?: boolean;
  readonly out?: string;
}

export async function reportCommand(run: string, flags: ReportFlags): Promise<number> {
  const { folder, runs, isOne } = findRuns(run);
  if (flags.anonymise) {
    const { report, left } = anonymise(folder, runs, resolve(flags.out ?? join(folder, 'anonymised')));
    for (const name of left) process.stderr.write(`left out, may hold anything: ${name}\n`);
    process.stdout.write(`${report}\n`);
    return EXIT.pass;
  }
  if (isOne) {
    const written = writeOutcome(folder);
    stepSummary(renderSummary(written.run));
    process.stdout.write(`${written.report}\n`);
  } else {
    const { merged, report } = writeMergedOutcome(folder, runs);
    stepSummary(renderMergedSummary(merged));
    process.stdout.write(`${report}\n`);
  }
  return EXIT.pass;
}

/** GitHub shows what a step appends to this file on the page of the job. */
export function stepSummary(markdown: string): void {
  const file = process.env.GITHUB_STEP_SUMMARY;
  if (file) appendFileSync(file, markdown);
}

export async function verdictCommand(run: string, flags: { readonly json?: boolean; readonly allowFlaky?: boolean }): Promise<number> {
  const { folder, runs, isOne } = findRuns(run);
  const allowFlaky = flags.allowFlaky ?? false;
  if (!isOne) return mergedVerdict(mergeOutcomes(folder, runs), flags.json ?? false, allowFlaky);
  const verdict = readOutcome(folder);
  if (flags.json) process.stdout.write(`${JSON.stringify(verdict, null, 2)}\n`);
  else {
    process.stdout.write(`${headline(verdict, onStdout)}\n`);
    for (const i of verdict.invariants) process.stdout.write(`  ${i.verdict.padEnd(7)}  ${i.name}: ${i.observed} (bound ${i.bound})\n`);
    for (const r of verdict.reached)
      process.stdout.write(`  ${r.count >= r.required ? 'reached' : 'MISSED '}  ${r.name}: ${r.count} of ${r.required}\n`);
    for (const i of verdict.harness)
      process.stdout.write(`  ${i.verdict.padEnd(7)}  the harness itself, ${i.name}: ${i.observed} (bound ${i.bound})\n`);
    if (verdict.quarantine)
      process.stdout.write(`  in quarantine since ${verdict.quarantine.since}, fails no job: ${verdict.quarantine.reason}\n`);
  }
  return exitCodeOfAll([verdict], allowFlaky);
}

function mergedVerdict(merged: Merged, json: boolean, allowFlaky: boolean): number {
  if (json) process.stdout.write(`${JSON.stringify(merged, null, 2)}\n`);
  else {
    process.stdout.write(`${paint(merged.verdict, onStdout)}  ${merged.reason}\n`);
    for (const { id, verdict } of merged.runs) {
      const mark = verdict.quarantine ? ', in quarantine' : '';
      process.stdout.write(`  ${verdict.verdict.padEnd(7)}  ${verdict.scenario}: ${verdict.reason} (${id}${mark})\n`);
    }
    for (const { id, verdict } of merged.superseded)
      process.stdout.write(`  again    ${verdict.scenario}: ${verdict.verdict}: ${verdict.reason} (${id})\n`);
    for (const tally of merged.tallies) process.stdout.write(`  tally    ${tallySentence(tally)}\n`);
    for (const name of merged.missing) process.stdout.write(`  missing  ${name}: a shard was to run it, and there is no run of it\n`);
  }
  const code = exitCodeOfAll(
    merged.runs.map(({ verdict }) => verdict),
    allowFlaky,
  );
  // A job that lost a shard is not green; it is no better either if what did run was.
  const worseThanUnknown = WORST_FIRST.indexOf(merged.verdict) < WORST_FIRST.indexOf('unknown');
  return merged.missing.length > 0 && !worseThanUnknown ? EXIT.unknown : code;
}
