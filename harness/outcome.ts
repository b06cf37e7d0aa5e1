/** What is derived from a stored run: verdict, report, JUnit and summary. Deriving twice gives the same bytes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderRunReport } from '../reports/run-report.js';
import type { Verdict } from './facts/verdict.js';
import { renderJunit } from './reporters/junit.js';
import { renderSummary } from './reporters/summary.js';
import { judgeRun, loadRun } from './verdict/load-run.js';

export interface WrittenOutcome {
  readonly verdict: Verdict;
  readonly junit: string;
  /** Path of report.html. */
  readonly report: string;
}

export function readOutcome(directory: string): Verdict {
  return judgeRun(loadRun(directory));
}

/** Derives everything and writes it beside the facts. */
export function writeOutcome(directory: string): WrittenOutcome {
  const run = loadRun(directory);
  const verdict = judgeRun(run);
  const report = join(directory, 'report.html');
  const junit = renderJunit(verdict, run.plan.startedAt);
  writeFileSync(join(directory, 'verdict.json'), `${JSON.stringify(verdict, null, 2)}\n`);
  writeFileSync(join(directory, 'junit.xml'), junit);
  writeFileSync(join(directory, 'summary.md'), renderSummary(verdict, run.plan.replay));
  writeFileSync(report, renderRunReport({ ...run, verdict }));
  return { verdict, junit, report };
}
