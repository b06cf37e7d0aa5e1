/** `netsoakd sweep-tc`: from flags to the sweep by hand. */
import tty from 'node:tty';
import type { Config } from '../config.js';
import { createLog } from '../log.js';
import { reconcileFault } from '../reconcile/faults.js';
import { placeOf } from '../reconcile/start.js';
import { sweepTc } from '../reconcile/tc/command.js';

export interface SweepFlags {
  readonly apply: boolean;
  /** '' for none. */
  readonly plan: string;
  readonly json: boolean;
  readonly allowEmpty: boolean;
  readonly lock: boolean;
  /** Writes a second, 0 for no limit. */
  readonly rate: number;
}

/** @returns an exit code of SWEEP_EXIT */
export async function runSweepTc(config: Config, flags: SweepFlags): Promise<number> {
  const { lock, ...rest } = flags;
  try {
    return await sweepTc(
      {
        ...rest,
        place: placeOf(config['reconcile-netns']),
        bridge: config['tc-bridge'],
        tapPrefix: config['tap-prefix'],
        allocationsFile: config['tc-allocations'],
        lockDir: lock ? config['lock-dir'] : '',
        minAgeMs: config['tc-min-age'],
      },
      createLog('warn', tty.isatty(2)),
      (line) => process.stdout.write(`${line}\n`),
    );
  } catch (error) {
    throw reconcileFault(error);
  }
}
