/** The real daemon on the real kernel: what arrives, what it counts, how it ends. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Endpoint, TestNamespaces } from '../native/test-namespaces.js';
import { claimsOfLines, Daemon, ends, metricOf, PROGRAM, type Row, rowsOfFrames, rowsOfLines } from './daemon.test-support.js';
import { World } from './world.test-support.js';

const CONNECTIONS = 15;
let world: World;
let population: TestNamespaces;
const made = new Map<string, Endpoint[]>();
beforeAll(async () => {
  world = await World.open();
  population = world.namespaces();
  for (const name of population.addMany(4)) made.set(name, await population.connect(name, CONNECTIONS));
});
afterAll(async () => {
  await population.release();
  await world.close();
});

let dir: string;
const running: Daemon[] = [];
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), 'netsoakd-kernel-'));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((daemon) => daemon.kill()));
  fs.rmSync(dir, { recursive: true });
});

async function start(flags: readonly string[], stdout?: 'pipe'): Promise<Daemon> {
  const daemon = await Daemon.start(world, flags, stdout);
  running.push(daemon);
  return daemon;
}

/** Every connection of the population stands once in every poll, in its own namespace. */
function expectWholePolls(rows: readonly Row[], atLeast: number): void {
  const byPoll = new Map<string, Row[]>();
  for (const row of rows) {
    const poll = byPoll.get(row.poll);
    if (poll === undefined) byPoll.set(row.poll, [row]);
    else poll.push(row);
  }
  expect(byPoll.size).toBeGreaterThanOrEqual(atLeast);
  for (const [poll, all] of byPoll) {
    for (const [name, endpoints] of made) {
      const found = all.filter((row) => row.netns === name && row.state === 1).map((row) => row.ends);
      expect(found.sort(), `poll ${poll}, ${name}`).toEqual(endpoints.map(ends).sort());
    }
  }
  expect(new Set(rows.map((row) => row.identity)).size).toBe(rows.length);
}

describe('an orderly stop', () => {
  it.each([
    ['protobufList', rowsOfFrames],
    ['jsonl', rowsOfLines],
  ] as const)(
    'SIGTERM in mid-poll leaves whole polls of whole envelopes in the file (%s), and books that balance',
    async (format, rowsOf) => {
      const path = join(dir, 'rows');
      // An interval that is too short: a poll is always under way when the signal comes.
      const daemon = await start(['--interval', '10ms', '--flush-rows', '40', '--format', format, '--export', `file:${path}`]);
      await daemon.polls(5);
      daemon.signal('SIGTERM');
      expect(await daemon.ended()).toBe(0);
      const rows = rowsOf(fs.readFileSync(path));
      expectWholePolls(rows, 5);
      expect(daemon.said('stopped')).toMatchObject({ rowsRead: rows.length, rowsExported: rows.length, rowsDropped: 0, rowsInMemory: 0 });
      expect(fs.statSync(path).mode & 0o777).toBe(0o600);
    },
  );

  it('two signals at once while rows wait for a slow reader: it gets every one of them', async () => {
    const daemon = await start(['--interval', '10ms', '--flush-rows', '40'], 'pipe');
    daemon.child.stdout?.pause();
    while ((await daemon.metric('netsoakd_rows_in_memory')) < 4 * 6 * CONNECTIONS) await sleep(20);
    // As timeout does it.
    daemon.signal('SIGINT');
    daemon.signal('SIGTERM');
    await sleep(300);
    const parts: Buffer[] = [];
    for await (const part of daemon.child.stdout as AsyncIterable<Buffer>) parts.push(part);
    expect(await daemon.ended()).toBe(0);
    const rows = rowsOfFrames(Buffer.concat(parts));
    expectWholePolls(rows, 2);
    expect(daemon.said('stopped')).toMatchObject({ rowsExported: rows.length, rowsInMemory: 0 });
  });

  it('a reader that takes nothing holds up neither metrics nor, at the second signal, the end; what it cost is counted', async () => {
    const daemon = await start(['--interval', '10ms', '--flush-rows', '40'], 'pipe');
    daemon.child.stdout?.pause();
    while ((await daemon.metric('netsoakd_rows_in_memory')) === 0) await sleep(20);
    await sleep(300);
    const { text } = await daemon.get('/metrics');
    const of = (name: string) => metricOf(text, name);
    expect(of('netsoakd_rows_exported_total') + of('netsoakd_rows_dropped_total') + of('netsoakd_rows_in_memory')).toBe(
      of('netsoakd_rows_read_total'),
    );
    expect(of('netsoakd_late_ticks_total')).toBeGreaterThan(0);
    daemon.signal('SIGTERM');
    await sleep(100);
    daemon.signal('SIGTERM');
    expect(await daemon.ended()).toBe(70);
    const { rowsRead, rowsExported, rowsDropped, rowsInMemory } = daemon.said('stopped') as unknown as Record<string, number>;
    expect(rowsInMemory).toBe(0);
    expect(rowsDropped).toBeGreaterThan(0);
    expect((rowsExported ?? 0) + (rowsDropped ?? 0)).toBe(rowsRead);
    expect(daemon.said('stopped before all rows were handed on').lost).toBe(rowsDropped);
  });

  it('two signals at once, when nothing waits, are an orderly end too: nothing was lost, and nothing else is said', async () => {
    const path = join(dir, 'rows');
    const daemon = await start(['--interval', '1h', '--export', `file:${path}`]);
    await daemon.polls(1);
    daemon.signal('SIGTERM');
    daemon.signal('SIGINT');
    expect(await daemon.ended()).toBe(0);
    const rows = rowsOfFrames(fs.readFileSync(path));
    expectWholePolls(rows, 1);
    expect(daemon.said('stopped')).toMatchObject({ rowsRead: rows.length, rowsExported: rows.length });
    expect(daemon.log.map(({ msg }) => msg)).not.toContain('stopped before all rows were handed on');
  });

  it('an open scrape connection does not delay it', async () => {
    const daemon = await start(['--interval', '1h', '--export', 'null']);
    const { port } = new URL(daemon.said('listening').metrics as string);
    const idle = spawn(process.execPath, [
      '-e',
      `require('net').connect(${port}, '127.0.0.1', () => console.log('in')).on('close', () => process.exit(0))`,
    ]);
    await once(idle.stdout, 'data');
    daemon.signal('SIGTERM');
    expect(await daemon.ended()).toBe(0);
    if (idle.exitCode === null) await once(idle, 'exit');
  });
});

describe('the records of polls', () => {
  it.each([
    ['among the rows of jsonl', 'jsonl', 'rows'],
    ['in a file beside frames', 'protobufList', 'polls'],
  ] as const)('%s: one for each poll, with as many rows as arrived', async (_, format, where) => {
    const path = join(dir, 'rows');
    const beside = where === 'polls' ? ['--polls', `file:${join(dir, where)}`] : [];
    const daemon = await start(['--interval', '20ms', '--flush-rows', '40', '--format', format, '--export', `file:${path}`, ...beside]);
    await daemon.polls(5);
    daemon.signal('SIGTERM');
    expect(await daemon.ended()).toBe(0);
    const arrived = new Map<string, number>();
    const rows = (format === 'jsonl' ? rowsOfLines : rowsOfFrames)(fs.readFileSync(path));
    for (const { poll } of rows) arrived.set(poll, (arrived.get(poll) ?? 0) + 1);
    expect(arrived.size).toBeGreaterThanOrEqual(5);
    expect(claimsOfLines(fs.readFileSync(join(dir, where)))).toEqual(arrived);
    expect(daemon.said('stopped')).toMatchObject({ rowsRead: rows.length, rowsExported: rows.length });
  });
});

describe('a far end that fails', () => {
  it('the reader of the pipe leaves: exit 70, one sentence, every row accounted for', async () => {
    const daemon = await start(['--interval', '10ms', '--flush-rows', '40'], 'pipe');
    await daemon.polls(2);
    daemon.child.stdout?.destroy();
    expect(await daemon.ended()).toBe(70);
    expect(daemon.said('cannot write to standard output: the reader has gone').level).toBe('error');
    const { rowsRead, rowsExported, rowsDropped } = daemon.said('stopped') as unknown as Record<string, number>;
    expect((rowsExported ?? 0) + (rowsDropped ?? 0)).toBe(rowsRead);
  });

  it('is late, then in trouble every other time: it gets every row at least once, and nothing is dropped', async () => {
    const bodies: Buffer[] = [];
    let requests = 0;
    const server = http.createServer((request, response) => {
      const taken = requests++ % 2 === 1;
      const parts: Buffer[] = [];
      request.on('data', (part) => parts.push(part as Buffer));
      request.on('end', () => {
        // The second of each pair stands for an acknowledgement; the first is taken and never acknowledged.
        bodies.push(...parts);
        response.writeHead(taken ? 200 : 503).end();
      });
    });
    const reserved = net.createServer().listen(0, '127.0.0.1');
    await once(reserved, 'listening');
    const { port } = reserved.address() as net.AddressInfo;
    reserved.close();
    const daemon = await start(['--interval', '50ms', '--flush-rows', '1000', '--export', `http://127.0.0.1:${port}/rows`]);
    while ((await daemon.metric('netsoakd_export_retries_total')) === 0) await sleep(20);
    server.listen(port, '127.0.0.1');
    try {
      await daemon.polls(4);
      daemon.signal('SIGTERM');
      expect(await daemon.ended()).toBe(0);
    } finally {
      server.closeAllConnections();
      server.close();
    }
    const all = rowsOfFrames(Buffer.concat(bodies));
    const rows = [...new Map(all.map((row) => [row.identity, row])).values()];
    expect(all.length).toBe(2 * rows.length);
    expectWholePolls(rows, 4);
    expect(daemon.said('stopped')).toMatchObject({ rowsRead: rows.length, rowsExported: rows.length, rowsDropped: 0, rowsInMemory: 0 });
    expect(daemon.said('an envelope was not taken; trying again').cause).toContain('nobody listens there');
  });

  it('the disk fills up: it lives on, counts what it drops, and leaves no torn envelope', async () => {
    const disk = join(dir, 'disk');
    fs.mkdirSync(disk);
    world.run('mount', '-t', 'tmpfs', '-o', 'size=300k', 'tmpfs', disk);
    const path = join(disk, 'rows');
    const daemon = await start(['--interval', '10ms', '--flush-rows', '100', '--export', `file:${path}`]);
    while ((await daemon.metric('netsoakd_rows_dropped_total', 'reason="full"')) === 0) await sleep(20);
    await daemon.polls((await daemon.metric('netsoakd_polls_total')) + 3);
    daemon.signal('SIGTERM');
    expect(await daemon.ended()).toBe(0);
    const rows = rowsOfFrames(world.run('cat', path));
    world.run('umount', disk);
    const stopped = daemon.said('stopped') as unknown as Record<string, number>;
    expect(rows.length).toBe(stopped.rowsExported);
    expect((stopped.rowsExported ?? 0) + (stopped.rowsDropped ?? 0)).toBe(stopped.rowsRead);
    expect(daemon.log.filter(({ msg }) => msg === 'rows dropped')).toHaveLength(1);
    expect(daemon.said('rows dropped')).toMatchObject({
      level: 'warn',
      reason: 'full',
      cause: `cannot write to ${path}: the disk is full`,
    });
  });

  it('killed in mid-write and started again: the file goes on behind the last whole envelope', async () => {
    const path = join(dir, 'rows');
    for (let life = 0; life < 3; life++) {
      const daemon = await start(['--interval', '10ms', '--flush-rows', '40', '--export', `file:${path}`]);
      await daemon.polls(2);
      daemon.signal('SIGKILL');
      expect(await daemon.ended()).toBe('SIGKILL');
    }
    // In case no kill hit a write: one torn frame there is.
    fs.appendFileSync(path, Buffer.from([0xff, 0x7f, 0x52]));
    const daemon = await start(['--interval', '1h', '--export', `file:${path}`]);
    await daemon.polls(1);
    daemon.signal('SIGTERM');
    expect(await daemon.ended()).toBe(0);
    const rows = rowsOfFrames(fs.readFileSync(path));
    expect(new Set(rows.map((row) => row.identity)).size).toBe(rows.length);
    // What was counted as a poll was in the file, but for the envelope that the kill may have cut.
    expect(new Set(rows.map((row) => row.poll)).size).toBeGreaterThanOrEqual(4);
  });
});

describe('while it runs', () => {
  it('has as many threads with 200 namespaces as with 10, from the first moment, and at most 16', async () => {
    const daemon = await start(['--interval', '100ms', '--export', 'null']);
    const threads = () => fs.readdirSync(`/proc/${daemon.pid}/task`).length;
    const first = threads();
    await daemon.polls(3);
    const few = await daemon.metric('netsoakd_namespaces');
    const crowd = world.namespaces();
    try {
      crowd.addMany(200);
      await daemon.polls((await daemon.metric('netsoakd_polls_total')) + 3);
      expect(await daemon.metric('netsoakd_namespaces')).toBeGreaterThanOrEqual(few + 200);
      expect([threads(), await daemon.metric('process_threads')]).toEqual([first, first]);
      expect(first).toBeLessThanOrEqual(16);
    } finally {
      await crowd.release();
    }
  });

  it('is ready once a poll has ended, and says in its metrics what it found', async () => {
    const daemon = await start(['--interval', '50ms', '--export', 'null']);
    await daemon.polls(1);
    expect(await daemon.get('/readyz')).toEqual({ status: 200, text: 'ready\n' });
    expect(await daemon.get('/healthz')).toEqual({ status: 200, text: 'ok\n' });
    expect((await daemon.get('/secret')).status).toBe(404);
    expect(await daemon.metric('process_start_time_seconds')).toBeCloseTo(Date.now() / 1000, -2);
    expect(await daemon.metric('netsoakd_build_info', 'version="')).toBe(1);
    expect(await daemon.metric('netsoakd_namespaces')).toBeGreaterThanOrEqual(5);
    expect(await daemon.metric('netsoakd_rows_read_total')).toBeGreaterThanOrEqual(4 * 6 * CONNECTIONS);
  });

  it('reads a namespace in the poll after it was made, and is not disturbed by those that vanish', async () => {
    const path = join(dir, 'rows');
    const daemon = await start(['--interval', '50ms', '--format', 'jsonl', '--export', `file:${path}`]);
    const guests = world.namespaces();
    const name = guests.add();
    await guests.connect(name, 1);
    await daemon.polls((await daemon.metric('netsoakd_polls_total')) + 2);
    await guests.release();
    for (let round = 0; round < 10; round++) {
      const brief = world.namespaces();
      brief.addMany(5);
      await brief.release();
    }
    daemon.signal('SIGTERM');
    expect(await daemon.ended()).toBe(0);
    const rows = rowsOfLines(fs.readFileSync(path));
    expect(rows.filter((row) => row.netns === name && row.state === 1).length).toBeGreaterThanOrEqual(6);
    expectWholePolls(rows, 3);
    expect(daemon.log.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('what needs a right or a resource', () => {
  const run = (flags: readonly string[], options: { env?: NodeJS.ProcessEnv } = {}) => {
    const { status, stderr } = spawnSync(process.execPath, [PROGRAM, ...flags], { encoding: 'utf8', timeout: 20_000, ...options });
    return { status, stderr };
  };

  it.each([
    [['--export', 'file:/nonexistent/rows'], 64, 'cannot open /nonexistent/rows for export: no such file or directory'],
    [['--export', 'file:/tmp'], 64, 'cannot open /tmp for export: it is a directory'],
    [['--export', 'null', '--metrics', '192.0.2.1:0'], 64, 'cannot serve metrics on 192.0.2.1:0: no interface has this address'],
  ])('%j: exit %i', (flags, status, sentence) => {
    const result = run(flags);
    expect(result.stderr).toContain(sentence);
    expect(result.stderr).not.toMatch(/^\s+at /m);
    expect(result.status).toBe(status);
  });

  it('the port is taken: exit 64', async () => {
    const daemon = await start(['--interval', '1h', '--export', 'null']);
    const { host } = new URL(daemon.said('listening').metrics as string);
    expect(run(['--export', 'null', '--metrics', host])).toMatchObject({
      status: 64,
      stderr: expect.stringContaining(`${host}: the address is in use`),
    });
  });

  it('the addon is missing: exit 70', () => {
    const result = run(['--export', 'null'], { env: { ...process.env, NETSOAK_ADDON: join(dir, 'none.node') } });
    expect(result).toMatchObject({ status: 70, stderr: expect.stringContaining('none.node, which is not there') });
  });

  const unprivileged = (...flags: string[]) =>
    spawnSync('setpriv', ['--bounding-set', '-all', '--reuid', '65534', '--clear-groups', process.execPath, PROGRAM, ...flags], {
      encoding: 'utf8',
    });

  it('no capability: exit 77 and what to do', () => {
    const { status, stderr } = unprivileged('--export', 'null');
    expect(stderr).toMatch(
      /^netsoakd: netsoakd may not enter network namespaces: CAP_SYS_ADMIN is missing\nnetsoakd: run netsoakd as root, or /,
    );
    expect(status).toBe(77);
  });

  it('no capability, sweep-tc: exit 77 and what to do, and a dry run without the lock all the same', () => {
    const applied = unprivileged('sweep-tc', '--bridge', 'lo', '--apply');
    expect(applied.stderr).toMatch(
      /^netsoakd: sweep-tc --apply may delete no filter and no class: CAP_NET_ADMIN is missing\nnetsoakd: run it as root; /,
    );
    expect(applied.status).toBe(77);
    // Root's, as /run/netsoakd is.
    const locks = fs.mkdtempSync(join(tmpdir(), 'netsoakd-locks-'));
    const locked = unprivileged('sweep-tc', '--bridge', 'lo', '--lock-dir', locks);
    expect(locked.stderr).toMatch(/^netsoakd: the lock .*-tc\.lock may not be taken: EACCES\nnetsoakd: run it as root, /);
    expect(locked.status).toBe(77);
    expect(fs.readdirSync(locks)).toEqual([]);
    fs.rmdirSync(locks);
    const dry = unprivileged('sweep-tc', '--bridge', 'lo', '--no-lock');
    expect(dry.stdout).toMatch(/^bridge=lo /m);
    expect(dry.status).toBe(0);
  });

  it('no capability, snapshot: the namespace it stands in all the same', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const closed = new TestNamespaces();
    closed.add();
    const { status, stdout, stderr } = unprivileged('snapshot', '--format', 'jsonl', '--namespace-dirs', '/run/netns');
    server.close();
    await closed.release();
    expect(new Set(rowsOfLines(Buffer.from(stdout)).map((row) => row.netns))).toEqual(new Set(['host']));
    expect(stderr).toMatch(/^netsoakd: \d+ of \d+ namespaces could not be read \(denied at /);
    expect(status).toBe(0);
  });
});
