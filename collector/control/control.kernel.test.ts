/** The control socket of the real daemon: its pace, its polls, its rows as they come, its profile, its configuration read again. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Endpoint, TestNamespaces } from '../../native/test-namespaces.js';
import { Daemon, ends, PROGRAM, rowsOfLines } from '../daemon.test-support.js';
import { World } from '../world.test-support.js';
import { ask } from './socket.js';

const CONNECTIONS = 100;
let world: World;
let namespaces: TestNamespaces;
let name: string;
let made: Endpoint[];
beforeAll(async () => {
  world = await World.open();
  namespaces = world.namespaces();
  name = namespaces.add();
  made = await namespaces.connect(name, CONNECTIONS);
});
afterAll(async () => {
  await namespaces.release();
  await world.close();
});

let dir: string;
let socket: string;
const running: Daemon[] = [];
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), 'netsoakd-control-'));
  socket = join(dir, 'control.sock');
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((daemon) => daemon.kill()));
  fs.rmSync(dir, { recursive: true });
});

async function start(...flags: readonly string[]): Promise<Daemon> {
  const daemon = await Daemon.start(world, ['--control-socket', socket, '--route-mode', 'off', '--export', 'null', ...flags]);
  running.push(daemon);
  return daemon;
}
const netsoakd = (...args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], {
    encoding: 'utf8',
    cwd: dir,
    maxBuffer: 1 << 28,
    timeout: 30_000,
  });
  return { status, stdout, stderr };
};
const ctl = (...words: readonly string[]) => netsoakd('ctl', '--control-socket', socket, ...words);

describe('the pace', () => {
  it('is read and set; off leaves polls to orders, and a daemon at rest is ready', async () => {
    const daemon = await start('--interval', '1h');
    await daemon.polls(1);
    expect(await ask(socket, ['interval'])).toEqual({ intervalMs: 3_600_000, jitter: 0 });
    expect(JSON.parse(ctl('interval', '20ms').stdout)).toEqual({ intervalMs: 20, jitter: 0 });
    await daemon.polls(5);
    expect(await daemon.metric('netsoakd_poll_interval_seconds')).toBe(0.02);
    expect(await ask(socket, ['interval', 'off'])).toMatchObject({ intervalMs: 0 });
    await ask(socket, ['poll']);
    const before = await daemon.metric('netsoakd_polls_total');
    await sleep(200);
    expect(await daemon.metric('netsoakd_polls_total')).toBe(before);
    expect(await daemon.get('/readyz')).toEqual({ status: 200, text: 'ready\n' });
    expect(ctl('interval', 'soon')).toMatchObject({
      status: 64,
      stderr: expect.stringContaining('netsoakd: interval: expected a duration'),
    });
  });

  it('polls now and in bursts: so many, one after the other, each whole', async () => {
    const daemon = await start('--interval', '1h');
    await daemon.polls(1);
    const one = (await ask(socket, ['poll'])) as { rows: number; failed: number };
    expect(one.rows).toBeGreaterThanOrEqual(6 * CONNECTIONS);
    expect(one.failed).toBe(0);
    const burst = (await ask(socket, ['burst', '7', '5ms'])) as { pollId: string; rows: number }[];
    expect(new Set(burst.map(({ pollId }) => pollId)).size).toBe(7);
    expect(burst.every(({ rows }) => rows === one.rows)).toBe(true);
    expect(await daemon.metric('netsoakd_polls_total')).toBe(9);
    await expect(ask(socket, ['burst', '0'])).rejects.toThrow('burst: expected a whole number from 1 to 1000, found "0"');
  });

  it('a stop in the middle of a burst is an orderly one', async () => {
    const daemon = await start('--interval', '1h');
    const burst = ask(socket, ['burst', '1000', '50ms']).then(
      () => 'done',
      (error: Error) => error.message,
    );
    await daemon.polls(3);
    daemon.signal('SIGTERM');
    expect(await daemon.ended()).toBe(0);
    expect(await burst).toMatch(/hung up|stopping/);
  });
});

describe('netsoakd tail', () => {
  it.each(['protobufList', 'jsonl'])('streams the rows that a filter selects, and no other (%s)', async (format) => {
    await start('--interval', '1h', '--format', format);
    const { localPort } = made[0] as Endpoint;
    const tail = spawn(process.execPath, [PROGRAM, 'tail', '--control-socket', socket, '--filter', `sport = :${localPort}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    tail.stdout.on('data', (part: Buffer) => {
      text += part.toString();
    });
    await running[0]?.polls(1);
    while ((await (ask(socket, ['status']) as Promise<{ tail: { watchers: number } }>)).tail.watchers === 0) await sleep(10);
    await ask(socket, ['burst', '3']);
    const wanted = made.filter((end) => end.localPort === localPort).map(ends);
    while (text.split('\n').length <= 3 * wanted.length) await sleep(10);
    running[0]?.signal('SIGTERM');
    expect(await running[0]?.ended()).toBe(0);
    if (tail.exitCode === null) await once(tail, 'exit');
    const rows = rowsOfLines(Buffer.from(text)).filter(({ state }) => state === 1);
    expect(rows.map((row) => row.ends).sort()).toEqual([...wanted, ...wanted, ...wanted].sort());
    expect(new Set(rows.map((row) => [row.netns, row.kind].join()))).toEqual(new Set([`${name},poll`]));
    expect(tail.exitCode).toBe(0);
  });

  it('a reader that takes nothing loses rows, which are counted, and delays no poll', async () => {
    const daemon = await start('--interval', '1h');
    await daemon.polls(1);
    const before = await daemon.metric('netsoakd_rows_read_total');
    const slow = createConnection(socket);
    slow.write('["tail"]\n');
    await once(slow, 'readable');
    slow.pause();
    const books = async () => {
      const { text } = await daemon.get('/metrics');
      return (metric: string) => Number(new RegExp(`^${metric} (\\d+)$`, 'm').exec(text)?.[1]);
    };
    for (let round = 0; round < 50 && (await books())('netsoakd_tail_rows_lost_total') === 0; round++) await ask(socket, ['burst', '20']);
    const of = await books();
    expect(of('netsoakd_tail_clients')).toBe(1);
    expect(of('netsoakd_tail_rows_lost_total')).toBeGreaterThan(0);
    expect(of('netsoakd_tail_rows_lost_total') + of('netsoakd_tail_rows_total')).toBe(of('netsoakd_rows_read_total') - before);
    expect(of('netsoakd_rows_exported_total')).toBe(of('netsoakd_rows_read_total'));
    slow.destroy();
    while ((await books())('netsoakd_tail_clients') > 0) await sleep(10);
  });

  it('says what is wrong with a filter: exit 64', async () => {
    await start('--interval', '1h');
    expect(netsoakd('tail', '--control-socket', socket, '--filter', 'sport ~ 7')).toMatchObject({
      status: 64,
      stderr: expect.stringMatching(/^netsoakd: column \d+: /),
    });
  });
});

describe('netsoakd ctl profile', () => {
  it.each([
    ['cpu', { nodes: expect.any(Array), samples: expect.any(Array) }],
    ['heap', { head: expect.any(Object), samples: expect.any(Array) }],
  ])('%s: writes what DevTools opens', async (kind, shape) => {
    await start('--interval', '20ms');
    const file = join(dir, `p.${kind}profile`);
    expect(ctl('profile', kind, '--seconds', '1', '--output', file)).toEqual({ status: 0, stdout: `${file}\n`, stderr: '' });
    expect(JSON.parse(fs.readFileSync(file, 'utf8'))).toMatchObject(shape);
    expect(ctl('profile', 'disk')).toMatchObject({ status: 64, stderr: expect.stringContaining('expected cpu or heap') });
  });
});

describe('SIGHUP', () => {
  const file = () => join(dir, 'netsoakd.yaml');
  const hangUp = async (daemon: Daemon, message: string) => {
    const before = daemon.log.filter(({ msg }) => msg === message).length;
    daemon.signal('SIGHUP');
    while (daemon.log.filter(({ msg }) => msg === message).length === before) await sleep(10);
    return daemon.log.filter(({ msg }) => msg === message).at(-1);
  };

  it('takes over interval, filter and log level, and the rows change with the next poll', async () => {
    fs.writeFileSync(file(), 'interval: 1h\n');
    const out = join(dir, 'rows');
    const daemon = await start('--config', file(), '--format', 'jsonl', '--polls', 'off', '--export', `file:${out}`);
    await daemon.polls(1);
    while ((await daemon.metric('netsoakd_rows_in_memory')) > 0) await sleep(10);
    expect(rowsOfLines(fs.readFileSync(out)).length).toBeGreaterThanOrEqual(6 * CONNECTIONS);
    const { localPort } = made[0] as Endpoint;
    fs.writeFileSync(file(), `interval: 30m\nfilter: "sport = :${localPort}"\nlog-level: debug\nlabel: second\n`);
    expect(await hangUp(daemon, 'configuration read again')).toMatchObject({ changed: 'interval,filter,label,log-level' });
    await daemon.polls(2);
    while ((await daemon.metric('netsoakd_rows_in_memory')) > 0) await sleep(10);
    const later = fs
      .readFileSync(out, 'utf8')
      .split('\n')
      .filter((line) => line.includes('"label":"second"'));
    const wanted = made.filter((end) => end.localPort === localPort).map(ends);
    const found = rowsOfLines(Buffer.from(`${later.join('\n')}\n`)).filter(({ state }) => state === 1);
    expect(found.map((row) => row.ends).sort()).toEqual(wanted.sort());
    expect(await daemon.metric('netsoakd_poll_interval_seconds')).toBe(1_800);
  });

  it('looks for namespaces elsewhere when told to', async () => {
    fs.writeFileSync(file(), 'interval: 1h\nnamespace-dirs: []\n');
    const empty = world.namespaces();
    const [mounted] = empty.addMany(1);
    const daemon = await start('--config', file());
    await daemon.polls(1);
    const before = ((await ask(socket, ['poll'])) as { namespaces: number }).namespaces;
    fs.writeFileSync(file(), 'interval: 1h\nnamespace-dirs: [/run/netns]\n');
    expect(await hangUp(daemon, 'configuration read again')).toMatchObject({ changed: 'namespace-dirs' });
    // One that no process holds is found by its bind mount alone.
    expect(mounted).toBeDefined();
    expect(((await ask(socket, ['poll'])) as { namespaces: number }).namespaces).toBe(before + 1);
    await empty.release();
  });

  it.each([
    ['interval: 20ms\nmetrics: off\n', /^metrics cannot change while netsoakd runs: nothing of the new configuration was taken over$/],
    ['interval: 20ms\nflush-rows: none\n', /flush-rows: expected a whole number/],
    ['interval: [\n', /not YAML/],
  ])('refuses all of it when a part is wrong (%j)', async (text, sentence) => {
    fs.writeFileSync(file(), 'interval: 1h\n');
    const daemon = await start('--config', file());
    await daemon.polls(1);
    fs.writeFileSync(file(), text);
    const said = await hangUp(daemon, 'the new configuration is refused, the old one goes on');
    expect(said?.cause).toMatch(sentence);
    expect(await ask(socket, ['interval'])).toMatchObject({ intervalMs: 3_600_000 });
    expect(await daemon.metric('netsoakd_config_last_reload_successful')).toBe(0);
    expect(await daemon.metric('netsoakd_config_reloads_total', 'refused')).toBe(1);
    fs.writeFileSync(file(), 'interval: 2h\n');
    expect(JSON.parse(ctl('reload').stdout)).toEqual({ changed: ['interval'] });
    expect(await daemon.metric('netsoakd_config_last_reload_successful')).toBe(1);
  });
});

describe('the socket', () => {
  it('is not for others: exit 77', async () => {
    await start('--interval', '1h');
    // Reachable, and still not theirs.
    fs.chmodSync(dir, 0o755);
    const other = ['--reuid', '65534', '--clear-groups', process.execPath, PROGRAM, 'ctl', 'status', '--control-socket', socket];
    const { status, stderr } = spawnSync('setpriv', other, { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 77, stderr: expect.stringContaining(`${socket} may not be used: permission denied`) });
  });

  it('is not taken from a daemon that lives, nor is a file that is none; what a dead one left behind is', async () => {
    const first = await start('--interval', '1h');
    expect(netsoakd('--export', 'null', '--control-socket', socket)).toMatchObject({
      status: 64,
      stderr: expect.stringContaining(`another process listens on ${socket}`),
    });
    expect(await ask(socket, ['interval'])).toMatchObject({ intervalMs: 3_600_000 });
    first.signal('SIGKILL');
    await first.ended();
    expect(fs.existsSync(socket)).toBe(true);
    await start('--interval', '2h');
    expect(await ask(socket, ['interval'])).toMatchObject({ intervalMs: 7_200_000 });
    const file = join(dir, 'file');
    fs.writeFileSync(file, 'precious');
    expect(netsoakd('--export', 'null', '--control-socket', file)).toMatchObject({ status: 64 });
    expect(fs.readFileSync(file, 'utf8')).toBe('precious');
  });
});
