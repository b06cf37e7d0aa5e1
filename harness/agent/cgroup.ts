/**
 * The subject's cgroup (cgroups(7), v2 hierarchy): whatever it forks stays in it, so no child escapes the
 * sampler. Works on a pure v2 system and on a hybrid one, where v2 is mounted without controllers.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NetsoakError } from '../errors.js';

/** Mount point of the cgroup v2 hierarchy, from /proc/self/mounts. */
export function cgroup2Mount(mounts: string = readFileSync('/proc/self/mounts', 'utf8')): string | undefined {
  return mounts
    .split('\n')
    .map((line) => line.split(' '))
    .find((fields) => fields[2] === 'cgroup2')?.[1];
}

/** Name of a run's subtree below the mount; the guardian outside removes it under the same name. */
export function runCgroup(name: string): string {
  return `netsoak-${name}`;
}

function pidsBelow(path: string): number[] {
  try {
    const own = readFileSync(join(path, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
    const below = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [...own, ...below.flatMap(({ name }) => pidsBelow(join(path, name)))];
  } catch {
    // It was removed while we looked: whoever was in it is in another one, or gone.
    return [];
  }
}

export class Cgroup {
  constructor(readonly path: string) {
    mkdirSync(path, { recursive: true });
  }

  static forSubject(name: string): Cgroup {
    const mount = cgroup2Mount();
    if (mount === undefined) {
      throw new NetsoakError(
        'infra',
        'no-cgroup2',
        'no cgroup v2 hierarchy is mounted',
        'mount one: mount -t cgroup2 none /sys/fs/cgroup/unified',
      );
    }
    return new Cgroup(join(mount, runCgroup(name), 'subject'));
  }

  get procsFile(): string {
    return join(this.path, 'cgroup.procs');
  }

  /** Of all processes in it and in the cgroups that the subject made below it (systemd and container managers do). */
  pids(): number[] {
    return pidsBelow(this.path);
  }

  /** Kills what is left in it (cgroup.kill, Linux 5.14; by signal before). */
  kill(): void {
    try {
      writeFileSync(join(this.path, 'cgroup.kill'), '1');
    } catch {
      for (const pid of this.pids()) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It died by itself between the two lines.
        }
      }
    }
  }
}
