/**
 * Finds the network namespaces of this host: the collector's own, every bind mount in the configured
 * directories, and every one that a process lives in. Runs before each poll, keeps nothing open and nothing in memory.
 *
 * Names: the collector's own namespace is always `host`, one word to ask for on every machine (container
 * runtimes bind-mount it under names of their own, Docker as `default`). Others have the file name of
 * their bind mount, or `netns:[inode]` when only a process holds them.
 */
import fs from 'node:fs';
import type { NamespaceRef } from '../native/index.js';
import { errnoOf } from './errors.js';

/** What discovery asks of the file system. Failures are thrown with an errno in `code`. */
export interface NamespaceFiles {
  readdir(path: string): string[];
  stat(path: string): { readonly dev: number; readonly ino: number };
  readlink(path: string): string;
}

export interface Discovery {
  readonly namespaces: readonly NamespaceRef[];
  /** Processes whose namespace may not be looked at (ptrace access, see proc_pid_ns(5)). */
  readonly denied: number;
}

const OWN = '/proc/self/ns/net';

/** How long the event loop may be held before others get a turn. */
const TURN_MS = 2;

/**
 * @param dirs directories of bind mounts; one that is missing holds none
 * @param files the file system
 * @param pause lets the event loop run; called every 2 ms, so that 10,000 namespaces do not hold up a write or a scrape
 */
export async function discover(
  dirs: readonly string[],
  files: NamespaceFiles = kernelFiles,
  pause: () => Promise<void> = nextTurn,
): Promise<Discovery> {
  const own = files.stat(OWN);
  const found = new Map<number, NamespaceRef>([[own.ino, ref(OWN, own.dev, own.ino, 'host')]]);
  let denied = 0;
  let turnEnds = performance.now() + TURN_MS;
  const breathe = async (enough = performance.now() >= turnEnds) => {
    if (!enough) return;
    await pause();
    turnEnds = performance.now() + TURN_MS;
  };

  for (const dir of dirs) {
    // Listing a large directory is a turn of its own (1 ms for 1,000 entries of /proc) and can't be cut.
    await breathe(true);
    for (const name of listed(files, dir)) {
      const path = `${dir}/${name}`;
      const stat = attempt(() => files.stat(path));
      // The file under a bind mount stays when the mount goes (`ip netns delete` in another mount namespace):
      // it lies on tmpfs, not on nsfs like our own namespace.
      if (typeof stat === 'object' && stat.dev === own.dev && !found.has(stat.ino)) {
        found.set(stat.ino, ref(path, stat.dev, stat.ino, name));
      }
      await breathe();
    }
  }

  await breathe(true);
  // Kernel order is by pid, so that the longest-lived process of a namespace usually stands for it.
  for (const entry of listed(files, '/proc')) {
    if (!isPid(entry)) continue;
    const path = `/proc/${entry}/ns/net`;
    // readlink costs half of stat (3 us against 6), and every namespace lies on the one nsfs.
    const link = attempt(() => files.readlink(path));
    if (link === 'EACCES' || link === 'EPERM') denied++;
    else if (link.startsWith('net:[')) {
      const inode = Number(link.slice(5, -1));
      if (!found.has(inode)) found.set(inode, ref(path, own.dev, inode, `netns:[${inode}]`));
    }
    await breathe();
  }
  return { namespaces: [...found.values()], denied };
}

const kernelFiles: NamespaceFiles = {
  readdir: (path) => fs.readdirSync(path),
  stat: (path) => fs.statSync(path),
  readlink: (path) => fs.readlinkSync(path),
};

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function ref(path: string, device: number, inode: number, name: string): NamespaceRef {
  return { path, device, inode, name, containerId: '', containerRuntime: '' };
}

function isPid(entry: string): boolean {
  const first = entry.charCodeAt(0);
  return first >= 0x31 && first <= 0x39;
}

/** Entries of a directory; none when it is missing or may not be read. */
function listed(files: NamespaceFiles, dir: string): readonly string[] {
  const entries = attempt(() => files.readdir(dir));
  return typeof entries === 'string' ? [] : entries;
}

/** The value, or the errno of the failure: what vanished between readdir and stat is no news (ENOENT, ESRCH). */
function attempt<T>(call: () => T): T | string {
  try {
    return call();
  } catch (error) {
    return errnoOf(error);
  }
}
