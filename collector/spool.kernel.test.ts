/** The real daemon whose far end comes and goes: nothing that it read is lost, whatever happens to it meanwhile. */
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TestNamespaces } from '../native/test-namespaces.js';
import { claimsOfLines, Daemon, metricOf, type Row, rowsOfFrames } from './daemon.test-support.js';
import { World } from './world.test-support.js';

let world: World;
let population: TestNamespaces;
beforeAll(async () => {
  world = await World.open();
  population = world.namespaces();
  for (const name of population.addMany(2)) await population.connect(name, 15);
});
afterAll(async () => {
  await population.release();
  await world.close();
});

let dir: string;
const running: Daemon[] = [];
let database: Database;
beforeEach(async () => {
  dir = fs.mkdtempSync(join(tmpdir(), 'netsoakd-spool-'));
  database = await Database.open();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((daemon) => daemon.kill()));
  database.close();
  fs.rmSync(dir, { recursive: true });
});

/** Takes what is posted, or answers 503, as it is told. */
class Database {
  up = true;
  readonly rows: Row[] = [];
  private constructor(private readonly server: http.Server) {}

  static async open(): Promise<Database> {
    const server = http.createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part) => parts.push(part as Buffer));
      request.on('end', () => {
        if (one.up) one.rows.push(...rowsOfFrames(Buffer.concat(parts)));
        response.writeHead(one.up ? 204 : 503).end();
      });
    });
    const one = new Database(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return one;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/rows`;
  }

  /** Each row once, in the order of its first arrival. */
  get distinct(): Row[] {
    return [...new Map(this.rows.map((row) => [row.identity, row])).values()];
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

async function start(spool: string, flags: readonly string[] = []): Promise<Daemon> {
  const daemon = await Daemon.start(world, [
    '--interval',
    '200ms',
    '--flush-rows',
    '40',
    '--export',
    database.url,
    '--spool',
    spool,
    '--polls',
    `file:${join(dir, 'polls')}`,
    ...flags,
  ]);
  running.push(daemon);
  return daemon;
}

async function books(daemon: Daemon) {
  const { text } = await daemon.get('/metrics');
  const of = (name: string) => metricOf(text, `netsoakd_rows_${name}`);
  const held = of('exported_total') + of('dropped_total') + of('in_memory') + of('in_spool');
  expect(held).toBe(of('read_total') + of('recovered_total'));
  return { read: of('read_total'), recovered: of('recovered_total'), spooled: of('in_spool'), dropped: of('dropped_total') };
}

async function until(daemon: Daemon, done: (now: Awaited<ReturnType<typeof books>>) => boolean): Promise<void> {
  while (!done(await books(daemon))) await sleep(20);
}

/**
 * Every row that the records of polls claim is there, and polls are in order. A kill costs what was in memory: of the polls of that
 * run, the last ones.
 * @param killed ids of the polls of a run that was killed
 */
function expectEverything(killed: readonly string[]): void {
  const rows = database.distinct;
  const claims = claimsOfLines(fs.readFileSync(join(dir, 'polls')));
  expect(claims.size).toBeGreaterThan(killed.length + 2);
  const arrived = (poll: string) => rows.filter((row) => row.poll === poll).length;
  const firstShort = killed.findIndex((poll) => arrived(poll) !== claims.get(poll));
  const behind = firstShort < 0 ? [] : killed.slice(firstShort + 1);
  expect(behind.map(arrived)).toEqual(behind.map(() => 0));
  expect(behind.length).toBeLessThan(killed.length / 2);
  for (const [poll, count] of claims) if (!killed.includes(poll)) expect(arrived(poll), poll).toBe(count);
  const order = [...new Set(rows.map(({ poll }) => BigInt(poll)))];
  for (let index = 1; index < order.length; index++) expect(order[index] as bigint).toBeGreaterThan(order[index - 1] as bigint);
}

describe('a far end in trouble, with a spool', () => {
  it('SIGKILL in the outage and SIGTERM in the next: everything arrives at the third start, in order', async () => {
    const spool = join(dir, 'spool');
    const first = await start(spool);
    await until(first, ({ read }) => read > 200);
    database.up = false;
    await until(first, ({ spooled }) => spooled > 300);
    first.signal('SIGKILL');
    await first.ended();
    const killed = [...claimsOfLines(fs.readFileSync(join(dir, 'polls'))).keys()];
    const second = await start(spool);
    const { recovered } = await books(second);
    expect(recovered).toBeGreaterThan(300);
    await until(second, ({ spooled }) => spooled > recovered + 300);
    second.signal('SIGTERM');
    expect(await second.ended()).toBe(0);
    const stopped = second.said('stopped');
    expect(stopped).toMatchObject({ rowsInMemory: 0, rowsDropped: 0, rowsRecovered: recovered });
    database.up = true;
    const third = await start(spool, ['--interval', '1h']);
    expect((await books(third)).recovered).toBe(stopped.rowsInSpool);
    await until(third, ({ spooled, read }) => spooled === 0 && read > 0);
    third.signal('SIGTERM');
    expect(await third.ended()).toBe(0);
    expect(third.said('stopped')).toMatchObject({ rowsInMemory: 0, rowsDropped: 0 });
    expect(fs.readdirSync(spool).filter((name) => name.endsWith('.spool'))).toEqual([]);
    expectEverything(killed);
  });

  it('the spool is full: the oldest rows are dropped and counted, the newest arrive', async () => {
    database.up = false;
    const daemon = await start(join(dir, 'spool'), ['--spool-bytes', '1MiB', '--flush-bytes', '64KiB', '--flush-rows', '100']);
    await until(daemon, ({ dropped }) => dropped > 500);
    database.up = true;
    await until(daemon, ({ spooled }) => spooled === 0);
    const { text } = await daemon.get('/metrics');
    const dropped = metricOf(text, 'netsoakd_rows_dropped_total', 'reason="spool_full"');
    expect(dropped).toBe(metricOf(text, 'netsoakd_rows_dropped_total'));
    expect(metricOf(text, 'netsoakd_spool_limit_bytes')).toBe((1 << 20) * (15 / 16));
    daemon.signal('SIGTERM');
    expect(await daemon.ended()).toBe(0);
    const { rowsRead, rowsInSpool } = daemon.said('stopped');
    expect(database.distinct.length + dropped + Number(rowsInSpool)).toBe(rowsRead);
  });

  it('the disk is full: what can go nowhere is counted, and the spool is used again once there is room', async () => {
    const disk = join(dir, 'disk');
    fs.mkdirSync(disk);
    world.run('mount', '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk);
    try {
      database.up = false;
      const daemon = await start(join(disk, 'spool'));
      await until(daemon, ({ dropped }) => dropped > 100);
      const { text } = await daemon.get('/metrics');
      expect(metricOf(text, 'netsoakd_rows_dropped_total', 'reason="full"')).toBe(metricOf(text, 'netsoakd_rows_dropped_total'));
      world.run('mount', '-o', 'remount,size=16m', disk);
      const { dropped, spooled } = await books(daemon);
      await until(daemon, (now) => now.spooled > spooled + 200);
      database.up = true;
      await until(daemon, (now) => now.spooled === 0);
      daemon.signal('SIGTERM');
      expect(await daemon.ended()).toBe(0);
      const stopped = daemon.said('stopped');
      expect(stopped.rowsDropped).toBeGreaterThanOrEqual(dropped);
      expect(database.distinct.length + Number(stopped.rowsDropped) + Number(stopped.rowsInSpool)).toBe(stopped.rowsRead);
    } finally {
      await Promise.all(running.splice(0).map((daemon) => daemon.kill()));
      world.run('umount', disk);
    }
  });

  it('a second daemon is refused the same spool: exit 64', async () => {
    const spool = join(dir, 'spool');
    await start(spool);
    await expect(start(spool)).rejects.toThrow(/another process holds the spool/);
  });
});
