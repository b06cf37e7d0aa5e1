/** The real daemon and a real broker that goes away: what the records of polls claim is in Kafka, each row of it. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { type Kafka } from 'kafkajs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Broker } from '../harness/pipeline/broker.js';
import type { TestNamespaces } from '../native/test-namespaces.js';
import { claimsOfLines, Daemon, metricOf, PROGRAM, rowsOfFrames } from './daemon.test-support.js';
import { World } from './world.test-support.js';

let dir: string;
let broker: Broker;
let kafka: Kafka;
let world: World;
let population: TestNamespaces;
beforeAll(async () => {
  dir = fs.mkdtempSync(join(tmpdir(), 'netsoak-pipeline-'));
  world = await World.open();
  population = world.namespaces();
  for (const name of population.addMany(2)) await population.connect(name, 15);
  broker = await Broker.start(join(dir, 'kafka'));
  kafka = new kafkajs.Kafka({ brokers: [broker.address], logLevel: kafkajs.logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: ['rows', 'rows-polls', 'lonely'].map((topic) => ({ topic, numPartitions: 3 })) });
  await admin.disconnect();
}, 240_000);
const running: Daemon[] = [];
afterEach(() => Promise.all(running.splice(0).map((daemon) => daemon.kill())));
afterAll(async () => {
  await broker?.stop();
  await population?.release();
  await world?.close();
  fs.rmSync(dir, { recursive: true });
});

async function start(...flags: string[]): Promise<Daemon> {
  const daemon = await Daemon.start(world, ['--interval', '200ms', '--flush-rows', '50', ...flags]);
  running.push(daemon);
  return daemon;
}

async function books(daemon: Daemon) {
  const { text } = await daemon.get('/metrics');
  const of = (name: string) => metricOf(text, `netsoakd_rows_${name}`);
  expect(of('exported_total') + of('dropped_total') + of('in_memory') + of('in_spool')).toBe(of('read_total') + of('recovered_total'));
  return { read: of('read_total'), spooled: of('in_spool'), exported: of('exported_total'), dropped: of('dropped_total') };
}

async function until(daemon: Daemon, done: (now: Awaited<ReturnType<typeof books>>) => boolean): Promise<void> {
  while (!done(await books(daemon))) await sleep(50);
}

/** Bodies of all messages of a topic. */
async function bodiesOf(topic: string): Promise<Buffer[]> {
  const admin = kafka.admin();
  await admin.connect();
  const wanted = (await admin.fetchTopicOffsets(topic)).reduce((sum, { high }) => sum + Number(high), 0);
  await admin.disconnect();
  const bodies: Buffer[] = [];
  const consumer = kafka.consumer({ groupId: `reader-of-${topic}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve) => {
    void consumer.run({
      eachMessage: async ({ message }) => {
        bodies.push(message.value as Buffer);
        if (bodies.length === wanted) resolve();
      },
    });
  });
  await consumer.disconnect();
  return bodies;
}

describe('netsoakd and Kafka', () => {
  it('loses nothing that it read while the broker is killed, it is killed itself, and both come back', async () => {
    const flags = ['--export', `kafka:${broker.address}/rows`, '--spool', join(dir, 'spool')];
    const first = await start(...flags);
    await until(first, ({ exported }) => exported > 200);
    await broker.kill();
    await until(first, ({ spooled }) => spooled > 300);
    first.signal('SIGKILL');
    await first.ended();
    // With a spool a broker that is not there is no error at the start either.
    const second = await start(...flags);
    const { spooled } = await books(second);
    await until(second, (now) => now.spooled > spooled + 300);
    await broker.up();
    await until(second, (now) => now.spooled === 0);
    const { read } = await books(second);
    await until(second, (now) => now.read > read + 200);
    second.signal('SIGTERM');
    expect(await second.ended()).toBe(0);
    expect(second.said('stopped')).toMatchObject({ rowsDropped: 0, rowsInMemory: 0 });
    // What the stop left in the spool.
    const third = await start(...flags, '--interval', '1h');
    await until(third, (now) => now.spooled === 0 && now.exported > 0);
    third.signal('SIGTERM');
    expect(await third.ended()).toBe(0);

    const rows = (await bodiesOf('rows')).flatMap(rowsOfFrames);
    const distinct = new Map(rows.map((row) => [row.identity, row]));
    const arrived = new Map<string, number>();
    for (const { poll } of distinct.values()) arrived.set(poll, (arrived.get(poll) ?? 0) + 1);
    const claims = claimsOfLines(Buffer.concat(await bodiesOf('rows-polls')));
    const short = [...claims].filter(([poll, count]) => arrived.get(poll) !== count);
    // A record may be in the spool ahead of the last envelope of its poll, which the kill then took out of memory: of one poll at most.
    expect(short.length).toBeLessThanOrEqual(1);
    expect(claims.size).toBeGreaterThan(10);
  }, 400_000);

  it('goes on without records of polls when their topic is not there, and says so', async () => {
    const daemon = await start('--export', `kafka:${broker.address}/lonely`);
    expect(daemon.said('polls leave no records').cause).toContain('has no topic lonely-polls');
    await until(daemon, ({ exported }) => exported > 0);
    daemon.signal('SIGTERM');
    expect(await daemon.ended()).toBe(0);
  });

  it.each([
    ['a topic that is not there', () => `kafka:${broker.address}/nowhere`, [], 'has no topic nowhere'],
    ['a topic for records of polls that is named and not there', () => `kafka:${broker.address}/rows`, ['nowhere'], 'has no topic nowhere'],
    ['a broker that is not there', () => 'kafka:127.0.0.1:9/rows', [], 'does not take messages'],
    ['a database that is not there', () => 'clickhouse:http://127.0.0.1:9/netsoak/tcp', [], 'nobody listens there'],
  ])('ends at once with 64 for %s', (_, target, polls, sentence) => {
    const more = polls.flatMap((topic) => ['--polls', `kafka:${broker.address}/${topic}`]);
    const { status, stderr } = spawnSync(process.execPath, [PROGRAM, '--export', target(), ...more], { encoding: 'utf8' });
    expect(stderr).toContain(sentence);
    expect(status).toBe(64);
  });
});
