/**
 * A network namespace of a test's own: held by one child process and gone with it, known by no name, so that tests side by side never
 * meet. iproute2 stands for the world outside the collector: it makes the faults and looks at the outcome.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { promisify } from 'node:util';
import type { NamespacePlace } from './index.js';

export interface TestNamespace {
  readonly place: NamespacePlace;
  readonly pid: number;
  /** Runs a program in the namespace and gives its standard output. */
  run(program: string, ...args: readonly string[]): Promise<string>;
  /** Runs lines of `ip -batch`, stopping at the first that fails. */
  ip(...lines: readonly string[]): Promise<void>;
  /** Routes of a table as the world sees them, sorted. */
  routes(...args: readonly string[]): Promise<string[]>;
  close(): Promise<void>;
}

export async function testNamespace(): Promise<TestNamespace> {
  // The shell ends with its standard input, and so does the namespace, even if the test is killed.
  const holder = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up; echo ready; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  const pid = holder.pid as number;
  const path = `/proc/${pid}/ns/net`;
  const { dev, ino } = statSync(path);
  const inside = ['--net', '--target', String(pid), '--'];

  const run = async (program: string, ...args: readonly string[]) =>
    (await promisify(execFile)('nsenter', [...inside, program, ...args], { maxBuffer: 64 << 20 })).stdout;
  const batch = async (program: string, lines: readonly string[]) => {
    const child = spawn('nsenter', [...inside, program, '-batch', '-'], { stdio: ['pipe', 'ignore', 'pipe'] });
    let complaint = '';
    child.stderr.on('data', (data: Buffer) => {
      complaint += data.toString();
    });
    child.stdin.end(`${lines.join('\n')}\n`);
    const [code] = (await once(child, 'close')) as [number];
    if (code !== 0) throw new Error(`${program} -batch: ${complaint}`);
  };

  return {
    place: { path, device: dev, inode: ino },
    pid,
    run,
    ip: (...lines) => batch('ip', lines),
    async routes(...args) {
      const text = await run('ip', ...args).catch((error: Error & { stderr?: string }) => {
        if (error.stderr?.includes('FIB table does not exist')) return '';
        throw error;
      });
      return text
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '')
        .sort();
    },
    async close() {
      const ended = once(holder, 'exit');
      holder.stdin.end();
      await ended;
    },
  };
}
