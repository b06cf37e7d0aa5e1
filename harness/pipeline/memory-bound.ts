/**
 * A bound on the memory of a service that holds whatever the service believes of itself: a cgroup of its own, in which the kernel kills what
 * wants more. It needs the right to make cgroups, which a user of target `vm` need not have.
 */
import { rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Cgroup, cgroup2Mount, runCgroup } from '../agent/cgroup.js';
import { type Controller, openController } from '../agent/faults/controller.js';

export class MemoryBound {
  private constructor(
    private readonly cgroup: Cgroup,
    private readonly controller: Controller,
    readonly bytes: number,
  ) {}

  /** @param run the name of the run's cgroups (harness/conductor/guardian.ts). @returns why not, as part of a sentence, where there can be none */
  static make(run: string, bytes: number): MemoryBound | string {
    const mount = cgroup2Mount();
    if (mount === undefined) return 'no cgroup v2 hierarchy is mounted';
    try {
      const cgroup = new Cgroup(join(mount, runCgroup(run), 'services'));
      const controller = openController('memory', cgroup);
      controller.write(controller.version === 2 ? 'memory.max' : 'memory.limit_in_bytes', String(bytes));
      return new MemoryBound(cgroup, controller, bytes);
    } catch (error) {
      return `no cgroup can be made: ${(error as Error).message}`;
    }
  }

  /** A command, as one that is in it from its first instruction. Its process id stays its own. */
  within(command: readonly string[]): string[] {
    return ['sh', '-c', 'echo $$ > "$0" && exec "$@"', join(this.controller.folder, 'cgroup.procs'), ...command];
  }

  /** Processes that the kernel killed because they wanted more. */
  get kills(): number {
    return this.controller.counter(this.controller.version === 2 ? 'memory.events' : 'memory.oom_control', 'oom_kill');
  }

  get words(): string {
    return `${this.bytes / 2 ** 20} MiB by a cgroup (v${this.controller.version})`;
  }

  /** Once nobody is in it any more. What is left the guardian removes. */
  close(): void {
    try {
      this.controller.close();
      rmdirSync(this.cgroup.path);
      rmdirSync(dirname(this.cgroup.path));
    } catch {
      // The subject has one there too, or the kernel has not let go of the last process yet.
    }
  }
}
