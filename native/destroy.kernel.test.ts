/**
 * The last words of sockets: all of them, each under its own namespace, and nothing pinned by listening.
 * Other namespaces of this machine may close sockets meanwhile, which a listener hears as those of unknown ones: no number here depends on that.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  addonPath,
  type DestroyCounters,
  type DestroyListener,
  type DestroyListenerEvents,
  type DestroyListenerOptions,
  type Envelope,
  openDestroyListener,
} from './index.js';
import type { JsonRow } from './ss-text.js';
import { pathOf, refTo, TestNamespaces } from './test-namespaces.js';

const scratch = mkdtempSync(join(tmpdir(), 'brief-'));
const brief = join(scratch, 'test-brief');
let namespaces: TestNamespaces;
const listeners: DestroyListener[] = [];

beforeAll(() => {
  execFileSync('cc', ['-O1', '-o', brief, fileURLToPath(new URL('test-brief.c', import.meta.url))]);
});
afterAll(() => rmSync(scratch, { recursive: true }));
beforeEach(() => {
  namespaces = new TestNamespaces();
});
afterEach(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.close()));
  await namespaces.release();
});

interface Ear {
  readonly listener: DestroyListener;
  readonly rows: JsonRow[];
  /** Envelopes that wait to be read and released, when asked to hold them. */
  readonly held: Envelope[];
  take(envelope: Envelope): void;
}

async function listen(
  options: Partial<DestroyListenerOptions> & { hold?: boolean } = {},
  events: Partial<DestroyListenerEvents> = {},
): Promise<Ear> {
  const { hold = false, ...rest } = options;
  const rows: JsonRow[] = [];
  const held: Envelope[] = [];
  const take = (envelope: Envelope) => {
    const lines = envelope.bytes.toString().trimEnd().split('\n');
    expect(lines).toHaveLength(envelope.rows);
    rows.push(...lines.map((line) => JSON.parse(line) as JsonRow));
    envelope.release();
  };
  const listener = await openDestroyListener(
    {
      blocks: 8,
      flushBytes: 768 * 1024,
      flushMilliseconds: 20,
      flushRows: 2000,
      format: 'jsonl',
      identity: { daemonVersion: '1.2.3', hostname: 'here', location: '', label: '', tag: '' },
      ...rest,
    },
    {
      envelope: (envelope) => (hold ? held.push(envelope) : take(envelope)),
      unknownNamespace() {},
      failed(error) {
        throw error;
      },
      ...events,
    },
  );
  listeners.push(listener);
  return { listener, rows, held, take };
}

/** What test-brief did: one line a connection. */
interface Made {
  readonly netns: string;
  readonly client: string;
  readonly server: string;
  readonly bytes: number;
}
async function make(lifeMicroseconds: number, rate: number, count: number, names: readonly string[]): Promise<Made[]> {
  const child = spawn(brief, [lifeMicroseconds, rate, count, ...names].map(String), { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk as Buffer);
  if (child.exitCode === null) await new Promise((resolve) => child.once('exit', resolve));
  expect(child.exitCode).toBe(0);
  const lines = Buffer.concat(chunks).toString().trimEnd().split('\n');
  return lines.map((line) => {
    const [netns, client, server, bytes] = line.split(' ') as [string, string, string, string];
    return { netns, client, server, bytes: Number(bytes) };
  });
}

/** Waits until nothing moves any more: events come from a work queue of the kernel. */
async function settled(listener: DestroyListener): Promise<DestroyCounters> {
  for (let looks = 0, before = -1, calm = 0; calm < 3 && looks < 100; looks++) {
    await sleep(50);
    const { events, lost, rows, waiting } = listener.counters();
    const now = events + lost + rows + waiting;
    calm = now === before ? calm + 1 : 0;
    before = now;
  }
  return listener.counters();
}

const refs = (names: readonly string[]) => names.map((name) => refTo(pathOf(name), name));
const cookieOf = (row: JsonRow) => String(row.inet_diag_msg_socket_cookie);
/** Rows of connections: those of listeners have no far end. */
const connections = (rows: readonly JsonRow[]) => rows.filter((row) => row.inet_diag_msg_socket_destination_port !== 0);
const books = (counters: DestroyCounters) =>
  counters.rows +
  counters.filtered +
  counters.sampledOut +
  counters.unknownNamespace +
  counters.undecoded +
  counters.dropped +
  counters.waiting;

test('hears both ends of every connection of 1 ms, 500 a second over 20 namespaces, each under its own namespace with its final counters', async () => {
  const names = [...namespaces.addMany(10), ...namespaces.addMany(10)];
  const { listener, rows } = await listen();
  expect(await listener.announce(refs(names))).toEqual([]);
  expect(listener.counters().namespaces).toBe(20);
  const made = await make(1000, 500, 2500, names);
  const counters = await settled(listener);

  const heard = connections(rows);
  expect(made).toHaveLength(2500);
  expect(heard.map(cookieOf).sort()).toEqual(made.flatMap(({ client, server }) => [client, server]).sort());
  const byCookie = new Map(heard.map((row) => [cookieOf(row), row]));
  const told = made.map(({ client, server }) => {
    const [there, here] = [byCookie.get(client) as JsonRow, byCookie.get(server) as JsonRow];
    return {
      netns: [there.netns, here.netns],
      ports: there.inet_diag_msg_socket_destination_port === here.inet_diag_msg_socket_source_port,
      // The kernel counts the FIN as one.
      bytes: Number(here.tcp_info_bytes_received) - 1,
      kinds: [there.kind, here.kind],
      states: [there.inet_diag_msg_state, here.inet_diag_msg_state],
    };
  });
  expect(told).toEqual(
    made.map(({ netns, bytes }) => ({ netns: [netns, netns], ports: true, bytes, kinds: ['closed', 'closed'], states: [7, 7] })),
  );
  for (const ref of refs(names)) {
    const own = rows.filter((row) => row.netns === ref.name);
    expect(new Set(own.map((row) => row.netns_inode))).toEqual(new Set([String(ref.inode)]));
    expect(new Set(own.map((row) => row.netns_cookie)).size).toBe(1);
    // The listeners of test-brief.
    expect(own).toHaveLength(2 * 125 + 3);
  }
  expect(new Set(rows.map((row) => row.netns_cookie)).size).toBe(20);
  expect(rows.map((row) => Number(row.record_counter))).toEqual(rows.map((_, index) => index + 1));
  expect(counters).toMatchObject({ lost: 0, undecoded: 0, dropped: 0, rows: rows.length });
  expect(books(counters)).toBe(counters.events);
});

test('counts what an overflow took: events and losses add up to what was closed', async () => {
  const names = namespaces.addMany(2);
  // One block, not given back: the thread stands still and the smallest buffer there is fills at once.
  const { listener, rows, held, take } = await listen({ receiveBuffer: 1, blocks: 1, flushRows: 1, hold: true });
  // What one listener loses, the other hears.
  const { listener: witness } = await listen();
  expect(listener.receiveBuffer).toBeLessThan(10_000);
  await listener.announce(refs(names));
  const made = await make(0, 0, 600, names);
  await sleep(200);
  expect(held).toHaveLength(1);
  expect(listener.counters().rows).toBeLessThan(50);
  const releasing = setInterval(() => held.splice(0).forEach(take), 1);
  const counters = await settled(listener);
  clearInterval(releasing);

  expect(counters.lost).toBeGreaterThan(500);
  const closed = await settled(witness);
  expect(closed.lost).toBe(0);
  expect(closed.events).toBeGreaterThanOrEqual(2 * made.length + 6);
  expect(counters.events + counters.lost).toBe(closed.events);
  expect(books(counters)).toBe(counters.events);
  const known = new Set(made.flatMap(({ client, server }) => [client, server]));
  for (const row of connections(rows)) expect(known).toContain(cookieOf(row));
  // And it is well again. (So small a buffer has room for one event at a time.)
  const heard = rows.length;
  const again = setInterval(() => held.splice(0).forEach(take), 1);
  const late = await make(0, 0, 10, [names[0] as string]);
  const after = await settled(listener);
  clearInterval(again);
  expect(after.events + after.lost).toBe((await settled(witness)).events);
  const wanted = late.flatMap(({ client, server }) => [client, server]);
  expect(connections(rows.slice(heard)).filter((row) => wanted.includes(cookieOf(row))).length).toBeGreaterThan(0);
});

describe('a namespace that is listened to', () => {
  const hasLink = (name: string) => existsSync(`/sys/class/net/${name}`);
  let links = 0;
  const veth = (name: string) => {
    // Never the name of one before: that may still be there for a moment.
    const link = `nsv${process.pid % 100_000}x${links++}`;
    execFileSync('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'inside', 'netns', name]);
    return link;
  };
  const numberOf = (name: string) => {
    const list = execFileSync('ip', ['netns', 'list-id'], { encoding: 'utf8' });
    return new RegExp(`^nsid (\\d+) .*: ${name}\\)`, 'm').exec(list)?.[1] ?? expect.fail(`${name} has no number:\n${list}`);
  };
  const gone = async (link: string) => {
    for (let i = 0; i < 200 && hasLink(link); i++) await sleep(10);
    return !hasLink(link);
  };

  test('dies when its last user does: its veth peer vanishes, and it is forgotten', async () => {
    const name = namespaces.add();
    const { listener, rows } = await listen();
    const link = veth(name);
    expect(await listener.announce(refs([name]))).toEqual([]);
    await make(0, 0, 3, [name]);
    namespaces.delete(name);
    expect(await gone(link)).toBe(true);
    const counters = await settled(listener);
    expect(counters.namespaces).toBe(0);
    expect(rows).toHaveLength(9);
  });

  test('never lends its name to the next one that gets its number', async () => {
    const { listener, rows } = await listen();
    const cookies = new Map<string, string[]>();
    const numbers = new Set<string>();
    for (let round = 0; round < 25; round++) {
      const name = namespaces.add();
      // The kernel itself numbers the far end of a veth, by the lowest number that is free: that of the round before.
      const link = veth(name);
      numbers.add(numberOf(name));
      await listener.announce(refs([name]));
      const made = await make(0, 0, 3, [name]);
      cookies.set(
        name,
        made.flatMap(({ client, server }) => [client, server]),
      );
      namespaces.delete(name);
      if (round % 2 === 0) await gone(link);
    }
    const counters = await settled(listener);
    expect(numbers.size).toBeLessThan(25);
    const heard = connections(rows);
    expect(heard.map((row) => cookies.get(String(row.netns))?.includes(cookieOf(row)))).toEqual(heard.map(() => true));
    // When deaths are read in time, as here, next to nothing is in doubt.
    expect(heard.length).toBeGreaterThan(140);
    expect(books(counters)).toBe(counters.events);
  });

  test('is not guessed at when its number changed hands before its last words were read', async () => {
    // The thread stands still with the first row, while one namespace dies and the next one gets its number.
    const { listener, rows, held, take } = await listen({ blocks: 1, flushRows: 1, hold: true });
    const first = namespaces.add();
    const link = veth(first);
    const number = numberOf(first);
    await listener.announce(refs([first]));
    const before = await make(0, 0, 100, [first]);
    namespaces.delete(first);
    expect(await gone(link)).toBe(true);
    const second = namespaces.add();
    veth(second);
    expect(numberOf(second)).toBe(number);
    const announced = listener.announce(refs([second]));
    const after = await make(0, 0, 100, [second]);
    const releasing = setInterval(() => held.splice(0).forEach(take), 1);
    expect(await announced).toEqual([]);
    const counters = await settled(listener);
    const late = await make(0, 0, 10, [second]);
    await settled(listener);
    clearInterval(releasing);

    const names = new Map(
      [...before.map((one) => ({ ...one, name: first })), ...[...after, ...late].map((one) => ({ ...one, name: second }))].flatMap(
        ({ client, server, name }) => [[client, name] as const, [server, name] as const],
      ),
    );
    const heard = connections(rows);
    expect(heard.map((row) => row.netns)).toEqual(heard.map((row) => names.get(cookieOf(row))));
    expect(counters.lost).toBe(0);
    expect(counters.unknownNamespace).toBeGreaterThan(0);
    expect(counters.rows + counters.unknownNamespace + counters.waiting).toBeGreaterThanOrEqual(406);
    expect(books(counters)).toBe(counters.events);
    // The doubt ends with what was queued: from then on the new one is heard in full.
    expect(heard.filter((row) => late.some(({ client, server }) => [client, server].includes(cookieOf(row))))).toHaveLength(20);
  });

  test('keeps what it is told of an unannounced one for a while, asks for it, and files it when it is announced', async () => {
    const name = namespaces.add();
    // A number without our doing.
    veth(name);
    let asked = 0;
    const { listener, rows } = await listen({}, { unknownNamespace: () => asked++ });
    const made = await make(0, 0, 5, [name]);
    expect((await settled(listener)).waiting).toBeGreaterThanOrEqual(13);
    expect(asked).toBeGreaterThan(0);
    expect(asked).toBeLessThan(13);
    await listener.announce(refs([name]));
    expect((await settled(listener)).rows).toBe(13);
    expect(connections(rows).map(cookieOf).sort()).toEqual(made.flatMap(({ client, server }) => [client, server]).sort());
    expect(new Set(rows.map((row) => row.netns))).toEqual(new Set([name]));
  });

  test('that is never announced is counted, after two seconds', async () => {
    const name = namespaces.add();
    veth(name);
    const { listener, rows } = await listen();
    await make(0, 0, 1, [name]);
    await sleep(2500);
    const counters = await settled(listener);
    expect(counters.unknownNamespace).toBeGreaterThanOrEqual(5);
    expect(books(counters)).toBe(counters.events);
    expect(rows).toEqual([]);
  });

  test('has the new name in its rows once it is renamed', async () => {
    const name = namespaces.add();
    const { listener, rows } = await listen();
    await listener.announce([{ ...(refs([name])[0] as ReturnType<typeof refTo>), name: 'before' }]);
    await make(0, 0, 1, [name]);
    await settled(listener);
    await listener.announce([{ ...(refs([name])[0] as ReturnType<typeof refTo>), name: 'after', containerId: 'c0ffee' }]);
    await make(0, 0, 1, [name]);
    await settled(listener);
    expect(rows.map((row) => [row.netns, row.container_id])).toEqual([
      ...Array.from({ length: 5 }, () => ['before', undefined]),
      ...Array.from({ length: 5 }, () => ['after', 'c0ffee']),
    ]);
  });

  test('its own is one of them, though it has no number', async () => {
    const { listener, rows } = await listen();
    await listener.announce([refTo('/proc/self/ns/net', 'own')]);
    const server = (await import('node:net')).createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    await settled(listener);
    const own = rows.filter((row) => row.inet_diag_msg_socket_source_port === port);
    expect(own.map((row) => [row.netns, row.kind])).toEqual([['own', 'closed']]);
  });

  test('that is gone or is no namespace fails alone', async () => {
    const [dead, good] = namespaces.addMany(2) as [string, string];
    const [first, second] = refs([dead, good]) as [ReturnType<typeof refTo>, ReturnType<typeof refTo>];
    namespaces.delete(dead);
    const { listener } = await listen();
    const failures = await listener.announce([first, refTo('/etc/passwd', 'file'), second]);
    expect(failures).toEqual([{ index: 1, step: 'nsid', errno: expect.any(Number) }]);
    expect(listener.counters().namespaces).toBe(1);
  });
});

test('a filter and a sample choose the same sockets as in a poll', async () => {
  const names = namespaces.addMany(2);
  const byFilter = await listen({ filter: 'src 127.32.0.0/12 or dst 127.32.0.0/12' });
  const bySample = await listen({ sample: 4 });
  const all = await listen();
  for (const { listener } of [byFilter, bySample, all]) await listener.announce(refs(names));
  await make(0, 0, 60, names);
  for (const { listener } of [byFilter, bySample, all]) expect(books(await settled(listener))).toBe(listener.counters().events);
  expect(all.rows).toHaveLength(126);

  const addresses = (row: JsonRow) => `${row.inet_diag_msg_socket_source} ${row.inet_diag_msg_socket_destination}`;
  const wanted = all.rows.filter((row) => /\b127\.(3[2-9]|4[0-7])\./.test(addresses(row)));
  expect(wanted.length).toBeGreaterThan(70);
  expect(byFilter.rows.map(cookieOf).sort()).toEqual(wanted.map(cookieOf).sort());
  expect(byFilter.listener.counters().filtered).toBeGreaterThanOrEqual(126 - wanted.length);
  expect(all.rows.map(cookieOf)).toEqual(expect.arrayContaining(bySample.rows.map(cookieOf)));
  expect(bySample.rows.length).toBeGreaterThan(10);
  expect(bySample.rows.length).toBeLessThan(60);
  await expect(
    openDestroyListener({ ...({} as DestroyListenerOptions), filter: 'mark = 1' }, {} as DestroyListenerEvents),
  ).rejects.toThrow();
});

test('what was heard before it is closed is handed on', async () => {
  const name = namespaces.add();
  const { listener, rows } = await listen({ flushMilliseconds: 60_000 });
  await listener.announce(refs([name]));
  await make(0, 0, 5, [name]);
  const before = await settled(listener);
  expect([before.rows, rows.length]).toEqual([13, 0]);
  await listener.close();
  expect(rows).toHaveLength(13);
  await listener.close();
  await expect(listener.announce([])).rejects.toThrow(/closed/);
});

test('takes one thread and no descriptor for any number of namespaces', async () => {
  const count = (of: string) => readdirSync(`/proc/self/${of}`).length;
  const [threads, files] = [count('task'), count('fd')];
  const { listener } = await listen();
  const opened = count('fd') - files;
  expect(count('task')).toBe(threads + 1);
  await listener.announce(refs(namespaces.addMany(100)));
  expect(listener.counters().namespaces).toBe(100);
  expect([count('task'), count('fd')]).toEqual([threads + 1, files + opened]);
  await listener.close();
  expect([count('task'), count('fd')]).toEqual([threads, files]);
});

describe('in a process of its own', () => {
  const script = `
    const { openDestroyListener } = require(process.argv[1]);
    const nothing = () => {};
    const listener = openDestroyListener(2, false, 100, 100000, 100, 1 << 20, new Uint8Array(0), 1, ['', '', '', '', ''], {
      ready() { console.log('ready'); if (process.argv[2] === 'exit') process.exit(7); }, envelope: nothing, announced: nothing, unknown: nothing,
      failed(step, errno) { console.log('failed', step, errno); }, closed() { console.log('closed'); },
    });`;
  const run = (what: string, ...before: string[]) => {
    const [program, ...args] = [...before, process.execPath, '-e', script, addonPath(), what];
    return spawnSync(program as string, args, { encoding: 'utf8', timeout: 10_000 });
  };

  test('an idle listener lets it end, and so does its exit', () => {
    expect(run('idle')).toMatchObject({ status: 0, stdout: 'ready\n', stderr: '' });
    expect(run('exit')).toMatchObject({ status: 7, stdout: 'ready\n', stderr: '' });
  });

  test('without the right to hear all namespaces it says so and ends', () => {
    const { status, stdout } = run('idle', 'setpriv', '--bounding-set', '-net_broadcast');
    // EPERM at step `listen`.
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'failed 9 1\nclosed\n' });
  });
});
