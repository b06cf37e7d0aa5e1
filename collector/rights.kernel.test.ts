/** What the daemon may do once it runs, thread by thread, and what it says about what it may not. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CAPABILITIES, type Capability } from '../native/capabilities.js';
import { Daemon, PROGRAM } from './daemon.test-support.js';
import { World } from './world.test-support.js';

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterAll(() => world.close());
const running: Daemon[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((daemon) => daemon.kill()));
});

const mask = (...names: readonly Capability[]) => names.reduce((bits, name) => bits | (1n << BigInt(CAPABILITIES[name])), 0n);

/** Of each thread its sets and whether it can get more by an exec. */
function rightsOf(pid: number) {
  return fs.readdirSync(`/proc/${pid}/task`).map((thread) => {
    const text = fs.readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    const set = (name: string) => BigInt(`0x${new RegExp(`^Cap${name}:\\s*([0-9a-f]+)$`, 'm').exec(text)?.[1]}`);
    return {
      permitted: set('Prm'),
      effective: set('Eff'),
      bounding: set('Bnd'),
      inheritable: set('Inh'),
      ambient: set('Amb'),
      noNewPrivileges: /^NoNewPrivs:\s*1$/m.test(text),
    };
  });
}

describe('a daemon that root started', () => {
  it.each([
    [[], []],
    [['--closed', 'true'], ['CAP_NET_BROADCAST']],
    [['--if-mode', 'observe', '--control-socket', '/run/control.sock'], []],
  ] as const)('with %j keeps in every thread what it needs and %j, for good', async (flags, more) => {
    const daemon = await Daemon.start(world, ['--interval', '50ms', '--export', 'null', ...flags]);
    running.push(daemon);
    await daemon.polls(2);
    const left = mask('CAP_SYS_ADMIN', 'CAP_SYS_PTRACE', 'CAP_NET_ADMIN', ...more);
    const threads = rightsOf(daemon.pid);
    expect(threads.length).toBeGreaterThan(10);
    for (const thread of threads) {
      expect(thread).toEqual({ permitted: left, effective: left, bounding: left, inheritable: 0n, ambient: 0n, noNewPrivileges: true });
    }
    expect(daemon.log.filter(({ level }) => level === 'warn')).toEqual([]);
  });

  it('keeps the right to write where others own the directory, and only then', async () => {
    const dir = fs.mkdtempSync(join(tmpdir(), 'netsoakd-rights-'));
    fs.chownSync(dir, 65_534, 65_534);
    const daemon = await Daemon.start(world, ['--interval', '50ms', '--export', `file:${join(dir, 'rows')}`]);
    running.push(daemon);
    await daemon.polls(2);
    for (const { permitted } of rightsOf(daemon.pid)) {
      expect(permitted).toBe(mask('CAP_SYS_ADMIN', 'CAP_SYS_PTRACE', 'CAP_NET_ADMIN', 'CAP_DAC_OVERRIDE'));
    }
    fs.rmSync(dir, { recursive: true });
  });
});

describe('a daemon with fewer rights', () => {
  it('works as another user with ambient capabilities, and says what it does without', async () => {
    const ambient = ['--reuid', '65534', '--clear-groups', '--inh-caps', '-all,+sys_admin', '--ambient-caps', '-all,+sys_admin'];
    const child = spawn('setpriv', [...ambient, process.execPath, PROGRAM, '--interval', '50ms', '--export', 'null'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const said: string[] = [];
    for await (const line of createInterface({ input: child.stderr })) {
      said.push((JSON.parse(line) as { msg: string }).msg);
      if (said.includes('listening')) break;
    }
    for (const thread of rightsOf(child.pid as number)) {
      expect(thread).toMatchObject({ permitted: mask('CAP_SYS_ADMIN'), ambient: 0n, inheritable: 0n, noNewPrivileges: true });
    }
    child.kill('SIGTERM');
    await once(child, 'exit');
    expect(child.exitCode).toBe(0);
    expect(said.slice(0, 2)).toEqual([
      expect.stringContaining('CAP_SYS_PTRACE is missing: a namespace that only processes of other users hold is not found'),
      expect.stringContaining('CAP_NET_ADMIN is missing: the kernel does not tell the mark of a socket'),
    ]);
  });

  it('without any: exit 77, and what still works', () => {
    const { status, stderr } = spawnSync(
      'setpriv',
      ['--bounding-set', '-all', '--reuid', '65534', '--clear-groups', process.execPath, PROGRAM, '--export', 'null'],
      { encoding: 'utf8' },
    );
    expect(stderr).toContain('without any right "netsoakd snapshot" still shows the sockets of the namespace it is started in');
    expect(status).toBe(77);
  });
});
