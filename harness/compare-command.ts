/** `netsoak compare A B`: two things measured or run before, as one page. Nothing is measured here. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { benchComparisonMarkdown, renderBenchComparison } from '../reports/compare-bench.js';
import { type ComparedRun, renderRunComparison, runComparisonMarkdown } from '../reports/compare-runs.js';
import { judge } from './bench/judge.js';
import type { BenchComparison, BenchResult } from './bench/result.js';
import { resolveRevision } from './bench/revision.js';
import { BenchStore, type HistoryEntry } from './bench/store.js';
import { comparisonTable } from './bench/text.js';
import { NetsoakError } from './errors.js';
import { EXIT } from './exit.js';
import { PROJECT } from './project.js';
import { runsOf } from './runs.js';
import { writeSideBySide } from './side-by-side.js';
import { judgeRun, loadRun } from './verdict/load-run.js';

export interface CompareFlags {
  readonly out?: string;
}

type Side =
  | { readonly kind: 'run'; readonly directory: string }
  /** `revision`: of one that was named as a revision. */
  | { readonly kind: 'bench'; readonly result: BenchResult; readonly revision?: string };

/** Two of a kind, or more runs side by side. */
export async function compareCommand(things: readonly string[], flags: CompareFlags, project: string = PROJECT): Promise<number> {
  const [a = '', b = ''] = things;
  if (things.length > 2) return compareMany(things, flags, project);
  const folder = join(runsOf(project), 'bench');
  const [old, now] = [find(a, project), find(b, project)];
  const out = resolve(flags.out ?? join(runsOf(project), 'comparison.html'));
  if (old.kind === 'run' && now.kind === 'run') {
    const [before, after] = [readRun(old.directory), readRun(now.directory)];
    write(out, renderRunComparison(before, after), runComparisonMarkdown(before, after));
  } else if (old.kind === 'bench' && now.kind === 'bench') {
    const store = new BenchStore(folder);
    const inTurn = old.revision && now.revision ? store.findComparison(old.revision, now.revision) : undefined;
    const comparison: BenchComparison = {
      ...(inTurn ?? { kind: 'bench-comparison', schema: 1, at: now.result.at, interleaved: false, missing: [] }),
      old: inTurn ? { ...inTurn.old, label: a } : old.result,
      new: inTurn ? { ...inTurn.new, label: b } : now.result,
      noise: store.noise(now.result.host),
    };
    const judgement = judge(comparison);
    process.stdout.write(`${comparisonTable(judgement, [comparison.old.label, comparison.new.label])}\n`);
    for (const warning of judgement.warnings) process.stderr.write(`! ${warning}\n`);
    writeComparison(comparison, store.history(now.result.host), out);
  } else {
    throw new NetsoakError('user', 'two-kinds', `${a} and ${b} are of two kinds, a run and a measurement`, 'compare a run with a run');
  }
  process.stdout.write(`${out}\n`);
  return EXIT.pass;
}

function compareMany(names: readonly string[], flags: CompareFlags, project: string): number {
  const directories = names.map((name) => {
    const side = find(name, project);
    if (side.kind === 'run') return side.directory;
    throw new NetsoakError(
      'user',
      'two-kinds',
      `${name} is a measurement`,
      'of measurements two at a time can be compared; runs can be more',
    );
  });
  const { path } = writeSideBySide(directories, resolve(flags.out ?? join(runsOf(project), 'comparison.html')));
  process.stdout.write(`${path}\n`);
  return EXIT.pass;
}

function readRun(directory: string): ComparedRun {
  const run = loadRun(directory);
  return { ...run, verdict: judgeRun(run) };
}

/** Writes the page, and its Markdown beside it; returns the page's path. */
export function writeComparison(comparison: BenchComparison, history: readonly HistoryEntry[], path: string): string {
  write(path, renderBenchComparison(comparison, history), benchComparisonMarkdown(comparison));
  return path;
}

function write(path: string, page: string, markdown: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, page);
  writeFileSync(`${path.replace(/\.html$/, '')}.md`, markdown);
}

/** A run directory or its name, a file of a measurement, the name of a baseline, or a revision that was measured. */
function find(text: string, project: string): Side {
  const runs = runsOf(project);
  const directory = [resolve(text), join(runs, text)].find((path) => existsSync(join(path, 'plan.json')));
  if (directory) return { kind: 'run', directory };
  const folder = join(runs, 'bench');
  const file = [resolve(text), join(folder, 'baselines', `${text}.json`)].find((path) => path.endsWith('.json') && existsSync(path));
  if (file) return { kind: 'bench', result: readResult(file) };
  const revision = resolveRevision(project, text);
  const result = revision && new BenchStore(folder).findRevision(revision);
  if (result) return { kind: 'bench', result: { ...result, label: text }, revision };
  if (revision) {
    throw new NetsoakError(
      'user',
      'not-measured',
      `${text} (${revision}) was never measured here`,
      `measure it beside the working tree: netsoak bench --against ${text}`,
    );
  }
  throw new NetsoakError(
    'user',
    'nothing-to-compare',
    `${text} is no run directory, no baseline, no measurement and no revision`,
    'give two runs from reports/runs, two names from `netsoak bench --save`, or two revisions',
  );
}

function readResult(file: string): BenchResult {
  const content = JSON.parse(readFileSync(file, 'utf8')) as { kind?: string };
  if (content.kind === 'bench-result') return content as BenchResult;
  throw new NetsoakError('user', 'no-result', `${file} holds no measurement`, 'give a file of reports/runs/bench/results or baselines');
}
