/**
 * Boots until the guest shows a sign of life. Seen once in a day of boots: a guest whose console stayed empty for two minutes, and the next
 * one, on the same machine from the same files, booted in six seconds. So one that shows nothing is ended and started again, and if that one
 * is as silent the error says where it stood.
 */
import { statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { VmError } from './errors.js';
import { type BootOptions, boot, type Vm } from './qemu.js';

/** Starts in all. */
const STARTS = 2;

const LOOK_MS = 50;

export interface AliveOptions extends Omit<BootOptions, 'loud'> {
  /** How long a guest may show nothing; see {@link silenceLimitSeconds}. */
  readonly silenceSeconds: number;
  /** Told, for people, of a guest that was ended because it showed nothing; the next is about to be started. */
  readonly onSilent: (sentence: string) => void;
}

/**
 * @param slowdown how many times slower a guest is than this machine
 * @returns a limit that a guest which boots does not meet: its kernel's start, of whose end init tells, takes 2 s where the slowdown is 12, and
 *   took 18 s where fourteen programs wanted the same two cores.
 */
export function silenceLimitSeconds(slowdown: number): number {
  return Math.ceil(20 + 2 * slowdown);
}

/**
 * Like {@link boot}, but resolves only when the guest has shown a first sign on its console (or has ended, of which its `exited` tells).
 * From the second start on the kernel tells what it does, so that a second failure shows where.
 * Rejects with a {@link VmError} `guest-silent` when no start showed anything, and as {@link boot} does.
 */
export async function bootAlive(options: AliveOptions, start: typeof boot = boot): Promise<Vm> {
  for (let starts = 1; ; starts++) {
    const vm = await start({ ...options, loud: starts > 1 });
    if (await showsLife(vm, options)) return vm;
    const told = `the guest showed nothing on its console in ${options.silenceSeconds} s (${await vm.whereabouts()})`;
    await vm.kill();
    options.signal.throwIfAborted();
    if (afterSilence(starts) === 'give-up') {
      throw new VmError(
        'guest-silent',
        `${told}, start ${starts} of ${STARTS}`,
        'run it again; if it stays so, `netsoak doctor` looks for what is missing',
      );
    }
    options.onSilent(`${told}; started again`);
  }
}

/** What to do about the guest that was started last and is silent. Pure. */
export function afterSilence(starts: number): 'start-again' | 'give-up' {
  return starts < STARTS ? 'start-again' : 'give-up';
}

/** Whether it wrote to its console, or ended, in time. */
async function showsLife(vm: Vm, { consoleLog, silenceSeconds }: AliveOptions): Promise<boolean> {
  let ended = false;
  void vm.exited.then(() => {
    ended = true;
  });
  const limit = performance.now() + silenceSeconds * 1000;
  while (!ended && sizeOf(consoleLog) === 0) {
    if (performance.now() > limit) return false;
    await delay(LOOK_MS);
  }
  return true;
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
