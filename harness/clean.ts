/**
 * What `netsoak clean` may take away: runs beyond the newest, and what processes that were killed could not tidy up. Never a run
 * that goes on, nor anything that may still be in use: when in doubt it stays.
 */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isOwned } from './owner.js';
import { runsBelow } from './runs.js';
import { RUN_OF_WORK_DIR, WORK_DIR } from './work-dir.js';

/** A folder of temporary files without an owner may be about to get one; a draft may be filling up. */
const SETTLED_MS = { ownerless: 60_000, draft: 3_600_000, scratch: 86_400_000 };

export interface Rubbish {
  readonly path: string;
  readonly why: string;
}

export interface Places {
  readonly runs: string;
  readonly temporary: string;
  /** The cache of this user. */
  readonly cache: string;
}

/** Finished runs beyond the `keep` newest, oldest first. */
export function oldRuns(runs: string, keep: number): Rubbish[] {
  if (!existsSync(runs)) return [];
  const finished = runsBelow(runs, 1)
    .filter((folder) => folder !== runs && !isOwned(folder))
    .map((folder) => ({ folder, startedAt: startedAt(folder) }))
    .sort((a, b) => (a.startedAt === b.startedAt ? (a.folder < b.folder ? -1 : 1) : a.startedAt < b.startedAt ? -1 : 1));
  return finished.slice(0, Math.max(0, finished.length - keep)).map(({ folder }) => ({ path: folder, why: 'an older run' }));
}

/** Folders and files that their makers would have removed had they not been killed. */
export function leftOvers({ temporary, cache }: Omit<Places, 'runs'>, now: number = Date.now()): Rubbish[] {
  const isOlder = (path: string, ms: number): boolean => now - newestIn(path) > ms;
  const inTemporary = below(temporary).flatMap((path): Rubbish[] => {
    const name = basename(path);
    if (name.startsWith(WORK_DIR)) {
      const run = join(path, RUN_OF_WORK_DIR);
      if (existsSync(run)) return existsSync(readFileSync(run, 'utf8').trim()) ? [] : [{ path, why: 'kept for a run that is gone' }];
      return !isOwned(path) && isOlder(path, SETTLED_MS.ownerless) ? [{ path, why: 'work folder of a run that was killed' }] : [];
    }
    if (!/^netsoak-(detached|kernel|mutants|probe)-/.test(name) || !isOlder(path, SETTLED_MS.scratch)) return [];
    return runsBelow(path, 1).some(isOwned) ? [] : [{ path, why: 'temporary files of a command that was killed' }];
  });
  const cached = below(cache);
  const inCache = cached.flatMap((path): Rubbish[] => {
    const name = basename(path);
    if (/\.tmp-\w+$|\.\d+\.tmp$/.test(name)) return isOlder(path, SETTLED_MS.draft) ? [{ path, why: 'half of a cached file' }] : [];
    const [, stem, generation] = /^(.*)-(\d+)(?:\.json)?$/.exec(name) ?? [];
    const newer = cached.some((other) => {
      const [, otherStem, otherGeneration] = /^(.*)-(\d+)(?:\.json)?$/.exec(basename(other)) ?? [];
      return otherStem !== undefined && otherStem === stem && Number(otherGeneration) > Number(generation);
    });
    return newer ? [{ path, why: 'cached by an older netsoak' }] : [];
  });
  return [...inTemporary, ...inCache];
}

/** Removes it; returns the bytes that this gave back. */
export function remove({ path }: Rubbish): number {
  const bytes = sizeOf(path);
  rmSync(path, { recursive: true, force: true });
  const latest = join(dirname(path), 'latest');
  if (linkTarget(latest) === basename(path)) rmSync(latest);
  return bytes;
}

function startedAt(run: string): string {
  try {
    return String((JSON.parse(readFileSync(join(run, 'plan.json'), 'utf8')) as { startedAt?: unknown }).startedAt ?? '');
  } catch {
    // A plan that can't be read makes it the oldest.
    return '';
  }
}

function below(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}

/** When anything directly in it changed last; infinity when it vanishes meanwhile, so that it stays. */
function newestIn(path: string): number {
  try {
    const own = lstatSync(path);
    return Math.max(own.mtimeMs, ...(own.isDirectory() ? below(path).map((inner) => lstatSync(inner).mtimeMs) : []));
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function sizeOf(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isDirectory()) return stat?.size ?? 0;
  return readdirSync(path, { withFileTypes: true }).reduce(
    (sum, entry) => sum + (entry.isSymbolicLink() ? 0 : sizeOf(join(path, entry.name))),
    0,
  );
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
