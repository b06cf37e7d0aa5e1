/**
 * Which namespaces there are, between polls too: new bind mounts by inotify on their directories, dead ones forgotten within a second. Holds no
 * namespace itself: no descriptor on one, no thread in one. A look at everything ({@link NamespaceWatch.find}) comes before each poll;
 * between two of them each change is followed by itself.
 */
import fs from 'node:fs';
import type { NamespaceRef } from '../native/index.js';
import { type Discovery, discover, kernelFiles, Memory, mountedAt, mountedRef } from './namespaces.js';

/** A file is there before the namespace is mounted on it, and the mount says nothing: look again, so long after the file came. */
const MOUNT_MS = [0, 5, 20, 100, 400, 1_000] as const;
const SWEEP_MS = 1_000;

export interface WatchOptions {
  /** Directories of bind mounts; a missing one is watched from the second in which it comes. */
  readonly dirs: readonly string[];
  /** Told of namespaces that a directory's change brought, as soon as they are mounted. */
  readonly appeared?: (namespaces: readonly NamespaceRef[]) => void;
  /** Look for new namespaces of processes each second too, whenever the next poll is. */
  readonly eager?: boolean;
}

export class NamespaceWatch {
  private readonly memory = new Memory();
  private readonly nsfs = kernelFiles.stat('/proc/self/ns/net').dev;
  private readonly watched = new Map<string, { watcher: fs.FSWatcher; inode: number }>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly sweeper: NodeJS.Timeout;
  private readonly known = new Map<number, NamespaceRef>();
  private looking: Promise<Discovery> | undefined;
  private lookedAt = Number.NEGATIVE_INFINITY;
  private closed = false;

  constructor(private readonly options: WatchOptions) {
    for (const dir of options.dirs) this.watch(dir);
    this.sweeper = setInterval(() => this.sweep(), SWEEP_MS);
    this.sweeper.unref();
  }

  /** Namespaces that are known to be there. */
  get size(): number {
    return this.known.size;
  }

  /** Looks at every directory and every process. Calls while one is under way share it. */
  find(): Promise<Discovery> {
    this.looking ??= discover(this.options.dirs, this.memory)
      .then((discovery) => {
        this.know(discovery.namespaces);
        this.lookedAt = performance.now();
        return discovery;
      })
      .finally(() => {
        this.looking = undefined;
      });
    return this.looking;
  }

  /** A reader found that this is no more, or another one. */
  gone(namespace: NamespaceRef): void {
    if (this.known.get(namespace.inode)?.path === namespace.path) this.forget(namespace.inode);
  }

  close(): void {
    this.closed = true;
    clearInterval(this.sweeper);
    for (const timer of this.timers) clearTimeout(timer);
    for (const { watcher } of this.watched.values()) watcher.close();
    this.watched.clear();
  }

  private watch(dir: string): void {
    try {
      const inode = fs.statSync(dir).ino;
      const watcher = fs.watch(dir, { persistent: false }, (_, name) => name !== null && this.changed(`${dir}/${name}`));
      // It is gone, or this user has no inotify watch left: polls find what is there without.
      watcher.on('error', () => this.unwatch(dir));
      this.watched.set(dir, { watcher, inode });
    } catch {
      // Not there yet.
    }
  }

  private unwatch(dir: string): void {
    this.watched.get(dir)?.watcher.close();
    this.watched.delete(dir);
  }

  private changed(path: string, look = 0): void {
    const inode = mountedAt(path, this.nsfs);
    for (const namespace of this.known.values()) {
      if (namespace.path === path && namespace.inode !== inode) this.forget(namespace.inode);
    }
    if (inode !== undefined) {
      if (!this.known.has(inode)) this.add(mountedRef(path, this.nsfs, inode, this.memory));
    } else if (look + 1 < MOUNT_MS.length && fs.existsSync(path)) {
      const timer = setTimeout(
        () => {
          this.timers.delete(timer);
          this.changed(path, look + 1);
        },
        (MOUNT_MS[look + 1] ?? 0) - (MOUNT_MS[look] ?? 0),
      );
      timer.unref();
      this.timers.add(timer);
    }
  }

  private know(namespaces: readonly NamespaceRef[]): void {
    for (const namespace of namespaces) this.known.set(namespace.inode, namespace);
    if (this.known.size === namespaces.length) return;
    const there = new Set(namespaces);
    for (const [inode, namespace] of this.known) if (!there.has(namespace)) this.known.delete(inode);
  }

  private add(namespace: NamespaceRef): void {
    this.known.set(namespace.inode, namespace);
    this.options.appeared?.([namespace]);
  }

  private forget(inode: number): void {
    this.known.delete(inode);
    this.memory.forget(inode);
  }

  private sweep(): void {
    if (this.closed) return;
    for (const dir of this.options.dirs) {
      // Another directory may have come in its place, such as a tmpfs over /run.
      const watched = this.watched.get(dir);
      const inode = fs.statSync(dir, { throwIfNoEntry: false })?.ino;
      if (watched !== undefined && watched.inode !== inode) this.unwatch(dir);
      if (!this.watched.has(dir) && inode !== undefined) {
        this.watch(dir);
        for (const name of listing(dir)) this.changed(`${dir}/${name}`);
      }
    }
    if (performance.now() - this.lookedAt < 0.9 * SWEEP_MS) return;
    if (this.options.eager || this.someDied()) {
      this.find().then(
        ({ namespaces }) => this.options.appeared?.(namespaces),
        // The next poll meets the same trouble and tells of it.
        () => {},
      );
    }
  }

  /** Whether a namespace is not where it was. That of a process may live on in another process. */
  private someDied(): boolean {
    for (const { path, inode } of this.known.values()) {
      if (this.inWatched(path)) continue;
      try {
        if (fs.readlinkSync(path) !== `net:[${inode}]`) return true;
      } catch {
        // A bind mount is no link; of a directory that is not watched it must be looked at itself.
        if (mountedAt(path, this.nsfs) !== inode) return true;
      }
    }
    return false;
  }

  private inWatched(path: string): boolean {
    return this.watched.has(path.slice(0, path.lastIndexOf('/')));
  }
}

function listing(dir: string): readonly string[] {
  try {
    return fs.readdirSync(dir);
  } catch {
    // It went again.
    return [];
  }
}
