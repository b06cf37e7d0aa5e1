/** A heap snapshot of a subject whose description says by which signal it writes one and where (Node's --heapsnapshot-signal). */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { catches } from './procfs.js';

/** Larger ones would hold up the channel that everything else goes through. */
const MOST_BYTES = 256 << 20;
const LOOK_EVERY_MS = 500;

export interface HeapSnapshotWay {
  readonly signal: string;
  readonly folder: string;
}

/** To be called before the subject starts: it writes nothing where there is no folder. */
export function prepareHeapSnapshot({ folder }: HeapSnapshotWay): void {
  mkdirSync(folder, { recursive: true });
}

/** The snapshot, or why there is none, in words. Waits at most so long; the subject stands still while it writes. */
export async function takeHeapSnapshot({ signal, folder }: HeapSnapshotWay, pid: number, limitSeconds: number): Promise<Buffer | string> {
  // Who does not catch it dies of it: a program that wraps the subject, or one that is still starting.
  if (!catches(pid, signal)) return `no heap snapshot: process ${pid} does not catch ${signal}`;
  try {
    process.kill(pid, signal);
    let size = -1;
    for (const until = performance.now() + limitSeconds * 1000; performance.now() < until; ) {
      await delay(LOOK_EVERY_MS);
      const file = readdirSync(folder).find((name) => name.endsWith('.heapsnapshot'));
      if (file === undefined) continue;
      const path = join(folder, file);
      const before = size;
      size = statSync(path).size;
      if (size === 0 || size !== before || !isWhole(path, size)) continue;
      const snapshot = size > MOST_BYTES ? `the heap snapshot has ${size} bytes, too many to keep` : readFileSync(path);
      rmSync(path);
      return snapshot;
    }
    return `no heap snapshot within ${limitSeconds} s of ${signal}`;
  } catch (error) {
    return `no heap snapshot: ${(error as Error).message}`;
  }
}

/** It ends with the end of its JSON. */
function isWhole(path: string, size: number): boolean {
  return size <= MOST_BYTES && readFileSync(path).subarray(-2).toString().trimEnd().endsWith('}');
}
