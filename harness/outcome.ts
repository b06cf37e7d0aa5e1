/** What is derived from a stored run: verdict, report, JUnit, TAP and summary. Deriving twice gives the same bytes. */
import { writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { renderMergedReport } from '../reports/merged-report.js';
import { renderRunReport } from '../reports/run-report.js';
import type { Plan } from './facts/plan.js';
import type { Verdict } from './facts/verdict.js';
import { type Merged, merge, type ReportedRun } from './merge.js';
import { renderJunit } from './reporters/junit.js';
import { renderMergedSummary, renderSummary } from './reporters/summary.js';
import { renderTap } from './reporters/tap.js';
import { judgeRun, loadRun, type StoredRun } from './verdict/load-run.js';

export interface WrittenOutcome {
  readonly plan: Plan;
  readonly run: ReportedRun;
  /** Path of report.html. */
  readonly report: string;
}

export function readOutcome(directory: string): Verdict {
  return judgeRun(loadRun(directory));
}

/** Derives everything and writes it beside the facts. */
export function writeOutcome(directory: string): WrittenOutcome {
  return writeOutcomeOf(loadRun(directory), directory);
}

export function writeOutcomeOf(stored: StoredRun, directory: string): WrittenOutcome {
  const { plan } = stored;
  const verdict = judgeRun(stored);
  const report = join(directory, 'report.html');
  const run: ReportedRun = { id: plan.id, verdict, startedAt: plan.startedAt, replay: plan.replay };
  writeFileSync(join(directory, 'verdict.json'), `${JSON.stringify(verdict, null, 2)}\n`);
  writeFileSync(join(directory, 'junit.xml'), renderJunit([run]));
  writeFileSync(join(directory, 'results.tap'), renderTap([run]));
  writeFileSync(join(directory, 'summary.md'), renderSummary(run));
  writeFileSync(report, renderRunReport({ ...stored, verdict }));
  return { plan, run, report };
}

/** Several run directories judged as one; nothing is written. */
export function mergeOutcomes(folder: string, directories: readonly string[]): Merged {
  return merge(
    directories.map((directory) => {
      const stored = loadRun(directory);
      const { plan } = stored;
      const report = join(relative(folder, directory), 'report.html');
      // Directories that came out of archives need not be called what their plan says.
      const id = plan.id || basename(directory);
      return { plan, run: { id, verdict: judgeRun(stored), startedAt: plan.startedAt, replay: plan.replay, report } };
    }),
  );
}

/** Derives every run below `folder` again and writes what they are together into `folder`. */
export function writeMergedOutcome(folder: string, directories: readonly string[]): { merged: Merged; report: string } {
  for (const directory of directories) writeOutcome(directory);
  const merged = mergeOutcomes(folder, directories);
  const report = join(folder, 'report.html');
  writeFileSync(join(folder, 'verdict.json'), `${JSON.stringify(merged, null, 2)}\n`);
  writeFileSync(join(folder, 'junit.xml'), renderJunit(merged.runs));
  writeFileSync(join(folder, 'results.tap'), renderTap(merged.runs));
  writeFileSync(join(folder, 'summary.md'), renderMergedSummary(merged));
  writeFileSync(report, renderMergedReport(merged));
  return { merged, report };
}
