import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { NamespaceRef } from '../native/index.js';
import { NamespaceWatch } from './watch.js';

let dir: string;
let watch: NamespaceWatch;
const appeared: NamespaceRef[] = [];
const children: ChildProcess[] = [];

beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), 'netsoakd-watch-'));
});
afterEach(async () => {
  watch.close();
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  for (const file of fs.existsSync(dir) ? fs.readdirSync(dir) : []) unmount(file);
  fs.rmSync(dir, { recursive: true, force: true });
  appeared.length = 0;
});

/** A process that sleeps in a namespace of its own. */
async function holder(): Promise<{ pid: number; inode: number }> {
  const child = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec sleep 1000'], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  await once(child.stdout, 'data');
  const pid = child.pid as number;
  return { pid, inode: fs.statSync(`/proc/${pid}/ns/net`).ino };
}

function mount(name: string, pid: number): void {
  execFileSync('mount', ['--bind', `/proc/${pid}/ns/net`, join(dir, name)]);
}
function unmount(name: string): void {
  spawnSync('umount', [join(dir, name)]);
}
const open = (options: { dirs?: readonly string[]; eager?: boolean } = {}) => {
  watch = new NamespaceWatch({ dirs: [dir], appeared: (namespaces) => appeared.push(...namespaces), ...options });
};
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 5_000, interval: 10 });

test('a namespace that is bind-mounted is known without a poll, and forgotten when its file goes', async () => {
  open();
  await watch.find();
  const before = watch.size;
  const { pid, inode } = await holder();
  fs.writeFileSync(join(dir, 'blue'), '');
  mount('blue', pid);
  await eventually(() => expect(appeared.map(({ name, inode: at }) => ({ name, at }))).toEqual([{ name: 'blue', at: inode }]));
  expect(watch.size).toBe(before + 1);
  unmount('blue');
  fs.rmSync(join(dir, 'blue'));
  await eventually(() => expect(watch.size).toBe(before));
});

test('one that is mounted late on its file is found all the same, and one that comes with its directory', async () => {
  fs.rmSync(dir, { recursive: true });
  open();
  const { pid, inode } = await holder();
  fs.mkdirSync(dir);
  fs.writeFileSync(join(dir, 'red'), '');
  await eventually(() => expect(fs.existsSync(join(dir, 'red'))).toBe(true));
  mount('red', pid);
  await eventually(() =>
    expect(appeared.filter((namespace) => namespace.inode === inode && namespace.name === 'red').length).toBeGreaterThan(0),
  );
  unmount('red');
});

test('the namespace of a process is forgotten when its last process ends, and not before', async () => {
  open();
  const { pid, inode } = await holder();
  const second = spawn('nsenter', ['--net', '--target', String(pid), 'sh', '-c', 'echo ready; exec sleep 1000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(second);
  await once(second.stdout as NodeJS.ReadableStream, 'data');
  const found = await watch.find();
  const known = [...found.namespaces].find((namespace) => namespace.inode === inode) as NamespaceRef;
  expect(known.path).toBe(`/proc/${pid}/ns/net`);
  const size = watch.size;
  process.kill(pid, 'SIGKILL');
  await eventually(() => expect(appeared.find((namespace) => namespace.inode === inode)?.path).toBe(`/proc/${second.pid}/ns/net`));
  expect(appeared.find((namespace) => namespace.inode === inode)?.generation).toBe(known.generation);
  second.kill('SIGKILL');
  await eventually(() => expect(watch.size).toBeLessThan(size));
});

test('an eager one finds namespaces of processes without a poll', async () => {
  open({ eager: true });
  await watch.find();
  const { inode } = await holder();
  await eventually(() => expect(appeared.some((namespace) => namespace.inode === inode)).toBe(true));
});

test('a directory that can not be looked at is told of by each look, and harms no sweep', async () => {
  const loop = join(dir, 'loop');
  fs.symlinkSync('loop', loop);
  open({ dirs: [loop], eager: true });
  const { unread } = await watch.find();
  expect(unread.map(({ path }) => path)).toEqual([loop]);
  // Each sweep of an eager one ends with what it found.
  const before = appeared.length;
  await eventually(() => expect(appeared.length).toBeGreaterThan(before));
});

test('nothing is kept open on a namespace', async () => {
  open();
  const { pid } = await holder();
  fs.writeFileSync(join(dir, 'green'), '');
  mount('green', pid);
  await watch.find();
  const links = fs.readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [fs.readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
  expect(links.filter((link) => link.startsWith('net:'))).toEqual([]);
  unmount('green');
});
