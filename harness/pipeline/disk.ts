/**
 * A disk of a size of its own, for a program that is to run out of it: a tmpfs in a mount namespace of its own, which is gone with the
 * process that holds it. Needs root or unprivileged user namespaces; nothing outside sees the mount.
 */
import { execFile } from 'node:child_process';
import { rm, statfs } from 'node:fs/promises';
import { promisify } from 'node:util';
import { NetsoakError } from '../errors.js';
import { Program } from './program.js';

const run = promisify(execFile);
const MIB = 1 << 20;

export class SmallDisk {
  private constructor(
    private readonly holder: Program,
    readonly folder: string,
  ) {}

  /** @param folder an empty folder, at which those see the disk that are started with {@link within}. @throws NetsoakError (infra) */
  static async mount(folder: string, mebibytes: number): Promise<SmallDisk> {
    let isUp = (): void => {};
    const up = new Promise<boolean>((resolve) => {
      isUp = () => resolve(true);
    });
    const script = 'mount -t tmpfs -o "size=$1,mode=700" netsoak-disk "$0" && echo mounted && exec sleep infinity';
    const command = ['unshare', ...(isRoot() ? [] : ['-U', '-r']), '-m', 'setpriv', '--pdeathsig', 'KILL'];
    const holder = Program.start([...command, 'sh', '-c', script, folder, `${mebibytes}m`], (line) => line === 'mounted' && isUp());
    if (await Promise.race([up, holder.ended.then(() => false)])) return new SmallDisk(holder, folder);
    throw new NetsoakError(
      'infra',
      'small-disk',
      `no disk of its own could be made: ${holder.lastWords}`,
      'it needs root, or user namespaces for everybody (kernel.unprivileged_userns_clone)',
    );
  }

  /** A command, as one that sees the disk. Its process id stays its own. */
  within(command: readonly string[]): string[] {
    const user = isRoot() ? [] : ['-U', '--preserve-credentials'];
    // What enters a user namespace loses its parent-death signal.
    return ['nsenter', '-t', String(this.holder.child.pid), ...user, '-m', 'setpriv', '--pdeathsig', 'KILL', ...command];
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.outside);
    return bavail * bsize;
  }

  async fill(): Promise<void> {
    // It ends with "no space left", as it should, when somebody else writes meanwhile.
    for (let free = await this.freeBytes(); free > 0; free = await this.freeBytes()) {
      const blocks = Math.max(1, Math.ceil(free / MIB));
      const filler = ['if=/dev/zero', `of=${this.filler}`, `bs=${MIB}`, `count=${blocks}`, 'oflag=append', 'conv=notrunc', 'status=none'];
      await run('dd', filler).catch(() => {});
    }
  }

  async empty(): Promise<void> {
    await rm(this.filler, { force: true });
  }

  async unmount(): Promise<void> {
    await this.holder.kill();
  }

  private get filler(): string {
    return `${this.outside}/filler`;
  }

  /** The folder, as it can be reached from where there is no mount. */
  get outside(): string {
    return `/proc/${this.holder.child.pid}/root${this.folder}`;
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}
