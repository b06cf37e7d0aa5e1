import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { buildLoad, RELAY, RunningLoad, Sandbox, ss } from './sandbox.js';

// A busy machine is no fault of the load.
vi.setConfig({ testTimeout: 60_000 });

let sandbox: Sandbox;

beforeAll(buildLoad, 120_000);
beforeEach(async () => {
  sandbox = await new Sandbox().open();
});
afterEach(() => sandbox.close());

const NOTHING = { names: [], mounts: 0, links: [] };

test('every socket of the ledger is what ss sees, and ss sees no other', async () => {
  const load = new RunningLoad(sandbox);
  // Three listeners, two ends of each connection, two of one that is half closed and two of the pulse; a listener and six ends at home.
  const sockets = 3 * (3 + 14 + 2 + 2) + 7;
  expect(await load.command('steady namespaces=3 connections=7')).toEqual({ done: 'steady', namespaces: 3, sockets });
  const usual = (end: unknown) => (end === 'listener' ? 'LISTEN' : 'ESTAB');
  const unusual: Readonly<Record<string, string>> = { 5: 'FIN-WAIT-2', 8: 'CLOSE-WAIT' };
  for (const space of load.lines('netns')) {
    const told = load.lines('socket').filter((socket) => socket.name === space.name);
    const seen = new Map(ss(sandbox, space.name).map((socket) => [socket.cookie, socket]));
    expect([...seen.keys()].sort()).toEqual(told.map((socket) => socket.cookie).sort());
    const halves = [
      ['client', 5],
      ['server', 8],
    ];
    expect(told.flatMap(({ end, state }) => (state ? [[end, state]] : []))).toEqual(space.role === 'home' ? [] : halves);
    for (const socket of told) {
      const { end, state, src, sport, dst, dport, unread, uid, inode, congestion } = socket;
      const sent = Number(socket.sent);
      expect(seen.get(socket.cookie)).toEqual({
        state: state ? unusual[String(state)] : usual(end),
        cookie: socket.cookie,
        src,
        sport,
        dst,
        dport,
        sent,
        // The connection's first flag counts at the client that sent it, its last one at both ends.
        acked: sent + (end === 'client' ? 1 : 0) + (state === 5 ? 1 : 0),
        received: Number(socket.received) + (state === 8 ? 1 : 0),
        unread,
        uid,
        inode,
        congestion,
        tcp: expect.any(Object),
      });
    }
    const place = space.role === 'home' ? '/proc/self/ns/net' : `/run/netns/${space.name}`;
    expect(sandbox.run('stat', '-L', '-c', '%i', place).trim()).toBe(String(space.inode));
  }
  expect(await load.quit()).toBe(0);
});

test('no two connections share an address, both families are there, and byte counts tell neighbours apart', async () => {
  const load = new RunningLoad(sandbox);
  await load.command('steady namespaces=4 connections=8');
  const clients = load.lines('socket').filter((socket) => socket.end === 'client');
  const addresses = clients.flatMap(({ src, dst }) => [src, dst]);
  expect(new Set(addresses).size).toBe(2 * clients.length);
  expect(clients.filter((socket) => socket.family === 4)).toHaveLength(4 * 4 + 4 + 3);
  expect(clients.filter((socket) => socket.family === 6)).toHaveLength(4 * 4 + 4);
  const mapped = load.lines('socket').filter((socket) => socket.end === 'server' && socket.src.startsWith('::ffff:'));
  expect(mapped).toHaveLength(4);
  expect(mapped.every((socket) => socket.family === 6)).toBe(true);
  expect(new Set(clients.map(({ sent, received }) => `${sent}/${received}`)).size).toBe(clients.length);
  expect(new Set(load.lines('netns').map((space) => space.netns)).size).toBe(5);
  const servers = load.lines('socket').filter((socket) => socket.end === 'server' && socket.role === 'steady');
  expect(servers.filter((socket) => socket.unread > 0)).toHaveLength(8);
  expect(new Set([...clients, ...servers].map((socket) => socket.uid)).size).toBe(clients.length + servers.length);
  expect(new Set(clients.map((socket) => socket.congestion)).size).toBe(2);
  await load.quit();
});

test('figures of TCP_INFO that are told of connections at rest are what another reader sees later', async () => {
  const load = new RunningLoad(sandbox);
  await load.command('steady namespaces=2 connections=8');
  const told = load.lines('socket').filter((socket) => socket.tcp !== undefined);
  expect(told.length).toBeGreaterThan(0);
  expect(told.filter(({ role, end }) => role !== 'steady' || end === 'listener')).toEqual([]);
  const seen = new Map(
    ['', 'soak-st-00000', 'soak-st-00001'].flatMap((name) => ss(sandbox, name)).map((socket) => [socket.cookie, socket.tcp]),
  );
  for (const { cookie, tcp } of told) expect(seen.get(cookie)).toEqual(tcp);
  await load.quit();
});

test('a population that grows keeps what it had, and announces each size', async () => {
  const load = new RunningLoad(sandbox);
  await load.command('steady namespaces=2 connections=1');
  const before = ss(sandbox, 'soak-st-00000').map((socket) => socket.cookie);
  await load.command('steady namespaces=5 connections=2 prefix=more');
  expect(ss(sandbox, 'soak-st-00000').map((socket) => socket.cookie)).toEqual(before);
  expect(load.lines('netns').map((space) => space.name)).toEqual([
    '',
    'soak-st-00000',
    'soak-st-00001',
    'soak-more-00002',
    'soak-more-00003',
    'soak-more-00004',
  ]);
  expect(load.lines('steady-ready').map(({ namespaces, sockets }) => [namespaces, sockets])).toEqual([
    [2, 25],
    [5, 58],
  ]);
  await load.quit();
  expect(load.lines('steady-closing')).toHaveLength(1);
});

test('each round of the pulse moves every pulse connection by so many bytes', async () => {
  const load = new RunningLoad(sandbox);
  await load.command('steady namespaces=2 connections=0');
  await load.command('pulse interval_ms=20 bytes=1234');
  await load.until('five rounds', () => load.lines('pulse').length >= 5);
  await load.command('stop-pulse');
  const rounds = load.lines('pulse');
  expect(rounds.map((line) => line.round)).toEqual(rounds.map((_, i) => i + 1));
  for (const socket of load.lines('socket').filter((line) => line.role === 'pulse')) {
    const seen = ss(sandbox, socket.name).find((one) => one.cookie === socket.cookie);
    const moved = 1234 * rounds.length;
    expect(seen?.sent).toBe(Number(socket.sent) + (socket.end === 'client' ? moved : 0));
    expect(seen?.received).toBe(Number(socket.received) + (socket.end === 'server' ? moved : 0));
  }
  await load.quit();
});

test('each end of a brief connection is told once, closed, with the byte counts that it had', async () => {
  const load = new RunningLoad(sandbox);
  await load.command('brief per_second=200 after_ms=50');
  await load.until('a hundred ends', () => load.lines('socket').length >= 100);
  const { connections } = await load.command('stop-brief');
  const told = load.lines('socket');
  expect(told).toHaveLength(2 * Number(connections));
  expect(new Set(told.map(({ cookie }) => cookie)).size).toBe(told.length);
  expect(new Set(told.map(({ role, name }) => `${role} ${name}`))).toEqual(new Set(['brief soak-bf-0']));
  for (const client of told.filter(({ end }) => end === 'client')) {
    const server = told.find((one) => one.src === client.dst && one.dst === client.src);
    expect([server?.sent, server?.received, server?.dport]).toEqual([client.received, client.sent, client.sport]);
  }
  expect(load.lines('netns').map(({ role }) => role)).toEqual(['brief']);
  await load.quit();
});

test('churn counts its events, leaves nothing behind, and keeps neither threads nor descriptors', async () => {
  const load = new RunningLoad(sandbox);
  await load.command('steady namespaces=1 connections=1');
  const held = () => sandbox.run('sh', '-c', `ls /proc/${load.pid()}/task | wc -l; ls /proc/${load.pid()}/fd | wc -l`);
  const before = held();
  await load.command('churn interval_ms=20 min_ms=100 max_ms=300 connections=2');
  await load.until('60 deletions', () => load.lines('netns-deleted').length >= 60);
  const answer = await load.command('stop-churn');
  const made = load.lines('netns').filter((space) => space.role === 'churn');
  expect(answer).toEqual({ done: 'stop-churn', adds: made.length, deletes: made.length, pinned: 0 });
  expect(
    load
      .lines('netns-deleted')
      .map((line) => line.name)
      .sort(),
  ).toEqual(made.map((space) => space.name).sort());
  expect(
    load
      .lines('netns-gone')
      .map((line) => line.name)
      .sort(),
  ).toEqual(made.map((space) => space.name).sort());
  expect(load.lines('count').at(-1)).toMatchObject({
    churnEvents: 2 * made.length,
    adds: made.length,
    deletes: made.length,
    namespaces: 1,
  });
  // Two listeners or one, each connection twice: the first connection's family alternates with the namespace.
  const churned = load.lines('socket').filter((socket) => socket.name === made[0]?.name);
  expect(churned.map(({ end, family }) => `${end} ${family}`)).toEqual([
    'listener 4',
    'client 4',
    'server 4',
    'listener 6',
    'client 6',
    'server 6',
  ]);
  expect(sandbox.remains()).toEqual({ names: ['soak-st-00000'], mounts: 1, links: [] });
  expect(held()).toBe(before);
  expect(await load.quit()).toBe(0);
  expect(sandbox.remains()).toEqual(NOTHING);
});

test('churn that was held up counts the late events and catches up with its pace', async () => {
  const load = new RunningLoad(sandbox);
  await load.command('churn interval_ms=50 min_ms=100 max_ms=200 connections=1');
  const added = () => load.lines('netns').map((line) => Number(line.at) / 1e6);
  await load.until('a few namespaces', () => added().length >= 5);
  load.kill('STOP');
  const stoppedAt = Date.now();
  await load.until('the hold-up', () => Date.now() - stoppedAt > 1000);
  load.kill('CONT');
  const owed = () => ((added().at(-1) ?? 0) - (added()[0] ?? 0)) / 50;
  await load.until('the pace', () => Date.now() - stoppedAt > 1500 && added().length > owed() - 1);
  await load.command('stop-churn');
  expect(load.lines('count').at(-1)?.lateEvents).toBeGreaterThanOrEqual(10);
  await load.quit();
});

test('lifetimes are drawn from the seed', async () => {
  const order = async (seed: number): Promise<string[]> => {
    const load = new RunningLoad(sandbox, join(sandbox.folder, `ledger-${seed}-${Math.random()}`), seed);
    await load.command('churn interval_ms=10 min_ms=200 max_ms=3000 connections=1');
    await load.until('deletions', () => load.lines('netns-deleted').length >= 12);
    const deleted = load.lines('netns-deleted').slice(0, 6);
    await load.quit();
    return deleted.map((line) => line.name);
  };
  // Neighbours may change places when the machine stumbles; who lives short and who lives long may not.
  const shortest = async (seed: number) => (await order(seed)).sort();
  const [one, again, other] = [await shortest(1), await shortest(1), await shortest(2)];
  const common = (a: readonly string[], b: readonly string[]) => a.filter((name) => b.includes(name)).length;
  expect(common(one, again)).toBeGreaterThanOrEqual(5);
  expect(common(one, other)).toBeLessThan(5);
});

test('a namespace that something keeps alive is told as pinned until it is gone', async () => {
  const load = new RunningLoad(sandbox);
  await load.command('churn interval_ms=3600000 min_ms=1 max_ms=1 connections=1');
  await load.until('the namespace', () => existsSync(load.ledgerPath) && load.lines('netns').length === 1);
  const name = load.lines('netns')[0]?.name ?? '';
  const holder = sandbox.spawn('nsenter', `--net=/run/netns/${name}`, 'sh', '-c', 'echo held; exec cat');
  await once(holder.stdout, 'data');
  const stopped = load.command('stop-churn');
  await load.until('reports, two at least', () => load.lines('netns-pinned').filter((line) => line.heldSeconds !== null).length >= 2);
  expect(load.lines('netns-gone')).toEqual([]);
  holder.stdin.end();
  expect(await stopped).toMatchObject({ pinned: 0 });
  const [first, second] = load.lines('netns-pinned');
  expect(first?.afterSeconds).toBeGreaterThan(2);
  expect(second?.afterSeconds).toBeGreaterThan(first?.afterSeconds ?? 0);
  expect(load.lines('netns-gone')[0]?.afterSeconds).toBeGreaterThan(second?.afterSeconds ?? 0);
  const held = [...load.lines('netns-pinned').filter((line) => line.heldSeconds !== null), ...load.lines('netns-gone')].map(
    ({ heldSeconds }) => Number(heldSeconds),
  );
  expect(held[0]).toBeGreaterThan(0);
  expect(held).toEqual(held.toSorted((a, b) => a - b));
  // Suspicion takes a second, and the one that nobody can hold its own time.
  expect(held.at(-1)).toBeLessThan((load.lines('netns-gone')[0]?.afterSeconds ?? 0) - 1);
  await load.quit();
  expect(sandbox.remains()).toEqual(NOTHING);
});

test.each(['EOF', 'SIGTERM'])('%s in the middle of everything ends it in order', async (how) => {
  const load = new RunningLoad(sandbox);
  await load.command('steady namespaces=3 connections=2');
  await load.command('pulse interval_ms=10 bytes=10');
  await load.command('churn interval_ms=20 min_ms=200 max_ms=400 connections=2');
  await load.until('churn', () => load.lines('netns-deleted').length >= 3);
  if (how === 'EOF') load.child.stdin.end();
  else load.kill('TERM');
  expect(await load.exited).toBe(0);
  expect(sandbox.remains()).toEqual(NOTHING);
});

test('SIGTERM cuts a long command short', async () => {
  const load = new RunningLoad(sandbox);
  const growing = load.command('steady namespaces=50000 connections=1');
  await load.until('some namespaces', () => existsSync(load.ledgerPath) && load.lines('netns').length >= 10);
  load.kill('TERM');
  expect(await growing).toEqual({ error: 'steady: interrupted' });
  expect(await load.exited).toBe(0);
  expect(sandbox.remains()).toEqual(NOTHING);
});

test('a load that was killed leaves names, and the next one in that directory removes them', async () => {
  const killed = new RunningLoad(sandbox);
  await killed.command('steady namespaces=2 connections=1');
  killed.kill('KILL');
  await killed.exited;
  expect(sandbox.remains().names).toHaveLength(2);
  const next = new RunningLoad(sandbox);
  await next.command('steady namespaces=1 connections=1');
  expect(sandbox.remains()).toEqual({ names: ['soak-st-00000'], mounts: 1, links: [] });
  await next.quit();
});

test('a second load in the same directory is refused', async () => {
  const first = new RunningLoad(sandbox);
  await first.command('steady namespaces=1 connections=0');
  const second = new RunningLoad(sandbox, join(sandbox.folder, 'other'));
  expect(await second.exited).toBe(3);
  expect(second.stderr).toContain('give each its own --netns-dir');
  expect(sandbox.remains().names).toHaveLength(1);
  await first.quit();
});

test.each([
  ['dance', 'unknown command "dance"'],
  ['steady namespaces=banana connections=1', 'namespaces must be a number from 1 to 60000'],
  ['steady namespaces=1', 'connections must be a number'],
  ['steady namespaces=1 connections=1 prefix=../x', 'prefix must be'],
  ['churn interval_ms=10 min_ms=5 max_ms=4 connections=1', 'max_ms must not be below min_ms'],
  ['pulse interval_ms=100 bytes=10 colour=red', 'unknown argument colour'],
  ['pulse now', '"now" is not key=value'],
])('"%s" is answered with a sentence, and the load lives on', async (line, sentence) => {
  const load = new RunningLoad(sandbox);
  expect(await load.command(line)).toEqual({ error: expect.stringContaining(sentence) });
  expect(await load.command('stop-pulse')).toEqual({ done: 'stop-pulse' });
  expect(await load.quit()).toBe(0);
});

test('a ledger that nobody reads any more ends the load with 3, and still nothing is left', async () => {
  const path = join(sandbox.folder, 'socket');
  let lines = '';
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      lines += chunk.toString();
      if (lines.includes('"netns-deleted"')) socket.destroy();
    });
  });
  server.listen(path);
  await once(server, 'listening');
  const load = new RunningLoad(sandbox, path);
  await load.command('steady namespaces=2 connections=2');
  await load.command('churn interval_ms=20 min_ms=50 max_ms=100 connections=1');
  expect(await load.exited).toBe(3);
  expect(load.stderr).toContain('could not write to');
  expect(sandbox.remains()).toEqual(NOTHING);
  server.close();
});

/** A relay whose far end is a server here; `received` is complete once it has exited. */
async function relay(
  start: number,
  ...more: readonly string[]
): Promise<{ child: ChildProcessWithoutNullStreams; received: Buffer[]; closeServer(): void }> {
  const path = join(sandbox.folder, `rows-${start}`);
  const received: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => received.push(chunk));
  });
  server.listen(path);
  await once(server, 'listening');
  const child = spawn(RELAY, ['--to', path, '--start', String(start), ...more]);
  await once(server, 'connection');
  return { child, received, closeServer: () => server.close() };
}

test('the relay survives SIGTERM, frames what came before and after it, and ends with an empty frame', async () => {
  const { child, received, closeServer } = await relay(3);
  const before = Buffer.alloc(300_000, 1);
  child.stdin.write(before);
  child.kill('SIGTERM');
  child.stdin.end(Buffer.alloc(7, 2));
  expect(await once(child, 'close')).toEqual([0, null]);
  closeServer();
  const all = Buffer.concat(received);
  const bytes: Buffer[] = [];
  let at = 0;
  for (let length = -1; length !== 0; at += 8 + length) {
    expect(all.readUInt32LE(at)).toBe(3);
    length = all.readUInt32LE(at + 4);
    bytes.push(all.subarray(at + 8, at + 8 + length));
  }
  expect(at).toBe(all.length);
  expect(Buffer.concat(bytes).equals(Buffer.concat([before, Buffer.alloc(7, 2)]))).toBe(true);
});

test('the relay listens for a subject that connects, one connection after the other, and ends when the subject is gone and all is read', async () => {
  const socket = join(sandbox.folder, 'subject');
  const { child, received, closeServer } = await relay(4, '--listen', socket);
  await expect.poll(() => existsSync(socket)).toBe(true);
  const write = async (bytes: Buffer): Promise<void> => {
    const connection = connect(socket);
    connection.end(bytes);
    await once(connection, 'close');
  };
  child.stdin.write('what the subject logs is nobody’s row\n');
  await write(Buffer.alloc(300_000, 1));
  const last = connect(socket);
  last.write(Buffer.alloc(5, 2));
  child.stdin.end();
  last.end(Buffer.alloc(5, 3));
  expect(await once(child, 'close')).toEqual([0, null]);
  closeServer();
  const all = Buffer.concat(received);
  const bytes: Buffer[] = [];
  for (let at = 0; at < all.length; at += 8 + all.readUInt32LE(at + 4)) bytes.push(all.subarray(at + 8, at + 8 + all.readUInt32LE(at + 4)));
  expect(bytes.at(-1)).toHaveLength(0);
  expect(Buffer.concat(bytes).equals(Buffer.concat([Buffer.alloc(300_000, 1), Buffer.alloc(5, 2), Buffer.alloc(5, 3)]))).toBe(true);
  expect(existsSync(socket)).toBe(false);
});

test('a relay without a far end says so and fails', async () => {
  const child = spawn(RELAY, ['--to', '/nowhere/at/all', '--start', '1']);
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => {
    words += chunk.toString();
  });
  expect(await once(child, 'close')).toEqual([1, null]);
  expect(words).toContain('could not open /nowhere/at/all');
});
