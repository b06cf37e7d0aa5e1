/** The lock that the daemon, its command line and an allocator share: a file by the namespace's cookie and what it guards. */
import { mkdirSync } from 'node:fs';
import { type FileLock, tryLock } from '../../native/rtnl/index.js';
import { errnoOf } from '../errors.js';

export class Locked extends Error {}
/** This process may not take the lock, whoever holds it. */
export class LockDenied extends Error {}

/** @throws Locked when another process holds it for longer than `patienceMs`, LockDenied */
export async function withLock<T>(path: string, patienceMs: number, work: () => Promise<T>): Promise<T> {
  const lock = await take(path, patienceMs);
  try {
    return await work();
  } finally {
    lock.release();
  }
}

/** @throws LockDenied */
export function lockPath(dir: string, cookie: bigint, scope: string): string {
  const path = `${dir}/${cookie}-${scope}.lock`;
  permitted(path, () => mkdirSync(dir, { recursive: true, mode: 0o755 }));
  return path;
}

async function take(path: string, patienceMs: number): Promise<FileLock> {
  const until = performance.now() + patienceMs;
  for (;;) {
    const lock = permitted(path, () => tryLock(path));
    if (lock !== undefined) return lock;
    if (performance.now() >= until) throw new Locked(`another process holds ${path}: stop it, or wait until it is done`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function permitted<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    const code = errnoOf(error);
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
    throw new LockDenied(`the lock ${path} may not be taken: ${code}`);
  }
}
