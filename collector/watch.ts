/**
 * Which namespaces there are, between polls too: new bind mounts by inotify on their directories, dead ones forgotten within a second. Holds no
 * namespace itself: no descriptor on one, no thread in one. A look at everything ({@link NamespaceWatch.find}) comes before each poll;
 * between two of them each change is followed by itself.
 */
import fs from 'node:fs';
import type { NamespaceList, NamespaceRef, NamespaceTable } from '../native/index.js';
import { type Discovery, discover, openTable } from './namespaces.js';

/** A file is there before the namespace is mounted on it, and the mount says nothing: look again, so long after the file came. */
const MOUNT_MS = [0, 5, 20, 100, 400, 1_000] as const;
const SWEEP_MS = 1_000;

export interface WatchOptions {
  /** Directories of bind mounts; a missing one is watched from the second in which it comes. */
  readonly dirs: readonly string[];
  /** Told of namespaces that a directory's change brought, as soon as they are mounted. */
  readonly appeared?: (namespaces: NamespaceList) => void;
  /** Look for new namespaces of processes each second too, whenever the next poll is. */
  readonly eager?: boolean;
}

export class NamespaceWatch {
  private readonly table: NamespaceTable;
  private readonly watched = new Map<string, { watcher: fs.FSWatcher; inode: number }>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly sweeper: NodeJS.Timeout;
  private looking: Promise<Discovery> | undefined;
  private lookedAt = Number.NEGATIVE_INFINITY;
  private closed = false;

  constructor(private readonly options: WatchOptions) {
    this.table = openTable(options.dirs);
    for (const dir of options.dirs) this.watch(dir);
    this.sweeper = setInterval(() => this.sweep(), SWEEP_MS);
    this.sweeper.unref();
  }

  /** Namespaces that are known to be there. */
  get size(): number {
    return this.table.size;
  }

  /** Looks at every directory and every process. Calls while one is under way share it. */
  find(): Promise<Discovery> {
    this.looking ??= discover(this.table)
      .then((discovery) => {
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
    this.table.forget(namespace);
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
    const { appeared } = this.options;
    const found = this.table.look(path, Date.now(), appeared !== undefined);
    if (typeof found !== 'boolean') appeared?.(found);
    else if (!found && look + 1 < MOUNT_MS.length && fs.existsSync(path)) {
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

  private sweep(): void {
    if (this.closed) return;
    for (const dir of this.options.dirs) {
      // Another directory may have come in its place, such as a tmpfs over /run.
      const watched = this.watched.get(dir);
      const inode = inodeOf(dir);
      if (watched !== undefined && watched.inode !== inode) this.unwatch(dir);
      if (!this.watched.has(dir) && inode !== undefined) {
        this.watch(dir);
        for (const name of listing(dir)) this.changed(`${dir}/${name}`);
      }
    }
    if (performance.now() - this.lookedAt < 0.9 * SWEEP_MS) return;
    void this.refresh();
  }

  /** Another look at everything when one is due before the next poll. */
  private async refresh(): Promise<void> {
    try {
      if (!this.options.eager && !(await this.table.someDied([...this.watched.keys()]))) return;
      if (this.closed) return;
      const { namespaces } = await this.find();
      this.options.appeared?.(namespaces);
    } catch {
      // The next poll meets the same trouble and tells of it.
    }
  }
}

/** Undefined where none is, or it may not be looked at: a poll tells of that. */
function inodeOf(dir: string): number | undefined {
  try {
    return fs.statSync(dir).ino;
  } catch {
    return undefined;
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
