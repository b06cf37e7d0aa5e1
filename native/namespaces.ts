/** Network namespaces as discovery finds them, kept by the addon: of ten thousand of them JavaScript holds one value. */
import { addon, type RawNamespaces, type RawNamespaceTable, type RawUnread } from './addon.js';

/** A network namespace to read, as discovery found it. */
export interface NamespaceRef {
  /** What to open: a bind mount or /proc/PID/ns/net. */
  readonly path: string;
  /** st_dev and st_ino that `path` must have when opened, else it is another namespace by now. */
  readonly device: number;
  readonly inode: number;
  /** `netns` column of its rows. */
  readonly name: string;
  readonly containerId: string;
  readonly containerRuntime: string;
  /** `netns_generation` of its rows where the kernel has no netns cookie (before Linux 5.14). */
  readonly generation: number;
}

/** Namespaces in an order that stays: an array of them, or {@link FoundNamespaces}. */
export interface NamespaceList extends Iterable<NamespaceRef> {
  readonly length: number;
  at(index: number): NamespaceRef | undefined;
}

/** A list that the addon keeps. Never changes; each namespace is made an object when it is asked for. */
export class FoundNamespaces implements NamespaceList {
  readonly length: number;

  constructor(readonly handle: RawNamespaces) {
    this.length = addon().namespacesLength(handle);
  }

  at(index: number): NamespaceRef | undefined {
    const from = index < 0 ? this.length + index : index;
    return from >= 0 && from < this.length ? addon().namespaceAt(this.handle, from) : undefined;
  }

  *[Symbol.iterator](): Generator<NamespaceRef> {
    for (let index = 0; index < this.length; index++) yield addon().namespaceAt(this.handle, index);
  }
}

/** Index of the namespace with this inode; -1: it is not in the list. */
export function indexOfInode(list: NamespaceList, inode: number): number {
  if (list instanceof FoundNamespaces) return addon().namespaceIndex(list.handle, inode);
  return [...list].findIndex((namespace) => namespace.inode === inode);
}

/** The list but for those with these indices, in the same order. */
export function withoutNamespaces(list: NamespaceList, indices: readonly number[]): NamespaceList {
  if (indices.length === 0) return list;
  if (list instanceof FoundNamespaces) return new FoundNamespaces(addon().namespacesWithout(list.handle, indices));
  return [...list].filter((_, index) => !indices.includes(index));
}

/** A directory of bind mounts that is there and can't be read. */
export type UnreadDirectory = RawUnread;

export interface Scanned {
  /** Processes whose namespace may not be looked at (ptrace access, see proc_pid_ns(5)). */
  readonly denied: number;
  readonly unread: readonly UnreadDirectory[];
  /** Inodes of namespaces whose container is not known, each with what /proc/PID/cgroup says of processes in it. */
  readonly questions: readonly (readonly [inode: number, ...cgroups: string[]])[];
}

export interface TablePlaces {
  /** Where processes are looked for. */
  readonly proc: string;
  /** A file of the namespace that is called `host`. */
  readonly own: string;
}

/** The namespaces of this host, from one look at everything to the next. Holds none of them open. */
export class NamespaceTable {
  private readonly raw: RawNamespaceTable;
  private last: FoundNamespaces | undefined;

  /** @param dirs directories of bind mounts; one that is missing holds none */
  constructor(dirs: readonly string[], { proc, own }: TablePlaces) {
    this.raw = addon().namespaceTable(dirs, proc, own);
  }

  /**
   * Looks at every directory and every process, on a thread of libuv's pool.
   * @param now milliseconds since 1970
   * @throws Error with `errno` when our own namespace can't be looked at
   */
  async scan(now: number): Promise<Scanned> {
    const { error, ...scanned } = await this.raw.scan(now);
    if (error === 0) return scanned;
    throw Object.assign(new Error(`the network namespace of this process can't be looked at (errno ${error}): is /proc mounted?`), {
      errno: error,
    });
  }

  /**
   * The container of a namespace that {@link scan} asked for; '' and '': none.
   * @param first the first of the texts told it: no process is asked again while the one that it is of lives
   */
  contain(inode: number, id: string, runtime: string, first: boolean): void {
    this.raw.contain(inode, id, runtime, first);
  }

  /** What the last scan found and is there still; the same object as before when nothing has changed. */
  list(): FoundNamespaces {
    const handle = this.raw.list();
    if (this.last?.handle !== handle) this.last = new FoundNamespaces(handle);
    return this.last;
  }

  /**
   * Looks at one file, which came, changed or went.
   * @param now milliseconds since 1970
   * @param wanted whether to tell of one that is new
   * @returns a list of one when a namespace that was not known is mounted there, and wanted; else whether any is
   */
  look(path: string, now: number, wanted: boolean): FoundNamespaces | boolean {
    const found = this.raw.look(path, now, wanted);
    return typeof found === 'boolean' ? found : new FoundNamespaces(found);
  }

  /** That namespace is no more, or not there. */
  forget({ inode, path }: Pick<NamespaceRef, 'inode' | 'path'>): void {
    this.raw.forget(inode, path);
  }

  /** Whether a namespace is not where it was; does not look at those in `except`, which are directories. On a thread of libuv's pool. */
  someDied(except: readonly string[]): Promise<boolean> {
    return this.raw.someDied(except);
  }

  /** Namespaces that are known to be there. */
  get size(): number {
    return this.raw.size();
  }
}
