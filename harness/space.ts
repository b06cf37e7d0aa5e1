/** Whether there is room for a run, asked before it begins: a run that fills the disk after eleven hours helps nobody. */
import { statfsSync } from 'node:fs';
import { NetsoakError } from './errors.js';
import type { Plan } from './facts/plan.js';

const MIB = 1024 * 1024;
/** Plan, reports, the reserve, evidence of a first violation. */
const BASE_BYTES = 16 * MIB;
/** A healthy run on `host` stores 1.2 kB of series a second (20 s: 35 kB in 30 s of boot, set-up and measuring); events and offending polls come on top. */
const BYTES_A_SECOND = 4096;
/** The guest's initramfs and the sockets. */
const TEMPORARY_BYTES = 16 * MIB;

export function bytesNeeded({ durationSeconds }: Pick<Plan, 'durationSeconds'>): number {
  return BASE_BYTES + BYTES_A_SECOND * durationSeconds;
}

/** Free bytes for this user where `folder` is. */
export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** @throws NetsoakError (infra) with the figures when there is too little in the run directory or in the folder of temporary files. */
export function checkSpace(plan: Plan, directory: string, temporary: string, free: (folder: string) => number = freeBytes): void {
  for (const [folder, need, option] of [
    [directory, bytesNeeded(plan), '--out DIR'],
    [temporary, TEMPORARY_BYTES, 'TMPDIR=DIR'],
  ] as const) {
    const has = free(folder);
    if (has >= need) continue;
    throw new NetsoakError(
      'infra',
      'no-room',
      `no space left to run in: ${inMib(has)} free in ${folder}, this run may take ${inMib(need)}`,
      `free some space (\`netsoak clean\` removes old runs) or choose another place with ${option}`,
    );
  }
}

function inMib(bytes: number): string {
  return `${(bytes / MIB).toFixed(bytes < 10 * MIB ? 1 : 0)} MiB`;
}
