/** Faults that happen to the target itself: made from outside, by the conductor. The scenario asks for them like for any other. */
import type { Fault } from '../agent/faults/phases.js';
import { NetsoakError } from '../errors.js';
import type { Machine } from '../target/target.js';

/** A heartbeat comes every second. */
const SILENT_MS = 1500;

/** The machine stands still. `heardAt`: when the agent was last heard, by Date.now(). */
export function vmPaused(machine: Machine | undefined, heardAt: () => number): Fault {
  if (!machine) throw new NetsoakError('harness', 'no-machine', 'this target is no machine that could be paused', 'use --target vm');
  let resumedAt = Number.POSITIVE_INFINITY;
  return {
    inject: () => machine.pause(),
    effect: async () => {
      const silence = Date.now() - heardAt();
      const paused = !(await machine.isRunning());
      return paused && silence > SILENT_MS
        ? `QEMU says that it is paused; nothing was heard for ${(silence / 1000).toFixed(1)} s`
        : undefined;
    },
    recover: async () => {
      await machine.resume();
      resumedAt = Date.now();
    },
    recovered: async () => ((await machine.isRunning()) && heardAt() > resumedAt ? 'it runs, and the agent was heard again' : undefined),
  };
}
