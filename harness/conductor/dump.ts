/** The guest's memory at the first sign of trouble, for crash(8). Only when it was asked for (`run --keep`). */
import { mkdirSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RunEvent } from '../facts/events.js';
import type { Machine } from '../target/target.js';

/** Place in the run directory. */
export const GUEST_MEMORY = 'guest/memory.kdump';

/** It never takes more than the guest has (1 GiB); compressed, a guest of 512 MiB came to 58 MB. */
const NEEDED_BYTES = 1.2 * 2 ** 30;

/** Whether a run in which this happens can still be green. */
export function isTrouble(event: RunEvent): boolean {
  switch (event.kind) {
    case 'offence':
    case 'evidence':
    case 'error':
      return true;
    case 'subject-exit':
      return !event.ordered;
    case 'step':
      return event.state === 'fail';
    default:
      return false;
  }
}

/** Never rejects: what was done, or why not, in a sentence. */
export async function dumpMemory(machine: Machine, file: string): Promise<string> {
  try {
    mkdirSync(dirname(file), { recursive: true });
    const { bavail, bsize } = statfsSync(dirname(file));
    if (bavail * bsize < NEEDED_BYTES) return `the guest's memory was not kept: it may take ${(NEEDED_BYTES / 2 ** 30).toFixed(1)} GiB`;
    await machine.dump(file);
    return `the guest's memory is in ${GUEST_MEMORY} (${Math.round(statSync(file).size / 2 ** 20)} MiB)`;
  } catch (error) {
    return `the guest's memory could not be kept: ${(error as Error).message}`;
  }
}
