/** Where run directories are, and how a word on the command line names one. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { NetsoakError } from './errors.js';
import { PROJECT } from './project.js';

/**
 * Where what is made goes: run directories, measurements, comparisons. In the project, unless NETSOAK_RUNS names another
 * folder: a project in the Nix store can't be written to.
 */
export function runsOf(project: string): string {
  return process.env.NETSOAK_RUNS || join(project, 'reports/runs');
}

export const RUNS: string = runsOf(PROJECT);

/** Artifacts of CI jobs come in folders of their own, with the paths that they had; below that nothing is looked for. */
const DEPTH = 6;

const isRun = (folder: string): boolean => existsSync(join(folder, 'plan.json'));

/** A path, or the name of a run (`latest` among them) in reports/runs. */
export function findRun(run: string): string {
  const found = [resolve(run), join(RUNS, run)].find(isRun);
  if (found) return found;
  throw noRun(run);
}

/** A run as {@link findRun} finds it, or every run below a folder, such as the shards of a job. */
export function findRuns(run: string): { readonly folder: string; readonly runs: readonly string[]; readonly isOne: boolean } {
  const one = [resolve(run), join(RUNS, run)].find(isRun);
  if (one) return { folder: one, runs: [one], isOne: true };
  const folder = [resolve(run), join(RUNS, run)].find((path) => existsSync(path));
  const runs = folder === undefined ? [] : distinct(runsBelow(folder));
  if (folder === undefined || runs.length === 0) throw noRun(run);
  return { folder, runs, isOne: false };
}

/** Stands in a folder of anonymised copies: they are not runs more, unless somebody asks for them. */
export const COPY_MARK = '.anonymised';

/** Sorted by path. Links (`latest`) are not followed, and a run holds no other runs. */
export function runsBelow(folder: string, depth: number = DEPTH): string[] {
  if (isRun(folder)) return [folder];
  if (depth === 0) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
    .map(({ name }) => join(folder, name))
    .filter((below) => !existsSync(join(below, COPY_MARK)))
    .flatMap((below) => runsBelow(below, depth - 1))
    .sort();
}

/** An archive may hold a run twice, once where a link to it was. Plans of two runs differ at least in when they began. */
function distinct(runs: readonly string[]): string[] {
  const plans = runs.map((run) => readFileSync(join(run, 'plan.json'), 'utf8'));
  return runs.filter((_, i) => plans.indexOf(plans[i] ?? '') === i);
}

function noRun(run: string): NetsoakError {
  return new NetsoakError(
    'user',
    'no-run',
    `${run} is no run directory and holds none (a run directory holds plan.json)`,
    'give the path that `netsoak run` printed, `latest`, or a folder of run directories',
  );
}
