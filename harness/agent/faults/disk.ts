/** A file system without a free byte. It is one of its own, made by the scenario, so that nothing but the subject suffers. */
import { closeSync, existsSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { NetsoakError } from '../../errors.js';
import type { Fault } from './phases.js';
import type { Patient } from './subject.js';

/** Where a scenario mounts it and the subject is told to write. */
export const DISK = '/run/netsoak-disk';

const PAGE = Buffer.alloc(4096, 1);
const CHUNK = Buffer.alloc(1 << 20, 1);

export function diskFull({ supervisor }: Pick<Patient, 'supervisor'>, disk = DISK): Fault {
  const filler = join(disk, 'filler');
  return {
    inject: () => {
      if (!existsSync(disk))
        throw new NetsoakError(
          'harness',
          'no-disk',
          `there is no ${disk} to fill`,
          'mount a small tmpfs there in a step before the subject starts',
        );
      for (const piece of [CHUNK, PAGE]) while (fits(filler, piece));
    },
    effect: () => (fits(join(disk, 'witness'), PAGE) ? undefined : `a page more does not fit into ${disk}`),
    recover: () => {
      for (const name of ['filler', 'witness']) rmSync(join(disk, name), { force: true });
    },
    recovered: async () => {
      const there = fits(join(disk, 'witness'), PAGE);
      rmSync(join(disk, 'witness'), { force: true });
      return there && (await supervisor.isReady()) ? 'there is room again, and it is ready' : undefined;
    },
  };
}

/** Appends; false when the file system has no room for all of it. */
function fits(file: string, bytes: Buffer): boolean {
  let fd: number | undefined;
  try {
    fd = openSync(file, 'a');
    return writeSync(fd, bytes) === bytes.length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
