/** The real daemon, told which sockets to read and to hear the end of the rest. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Endpoint, TestNamespaces } from '../native/test-namespaces.js';
import { Daemon, ends, rowsOfFrames, rowsOfLines } from './daemon.test-support.js';
import { World } from './world.test-support.js';

const CONNECTIONS = 15;
let world: World;
let population: TestNamespaces;
let name: string;
let made: Endpoint[];
beforeAll(async () => {
  world = await World.open();
  population = world.namespaces();
  name = population.add();
  made = await population.connect(name, CONNECTIONS);
});
afterAll(async () => {
  await population.release();
  await world.close();
});

let dir: string;
const running: Daemon[] = [];
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), 'netsoakd-selection-'));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((daemon) => daemon.kill()));
  fs.rmSync(dir, { recursive: true });
});

async function start(...flags: string[]): Promise<Daemon> {
  const daemon = await Daemon.start(world, flags);
  running.push(daemon);
  return daemon;
}

describe('what to read', () => {
  it('a filter and states bring their sockets and no other', async () => {
    const path = join(dir, 'rows');
    const wanted = made[0] as Endpoint;
    const filter = `src = ${wanted.local} and sport = :${wanted.localPort}`;
    const daemon = await start('--interval', '50ms', '--export', `file:${path}`, '--filter', filter, '--states', 'connected');
    await daemon.polls(3);
    daemon.signal('SIGTERM');
    expect(await daemon.ended()).toBe(0);
    const rows = rowsOfFrames(fs.readFileSync(path));
    expect(rows.length).toBeGreaterThanOrEqual(3);
    expect(new Set(rows.map((row) => row.ends))).toEqual(new Set([ends(wanted)]));
  });

  it('a sample keeps the same sockets in every poll and counts the others', async () => {
    const path = join(dir, 'rows');
    const daemon = await start('--interval', '50ms', '--export', `file:${path}`, '--sample', '3', '--states', 'established');
    await daemon.polls(4);
    expect(await daemon.metric('netsoakd_sampled_out_sockets_total')).toBeGreaterThan(0);
    daemon.signal('SIGTERM');
    expect(await daemon.ended()).toBe(0);
    const polls = new Map<string, string[]>();
    for (const row of rowsOfFrames(fs.readFileSync(path)).filter((one) => one.netns === name)) {
      polls.set(row.poll, [...(polls.get(row.poll) ?? []), row.ends].sort());
    }
    const [first = [], ...others] = polls.values();
    expect(first.length).toBeGreaterThan(0);
    expect(first.length).toBeLessThan(made.length);
    expect(others.length).toBeGreaterThanOrEqual(2);
    for (const other of others) expect(other).toEqual(first);
  });
});

describe('closed = true', () => {
  it('brings a last row of every connection, from namespaces made after the start too', async () => {
    const path = join(dir, 'rows');
    const daemon = await start('--interval', '100ms', '--closed', 'true', '--format', 'jsonl', '--export', `file:${path}`);
    await daemon.polls(1);
    const guests = world.namespaces();
    const others = [guests.add(), guests.add()];
    const brief: string[] = [];
    for (const guest of others) brief.push(...(await guests.connect(guest, 4)).map(ends));
    // A namespace is listened to from the discovery that finds it.
    await daemon.polls((await daemon.metric('netsoakd_polls_total')) + 3);
    await guests.release();
    while ((await daemon.metric('netsoakd_closed_events_total', 'outcome="row"')) < brief.length) await sleep(50);
    daemon.signal('SIGTERM');
    expect(await daemon.ended()).toBe(0);
    const rows = rowsOfLines(fs.readFileSync(path));
    const closed = rows.filter((row) => row.kind === 'closed' && others.includes(row.netns));
    expect(closed.map((row) => row.ends).sort()).toEqual(expect.arrayContaining([...brief].sort()));
    expect(new Set(rows.map((row) => row.identity)).size).toBe(rows.length);
    expect(daemon.said('stopped')).toMatchObject({ rowsRead: rows.length, rowsExported: rows.length, rowsInMemory: 0 });
  });
});
