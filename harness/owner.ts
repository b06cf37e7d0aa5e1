/**
 * Says of a folder that a living process is at work in it, so that nobody cleans it away. A process id alone does not tell:
 * ids are used again, so its start time and the boot stand beside it (proc(5)).
 */
import { existsSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MARK = '.owner';

/** In another pid namespace an id means nothing; there a folder that changed lately counts as owned. */
const FRESH_SECONDS = 300;

interface Owner {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, clock ticks since boot. */
  readonly startTicks: string;
  readonly boot: string;
  /** Inode of the pid namespace, as /proc/self/ns/pid tells it. */
  readonly namespace: string;
}

export function own(folder: string): void {
  const owner: Owner = { pid: process.pid, startTicks: startTicks(process.pid) ?? '', boot: boot(), namespace: namespace() };
  writeFileSync(join(folder, MARK), JSON.stringify(owner));
}

export function disown(folder: string): void {
  rmSync(join(folder, MARK), { force: true });
}

export function isOwned(folder: string): boolean {
  const mark = join(folder, MARK);
  if (!existsSync(mark)) return false;
  let owner: Owner;
  try {
    owner = JSON.parse(readFileSync(mark, 'utf8')) as Owner;
  } catch {
    // Its owner is writing it, or died doing so.
    return isFresh(folder);
  }
  if (owner.boot !== boot()) return false;
  if (owner.namespace !== namespace()) return isFresh(folder);
  return startTicks(owner.pid) === owner.startTicks;
}

function isFresh(folder: string): boolean {
  const files = ['.', MARK, 'series.ndjson', 'events.ndjson'].map((name) => join(folder, name)).filter((path) => existsSync(path));
  return files.some((path) => Date.now() - statSync(path).mtimeMs < FRESH_SECONDS * 1000);
}

function startTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything, also parentheses; 22 is the 20th field after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

const boot = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
const namespace = (): string => readlinkSync('/proc/self/ns/pid');
