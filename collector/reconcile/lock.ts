/** The lock that the daemon, its command line and an allocator share: a file by the namespace's cookie and what it guards. */
import { mkdirSync } from 'node:fs';
import { type FileLock, tryLock } from '../../native/rtnl/index.js';

export class Locked extends Error {}

/** @throws Locked when another process holds it for longer than `patienceMs` */
export async function withLock<T>(path: string, patienceMs: number, work: () => Promise<T>): Promise<T> {
  const lock = await take(path, patienceMs);
  try {
    return await work();
  } finally {
    lock.release();
  }
}

export function lockPath(dir: string, cookie: bigint, scope: string): string {
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  return `${dir}/${cookie}-${scope}.lock`;
}

async function take(path: string, patienceMs: number): Promise<FileLock> {
  const until = performance.now() + patienceMs;
  for (;;) {
    const lock = tryLock(path);
    if (lock !== undefined) return lock;
    if (performance.now() >= until) throw new Locked(`another process holds ${path}: stop it, or wait until it is done`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
