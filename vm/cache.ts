/**
 * Where things that are costly to make are kept: the guest kernel, the accelerator's measurement.
 * Root prepares for everybody in /var/cache/netsoak; an ordinary user has a folder of his own and reads root's.
 * Writers never show a half-written file or folder: they fill a neighbour and rename it.
 */
import { accessSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { VmError } from './errors.js';

const SHARED = '/var/cache/netsoak';

export interface Cache {
  /** The folder that this user writes to. */
  readonly own: string;
  /** Where to look, own first. */
  readonly readable: readonly string[];
}

/** The cache of this user: root's for root, else below XDG_CACHE_HOME or ~/.cache (XDG Base Directory Specification). */
export function userCache(uid: number = process.getuid?.() ?? 0, env: NodeJS.ProcessEnv = process.env): Cache {
  if (uid === 0) return { own: SHARED, readable: [SHARED] };
  const own = join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'netsoak');
  return { own, readable: [own, SHARED] };
}

/** Path of `name` where it is found first, or undefined. */
export function findCached(name: string, cache: Cache = userCache()): string | undefined {
  return cache.readable
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path);
        return true;
      } catch {
        return false;
      }
    });
}

/** Text of a cached file, or undefined when there is none that we may read. */
export function readCached(name: string, cache: Cache = userCache()): string | undefined {
  const path = findCached(name, cache);
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Writes a small file, whole or not at all, readable by everybody. */
export function writeCached(name: string, text: string, cache: Cache = userCache()): void {
  ensureOwn(cache);
  const path = join(cache.own, name);
  const draft = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(draft, text, { mode: 0o644 });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/**
 * Makes a folder: `fill` gets an empty one beside the final place, which it becomes when `fill` is done.
 * If somebody else was faster, theirs stays. Returns the final path.
 */
export async function publishFolder(name: string, fill: (draft: string) => Promise<void>, cache: Cache = userCache()): Promise<string> {
  ensureOwn(cache);
  const path = join(cache.own, name);
  const draft = await mkdtemp(`${path}.tmp-`);
  try {
    await fill(draft);
    await rename(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
    return path;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

function ensureOwn(cache: Cache): void {
  try {
    mkdirSync(cache.own, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw new VmError(
      'cache-unwritable',
      `the cache folder ${cache.own} can't be made: ${(error as Error).message}`,
      'set XDG_CACHE_HOME to a folder that you may write to',
      { cause: error },
    );
  }
}
