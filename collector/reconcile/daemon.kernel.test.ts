/** The reconcilers inside the real daemon, and the commands that go with them, as an operator uses them. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { TestNamespaces } from '../../native/test-namespaces.js';
import { Daemon, PROGRAM } from '../daemon.test-support.js';
import { World } from '../world.test-support.js';
import { within } from './start.test-support.js';

let world: World;
let namespaces: TestNamespaces;
let name: string;
let dir: string;
let socket: string;
const running: Daemon[] = [];
beforeAll(async () => {
  world = await World.open();
  namespaces = world.namespaces();
});
afterAll(async () => {
  await namespaces.release();
  await world.close();
});
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), 'netsoakd-reconcile-'));
  socket = join(dir, 'control.sock');
  name = namespaces.add();
  ip('link add v0 type veth peer name v1', 'link set v0 up', 'link set v1 up', 'addr add 10.0.0.1/24 dev v0');
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((daemon) => daemon.kill()));
  namespaces.delete(name);
  fs.rmSync(dir, { recursive: true });
});

function ip(...lines: readonly string[]): string[] {
  return lines.flatMap((line) =>
    world
      .run('ip', '-n', name, ...line.split(' '))
      .toString()
      .split('\n')
      .filter((found) => found !== ''),
  );
}
const bgp = () => ip('route show proto bgp').map((line) => line.trim());

async function start(...flags: readonly string[]): Promise<Daemon> {
  return startWith({}, ...flags);
}

async function startWith(env: Readonly<Record<string, string>>, ...flags: readonly string[]): Promise<Daemon> {
  const place = ['--reconcile-netns', `/run/netns/${name}`, '--lock-dir', dir, '--control-socket', socket];
  const daemon = await Daemon.start(world, ['--interval', '200ms', '--export', 'null', ...place, ...flags], 'ignore', env);
  running.push(daemon);
  return daemon;
}

function netsoakd(...args: readonly string[]) {
  const [program, ...rest] = [...world.enter, process.execPath, PROGRAM, ...args];
  const { status, stdout, stderr } = spawnSync(program as string, rest, { encoding: 'utf8' });
  return { status, stdout, stderr };
}
const ctl = (...words: readonly string[]) => netsoakd('ctl', '--control-socket', socket, ...words);

it('keeps a route that it is told of, says why, is ready, and ends in order', async () => {
  const daemon = await start('--route-reconcile-interval', '10m');
  const added = ctl('route', 'add', '{"to": "203.0.113.0/24", "via": "10.0.0.2"}');
  expect({ ...added, stdout: JSON.parse(added.stdout) }).toEqual({ status: 0, stdout: { kind: 'ok' }, stderr: '' });
  ip('route del 203.0.113.0/24');
  expect(await within(5_000, () => bgp().length === 1)).toBe(true);
  expect(JSON.parse(ctl('route', 'list').stdout)).toEqual({ '4|254|203.0.113.0/24|0|0': 'ok' });
  const told = netsoakd('explain', '4|254|203.0.113.0/24|0|0', '--control-socket', socket);
  expect(told.stdout).toMatch(/^\S+ route add: .*\n\S+ route event: /);
  expect((await daemon.get('/readyz')).status).toBe(200);
  expect(await daemon.metric('netsoakd_reconcile_pass_total', 'reconciler="route"')).toBeGreaterThan(0);
  expect(fs.statSync(socket).mode & 0o777).toBe(0o600);
  daemon.signal('SIGTERM');
  expect(await daemon.ended()).toBe(0);
  expect(fs.existsSync(socket)).toBe(false);
  expect(bgp()).toHaveLength(1);
});

it('says what is wrong with a command, and that nobody listens, with exit 64', async () => {
  await start();
  expect(ctl('frobnicate')).toMatchObject({ status: 64, stderr: expect.stringContaining('netsoakd: no such command: frobnicate') });
  expect(netsoakd('explain', 'nothing', '--control-socket', socket)).toMatchObject({ status: 64 });
  expect(netsoakd('ctl', 'status', '--control-socket', join(dir, 'none.sock'))).toMatchObject({
    status: 64,
    stderr: expect.stringMatching(
      /^netsoakd: no netsoakd listens on .*none.sock: no such file or directory\nnetsoakd: name the socket with/,
    ),
  });
});

it('is off until configured: no session, no thread', async () => {
  const off = await Daemon.start(world, ['--interval', '1h', '--export', 'null']);
  running.push(off);
  const on = await start();
  const threads = (daemon: Daemon) => fs.readdirSync(`/proc/${daemon.pid}/task`).length;
  expect(threads(off)).toBeLessThan(threads(on));
  expect(threads(on)).toBeLessThanOrEqual(16);
  expect((await off.get('/metrics')).text).not.toContain('netsoakd_reconcile_');
});

it('refuses a namespace that is not there: exit 64', () => {
  const result = netsoakd('--export', 'null', '--if-mode', 'observe', '--reconcile-netns', '/run/netns/none');
  expect(result).toMatchObject({ status: 64, stderr: expect.stringContaining('there is no namespace /run/netns/none') });
});

it('TC-27 sweep-tc: a dry run tells with exit 2, --apply cleans, nothing left is 0, nothing alive is refused with 4', () => {
  ip('link add vmbr0 type bridge', 'link set vmbr0 up', 'link add hype-vm1 type veth peer name e1');
  const tc = (...words: string[]) => world.run('ip', 'netns', 'exec', name, 'tc', ...words).toString();
  tc('qdisc', 'add', 'dev', 'vmbr0', 'root', 'handle', '1:', 'htb');
  for (const [parent = '', id = ''] of [
    ['1:', '1:1'],
    ['1:1', '1:c'],
  ])
    tc('class', 'add', 'dev', 'vmbr0', 'parent', parent, 'classid', id, 'htb', 'rate', '10mbit');
  const place = ['--reconcile-netns', `/run/netns/${name}`, '--lock-dir', dir, '--tc-min-age', '0', '--bridge', 'vmbr0'];
  const sweep = (...flags: string[]) => netsoakd('sweep-tc', ...place, ...flags);
  // What lives is told by filters, and this kernel may have no cls_basic.
  expect(sweep()).toMatchObject({ status: 4, stdout: expect.stringContaining('refused: no-anchors') });
  const dry = sweep('--json', '--allow-empty');
  expect(JSON.parse(dry.stdout)).toMatchObject({ bridge: 'vmbr0', classes: ['1:c'] });
  expect(dry.status).toBe(2);
  fs.writeFileSync(join(dir, 'plan.json'), dry.stdout);
  expect(sweep('--apply', '--allow-empty', '--plan', join(dir, 'plan.json'), '--rate', '100').status).toBe(0);
  expect(tc('class', 'show', 'dev', 'vmbr0')).not.toContain('1:c ');
  expect(sweep().status).toBe(0);
  expect(sweep('--rate', 'fast')).toMatchObject({ status: 64 });
  expect(netsoakd('sweep-tc')).toMatchObject({ status: 64, stderr: expect.stringContaining('--bridge') });
});

it('RM-5 goes where the name of its namespace goes, and does not keep the old one alive', async () => {
  const daemon = await start('--route-reconcile-interval', '1s', '--if-mode', 'observe', '--if-interval', '1s');
  const added = netsoakd('ctl', '--control-socket', socket, 'route', 'add', JSON.stringify({ to: '203.0.113.0/24', via: '10.0.0.2' }));
  expect(added.status, added.stderr).toBe(0);
  expect(bgp()).toHaveLength(1);
  const cookie = () => /"epoch": (\d+)/.exec(netsoakd('ctl', '--control-socket', socket, 'status').stdout)?.[1];
  const epoch = Number(cookie());
  namespaces.delete(name);
  world.run('ip', 'netns', 'add', name);
  ip('link add v0 type veth peer name v1', 'link set v0 up', 'link set v1 up', 'addr add 10.0.0.1/24 dev v0');
  expect(bgp()).toEqual([]);
  expect(await within(10_000, () => bgp().length === 1)).toBe(true);
  expect(Number(cookie())).toBeGreaterThan(epoch);
  // Events of the new one are heard.
  ip('route del 203.0.113.0/24');
  expect(await within(3_000, () => bgp().length === 1)).toBe(true);
  expect(daemon.child.exitCode).toBeNull();
});

it('IF-11 opens a monitor again whose thread does not come back from the kernel, and hears what happens then', async () => {
  const shim = join(dir, 'shim.so');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', shim, fileURLToPath(new URL('../../native/test-shim.c', import.meta.url)), '-ldl']);
  const stuck = { LD_PRELOAD: shim, NETSHIM: 'stuck@4' };
  const daemon = await startWith(stuck, '--route-reconcile-interval', '10m', '--if-mode', 'observe', '--if-interval', '1s');
  expect(ctl('route', 'add', '{"to": "203.0.113.0/24", "via": "10.0.0.2"}').status).toBe(0);
  const reopened = () => daemon.metric('netsoakd_reconcile_monitor_overflow_total', 'source="reopened"');
  expect(await within(30_000, async () => (await reopened()) === 1)).toBe(true);
  ip('route del 203.0.113.0/24');
  expect(await within(5_000, () => bgp().length === 1)).toBe(true);
  daemon.signal('SIGTERM');
  expect(await daemon.ended()).toBe(0);
});
