/** `netsoakd sweep-tc`: from flags to the sweep by hand. */
import tty from 'node:tty';
import { effectiveCapabilities } from '../../native/capabilities.js';
import type { Config } from '../config.js';
import { MissingRight } from '../errors.js';
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

/** @returns an exit code of SWEEP_EXIT @throws MissingRight to write without CAP_NET_ADMIN, or where the lock may not be taken */
export async function runSweepTc(config: Config, flags: SweepFlags): Promise<number> {
  const { lock, ...rest } = flags;
  if (flags.apply && !effectiveCapabilities().has('CAP_NET_ADMIN')) {
    throw new MissingRight(
      'sweep-tc',
      'sweep-tc --apply may delete no filter and no class: CAP_NET_ADMIN is missing',
      'run it as root; without --apply, and with --no-lock, it only looks and needs no right',
    );
  }
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
