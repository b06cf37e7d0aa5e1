/** Every way in which a guest can end, and that nothing is left of it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, expect, it } from 'vitest';
import { probeAccelerator } from './accelerator.js';
import { requireKernel } from './kernel.js';
import { projectFolder } from './shares.js';
import { guestSupply } from './supply.js';
import { bootGuest, endGuests, isAlive } from './testing/guests.js';

afterEach(endGuests);

it('is a panic when the kernel panics, with the cause', async () => {
  const guest = await bootGuest('echo c >/proc/sysrq-trigger');
  const exit = await guest.vm.exited;
  expect(exit).toMatchObject({ kind: 'panic', sentence: "the guest's kernel panicked: sysrq triggered crash" });
  expect(exit.kind === 'panic' && exit.console.join('\n')).toContain('Call Trace');
  expect(isAlive(guest.vm.pid)).toBe(false);
});

it('is a hang when nobody feeds the watchdog any more', async () => {
  // The feeder killed without a farewell: what the watchdog sees when a kernel runs nobody.
  const guest = await bootGuest('cd /proc; for p in [0-9]*; do grep -q ^watchdog $p/cmdline 2>/dev/null && kill -9 $p; done; sleep 600', {
    hangAfterSeconds: 6,
  });
  expect(await guest.vm.exited).toMatchObject({ kind: 'hang' });
  expect(isAlive(guest.vm.pid)).toBe(false);
});

it("ends at the caller's limit when the guest never reports, and says where it stood", async () => {
  const guest = await bootGuest('true', { ports: [], signal: AbortSignal.timeout(50) }).catch((error: Error) => error);
  if (guest instanceof Error) expect(guest.name).toBe('TimeoutError');
  else expect(await guest.vm.exited).toMatchObject({ kind: 'killed' });
  const abort = new AbortController();
  const silent = await bootGuest('sleep 600', { signal: abort.signal });
  setTimeout(() => abort.abort(), 1500);
  const exit = await silent.vm.exited;
  expect(exit).toMatchObject({ kind: 'killed', sentence: expect.stringContaining('the guest was ended from outside') });
  expect(isAlive(silent.vm.pid)).toBe(false);
});

it('can be stopped and killed, twice if need be', async () => {
  const [stopped, killed] = await Promise.all([bootGuest('echo up >"$PORT"; sleep 600'), bootGuest('echo up >"$PORT"; sleep 600')]);
  await Promise.all([stopped.hear('up'), killed.hear('up')]);
  expect((await stopped.vm.stop()).kind).toBe('killed');
  expect((await killed.vm.kill()).kind).toBe('killed');
  expect((await stopped.vm.kill()).kind).toBe('killed');
  expect([stopped.vm.pid, killed.vm.pid].map(isAlive)).toEqual([false, false]);
});

it("is QEMU's failure when somebody else kills it", async () => {
  const guest = await bootGuest('sleep 600');
  process.kill(guest.vm.pid, 'SIGKILL');
  expect(await guest.vm.exited).toMatchObject({ kind: 'qemu-failed', sentence: expect.stringContaining('SIGKILL') });
});

it('never starts when a part is missing, and names it', async () => {
  const supply = await guestSupply();
  const without = bootGuest('true', { supply: { ...supply, kernel: { ...supply.kernel, vmlinux: '/nonexistent/vmlinux' } } });
  await expect(without).rejects.toMatchObject({
    code: 'qemu-failed',
    owner: 'infra',
    message: expect.stringContaining('/nonexistent/vmlinux'),
  });
  const deaf = bootGuest('true', { ports: [{ name: 'x', socket: '/nonexistent/socket' }] });
  await expect(deaf).rejects.toMatchObject({ code: 'qemu-failed', message: expect.stringContaining('/nonexistent/socket') });
  const long = bootGuest('true', { ports: [{ name: 'x', socket: `/${'x'.repeat(200)}` }] });
  await expect(long).rejects.toMatchObject({ code: 'socket-path-too-long' });
  await expect(requireKernel({ own: '/nonexistent', readable: ['/nonexistent'] })).rejects.toMatchObject({
    code: 'kernel-missing',
    hint: expect.stringContaining('npm run setup'),
  });
});

it('names the step at which init gave up', async () => {
  const supply = await guestSupply();
  const modules = mkdtempSync(join(tmpdir(), 'netsoak-modules-'));
  try {
    cpSync(supply.kernel.modules, modules, { recursive: true });
    writeFileSync(join(modules, 'kernel/fs/overlayfs/overlay.ko'), 'no module');
    const guest = await bootGuest('true', { supply: { ...supply, kernel: { ...supply.kernel, modules } } });
    expect(await guest.vm.exited).toMatchObject({ kind: 'boot-failed', sentence: 'the guest did not come up: insmod /modules/overlay.ko' });
  } finally {
    rmSync(modules, { recursive: true });
  }
});

/** A program that boots a guest that never ends, from a copy of the compiled vm/ in `folder`, and prints QEMU's pid. */
function booter(folder: string, accelerator: string, command: readonly string[]): string {
  return `
    import { boot } from ${JSON.stringify(join(folder, 'dist/vm/qemu.js'))};
    import { createServer } from 'node:net';
    const server = createServer((c) => c.on('data', (d) => process.stdout.write(d)).on('error', () => {}));
    await new Promise((done) => server.listen(${JSON.stringify(join(folder, 'words'))}, done));
    const vm = await boot({
      accelerator: ${JSON.stringify(accelerator)}, command: ${JSON.stringify(command)}, consoleLog: ${JSON.stringify(join(folder, 'console.log'))},
      ports: [{ name: 'test.words', socket: ${JSON.stringify(join(folder, 'words'))} }],
      signal: new AbortController().signal, workDir: ${JSON.stringify(join(folder, 'work'))},
    });
    console.log('qemu', vm.pid);
    console.log((await vm.exited).sentence);
    server.close();`;
}

/** A project of our own that any user may read: this one may lie where only root can. */
function publicProject(): string {
  const folder = mkdtempSync(join(tmpdir(), 'netsoak-project-'));
  mkdirSync(join(folder, 'vm'));
  cpSync(join(projectFolder(), 'dist/vm'), join(folder, 'dist/vm'), { recursive: true });
  cpSync(join(projectFolder(), 'vm/init.sh'), join(folder, 'vm/init.sh'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  chmodSync(folder, 0o777);
  return folder;
}

it('leaves no QEMU when whoever booted it is killed', async () => {
  const folder = publicProject();
  let parent: ChildProcess | undefined;
  try {
    const { accelerator } = await probeAccelerator();
    parent = spawn(process.execPath, ['--input-type=module', '-e', booter(folder, accelerator, ['/bin/sleep', '600'])], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(parent.stdout as NodeJS.EventEmitter, 'data')) as [Buffer];
    const pid = Number(/qemu (\d+)/.exec(line.toString())?.[1]);
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toContain('qemu-system');
    parent.kill('SIGKILL');
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
  } finally {
    parent?.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  }
});

it('needs no root', async () => {
  const folder = publicProject();
  try {
    const say = ['/bin/sh', '-c', 'echo "in the guest I am $(id -u)" >/dev/virtio-ports/test.words'];
    const nobody = [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      'env',
      '-i',
      `PATH=${process.env.PATH}`,
      'HOME=/nonexistent',
      `XDG_CACHE_HOME=${folder}/own/cache`,
    ];
    const child = spawn('setpriv', [...nobody, process.execPath, '--input-type=module', '-e', booter(folder, 'tcg', say)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: '/',
    });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect(err).toBe('');
    expect(out).toContain('in the guest I am 0\n');
    expect(out).toContain("the guest's command ended with status 0");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('probes by running guest code: what it chose runs', async () => {
  const { accelerator, reason, slowdown } = await probeAccelerator();
  expect(reason).not.toBe('');
  expect(slowdown).toBeGreaterThanOrEqual(1);
  const guest = await bootGuest('exit 0', { accelerator });
  expect(await guest.vm.exited).toMatchObject({ kind: 'powered-off', status: 0 });
});
