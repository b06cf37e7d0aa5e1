/**
 * One controller of a cgroup of the run's, in whichever hierarchy the kernel has it: v2 in that cgroup itself, or a v1 one called after it
 * (cgroups(7)).
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { NetsoakError } from '../../errors.js';
import type { Cgroup } from '../cgroup.js';

export interface Controller {
  readonly version: 1 | 2;
  readonly folder: string;
  read(file: string): string;
  write(file: string, value: string): void;
  /** A counter of a flat keyed file (`memory.events`, `cpu.stat`); 0 when the key is not there. */
  counter(file: string, key: string): number;
  /** Gives the processes back. */
  close(): void;
}

/** Moves the cgroup's processes under the controller `name`; `v1` is the mount of that hierarchy in a hybrid system. Throws NetsoakError (infra). */
export function openController(name: 'memory' | 'cpu', cgroup: Cgroup, v1 = join('/sys/fs/cgroup', name)): Controller {
  const above = dirname(cgroup.path);
  const available = readFileSync(join(dirname(above), 'cgroup.controllers'), 'utf8')
    .trim()
    .split(' ');
  if (available.includes(name)) {
    // Top down: a controller can be enabled only where the parent has it.
    for (const folder of [dirname(above), above]) writeFileSync(join(folder, 'cgroup.subtree_control'), `+${name}`);
    return at(2, cgroup.path, () => {});
  }
  if (!existsSync(join(v1, 'cgroup.procs')))
    throw new NetsoakError(
      'infra',
      'no-controller',
      `this kernel offers no ${name} controller`,
      'mount cgroup v2 with it, or use --target vm',
    );
  const folder = join(v1, `${basename(above)}-${basename(cgroup.path)}-${name}`);
  mkdirSync(folder, { recursive: true });
  for (const pid of cgroup.pids()) writeFileSync(join(folder, 'cgroup.procs'), String(pid));
  return at(1, folder, () => {
    for (const pid of readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) {
      writeFileSync(join(v1, 'cgroup.procs'), pid);
    }
    rmdirSync(folder);
  });
}

function at(version: 1 | 2, folder: string, close: () => void): Controller {
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8').trim();
  return {
    version,
    folder,
    read,
    write: (file, value) => writeFileSync(join(folder, file), value),
    counter: (file, key) =>
      Number(
        read(file)
          .split('\n')
          .find((line) => line.startsWith(`${key} `))
          ?.slice(key.length + 1) ?? 0,
      ),
    close,
  };
}
