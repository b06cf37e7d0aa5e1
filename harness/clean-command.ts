/** `netsoak clean`. */
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { userCache } from '../vm/cache.js';
import { leftOvers, oldRuns, remove } from './clean.js';
import { NetsoakError } from './errors.js';
import { EXIT } from './exit.js';
import { RUNS } from './runs.js';

export interface CleanFlags {
  readonly keep: string;
  readonly out?: string;
}

export async function cleanCommand(flags: CleanFlags): Promise<number> {
  if (!/^\d{1,6}$/.test(flags.keep))
    throw new NetsoakError(
      'user',
      'bad-keep',
      `--keep ${flags.keep}: not a number of runs`,
      'write how many of the newest runs are to stay',
    );
  const places = { runs: resolve(flags.out ?? RUNS), temporary: tmpdir(), cache: userCache().own };
  let bytes = 0;
  let count = 0;
  // Work folders that were kept for a run go when their run has gone.
  for (const find of [() => oldRuns(places.runs, Number(flags.keep)), () => leftOvers(places)]) {
    for (const rubbish of find()) {
      bytes += remove(rubbish);
      count++;
      process.stdout.write(`removed ${rubbish.path} (${rubbish.why})\n`);
    }
  }
  process.stdout.write(count === 0 ? 'nothing to clean\n' : `${(bytes / 1e6).toFixed(1)} MB in ${count} place${count === 1 ? '' : 's'}\n`);
  return EXIT.pass;
}
