/**
 * A corner of this machine for the tests on the kernel: a /run, a mount and a pid namespace of its own, so that a collector in it
 * finds what the test made and nothing of whatever else goes on here. Gone with its one process, whatever happens to the test.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestNamespaces } from '../native/test-namespaces.js';

export class World {
  private constructor(
    private readonly holder: ChildProcess,
    /** Command and arguments that run the rest of their line in here. */
    readonly enter: readonly string[],
  ) {}

  static async open(): Promise<World> {
    const script = 'mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/netns && echo ready && exec cat';
    const holder = spawn('unshare', ['--mount', '--pid', '--fork', '--mount-proc', '--kill-child', 'sh', '-c', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    const init = await onlyChild(holder.pid as number);
    return new World(holder, ['nsenter', '--target', String(init), '--mount', '--pid']);
  }

  namespaces(): TestNamespaces {
    return new TestNamespaces(this.enter);
  }

  run(...command: readonly string[]): Buffer {
    const [program, ...args] = [...this.enter, ...command];
    return execFileSync(program as string, args, { maxBuffer: 1 << 28 });
  }

  async close(): Promise<void> {
    this.holder.stdin?.end();
    if (this.holder.exitCode === null) await once(this.holder, 'exit');
  }
}

/** The pid, as seen from here, of the program that a wrapper such as nsenter runs. */
export async function onlyChild(pid: number): Promise<number> {
  for (;;) {
    const child = Number(fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
    if (child > 0) return child;
    await sleep(5);
  }
}
