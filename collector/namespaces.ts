/**
 * Finds the network namespaces of this host: the collector's own, every bind mount in the configured
 * directories, and every one that a process lives in. Runs before each poll, keeps nothing open; of what it found it remembers what
 * {@link Memory} holds, and that only of namespaces that are there still.
 *
 * Names: the collector's own namespace is always `host`, one word to ask for on every machine (container
 * runtimes bind-mount it under names of their own, Docker as `default`). Others have the file name of
 * their bind mount; the id of the container that lives in them; or `netns:[inode]`.
 */
import fs from 'node:fs';
import { inodeOn, type NamespaceRef } from '../native/index.js';
import { type Container, containerOf } from './containers.js';
import { errnoOf } from './errors.js';

/** What discovery asks of the file system. Failures are thrown with an errno in `code`. */
export interface NamespaceFiles {
  readdir(path: string): string[];
  stat(path: string): { readonly dev: number; readonly ino: number };
  /** Of what lies there on this device; 0 where nothing does. Of its own because a Stats object for each of 10,000 files is 1 MB of garbage. */
  inode(path: string, device: number): number;
  readlink(path: string): string;
  readFile(path: string): string;
}

export interface Discovery {
  readonly namespaces: readonly NamespaceRef[];
  /** Processes whose namespace may not be looked at (ptrace access, see proc_pid_ns(5)). */
  readonly denied: number;
}

const OWN = '/proc/self/ns/net';

/** Processes of a namespace that are asked for their container: its first ones, which are the container's own (or a pod's). */
const ASKED = 4;
/** A process that is in no container is asked again after so long: a runtime may move it into one after it made the namespace. */
const ASK_AGAIN_MS = 10_000;

interface Remembered {
  readonly generation: number;
  /** Of the process that was asked for its container last. */
  pid: string;
  until: number;
  container: Container | undefined;
  ref: NamespaceRef | undefined;
}

/** What is remembered of namespaces from one discovery to the next. */
export class Memory {
  private last = 0;
  private readonly namespaces = new Map<number, Remembered>();

  /** @param now milliseconds since 1970 */
  constructor(private readonly now: () => number = Date.now) {}

  /**
   * The number of a namespace: higher than that of any namespace that was found before it, here or (by the clock) in an earlier process.
   * Namespaces have it in common with no other as long as {@link forget} is told of their deaths.
   */
  generation(inode: number): number {
    return this.entry(inode).generation;
  }

  /** The container of a process in this namespace, asked for by `read` where it is not known. */
  container(inode: number, pid: string, read: () => string): Container | undefined {
    const entry = this.entry(inode);
    if (entry.pid === pid && (entry.container !== undefined || this.now() < entry.until)) return entry.container;
    entry.pid = pid;
    entry.until = this.now() + ASK_AGAIN_MS;
    entry.container = containerOf(read());
    return entry.container;
  }

  /**
   * The namespace as the reader takes it: the same object as long as nothing about it changes, so that ten thousand namespaces that stay are no
   * garbage at every poll.
   * @param mount its name where it is a bind mount, else ''
   */
  ref(path: string, mount: string, device: number, inode: number, container: Container | undefined): NamespaceRef {
    const entry = this.entry(inode);
    const { ref } = entry;
    const name = mount !== '' ? mount : (container?.id ?? '');
    const id = container?.id ?? '';
    const known = ref?.path === path && ref.device === device && ref.containerId === id && (name === '' || ref.name === name);
    if (ref !== undefined && known && (name !== '' || isUnnamed(ref.name))) return ref;
    entry.ref = {
      path,
      device,
      inode,
      name: name !== '' ? name : `netns:[${inode}]`,
      containerId: id,
      containerRuntime: container?.runtime ?? '',
      generation: entry.generation,
    };
    return entry.ref;
  }

  forget(inode: number): void {
    this.namespaces.delete(inode);
  }

  /** Forgets all but these. */
  keep(inodes: { has(inode: number): boolean }): void {
    for (const inode of this.namespaces.keys()) if (!inodes.has(inode)) this.namespaces.delete(inode);
  }

  private entry(inode: number): Remembered {
    let entry = this.namespaces.get(inode);
    if (entry === undefined) {
      this.last = Math.max(this.now(), this.last + 1);
      entry = { generation: this.last, pid: '', until: 0, container: undefined, ref: undefined };
      this.namespaces.set(inode, entry);
    }
    return entry;
  }
}

/** How long the event loop may be held before others get a turn. */
const TURN_MS = 2;

/** A namespace that processes live in, while they are asked for its container. */
interface Asked {
  container: Container | undefined;
  times: number;
}

/**
 * @param dirs directories of bind mounts; one that is missing holds none
 * @param memory of the discoveries before
 * @param files the file system
 * @param pause lets the event loop run; called every 2 ms, so that 10,000 namespaces do not hold up a write or a scrape
 */
export async function discover(
  dirs: readonly string[],
  memory: Memory = new Memory(),
  files: NamespaceFiles = kernelFiles,
  pause: () => Promise<void> = nextTurn,
): Promise<Discovery> {
  const own = files.stat(OWN);
  // Inode -> path: the least that tells one from the next, since all of it is thrown away after each poll.
  const found = new Map<number, string>([[own.ino, OWN]]);
  const lived = new Map<number, Asked>([[own.ino, { container: undefined, times: ASKED }]]);
  let denied = 0;
  let turnEnds = performance.now() + TURN_MS;
  const breathe = async () => {
    await pause();
    turnEnds = performance.now() + TURN_MS;
  };

  for (const dir of dirs) {
    // Listing a large directory is a turn of its own (1 ms for 1,000 entries of /proc) and can't be cut.
    await breathe();
    for (const name of listed(files, dir)) {
      const path = `${dir}/${name}`;
      const mounted = mountedAt(path, own.dev, files);
      if (mounted !== undefined && !found.has(mounted)) found.set(mounted, path);
      if (performance.now() >= turnEnds) await breathe();
    }
  }

  await breathe();
  // Kernel order is by pid, so that the longest-lived process of a namespace usually stands for it.
  for (const entry of listed(files, '/proc')) {
    if (!isPid(entry)) continue;
    const path = `/proc/${entry}/ns/net`;
    // readlink costs half of stat (3 us against 6), and every namespace lies on the one nsfs.
    const link = attempt(() => files.readlink(path));
    if (link === 'EACCES' || link === 'EPERM') denied++;
    else if (link.startsWith('net:[')) {
      const inode = Number(link.slice(5, -1));
      if (!found.has(inode)) found.set(inode, path);
      let asked = lived.get(inode);
      if (asked === undefined) {
        asked = { container: undefined, times: 0 };
        lived.set(inode, asked);
      }
      if (asked.container === undefined && asked.times < ASKED) {
        asked.times++;
        asked.container = memory.container(inode, entry, () => textOf(files, `/proc/${entry}/cgroup`));
      }
    }
    if (performance.now() >= turnEnds) await breathe();
  }
  memory.keep(found);
  const namespaces: NamespaceRef[] = [];
  for (const [inode, path] of found) {
    const mount = path === OWN ? 'host' : path.startsWith('/proc/') ? '' : nameOf(path);
    namespaces.push(memory.ref(path, mount, own.dev, inode, lived.get(inode)?.container));
  }
  return { namespaces, denied };
}

/**
 * The inode of the namespace that is bind-mounted there. The file under a bind mount is there before the mount and may stay when that goes
 * (`ip netns delete` in another mount namespace): it lies on tmpfs, not on nsfs like our own namespace.
 */
export function mountedAt(path: string, nsfs: number, files: NamespaceFiles = kernelFiles): number | undefined {
  const inode = files.inode(path, nsfs);
  return inode === 0 ? undefined : inode;
}

/** A namespace that is bind-mounted at `path`, before a look at processes has told its container. */
export function mountedRef(path: string, device: number, inode: number, memory: Memory): NamespaceRef {
  return memory.ref(path, nameOf(path), device, inode, undefined);
}

export const kernelFiles: NamespaceFiles = {
  readdir: (path) => fs.readdirSync(path),
  stat: (path) => fs.statSync(path),
  inode: inodeOn,
  readlink: (path) => fs.readlinkSync(path),
  readFile: (path) => fs.readFileSync(path, 'utf8'),
};

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function isUnnamed(name: string): boolean {
  return name.startsWith('netns:[');
}

function textOf(files: NamespaceFiles, path: string): string {
  try {
    return files.readFile(path);
  } catch {
    // It ended, or may not be looked at.
    return '';
  }
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
