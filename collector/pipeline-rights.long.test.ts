/** The real daemon and a broker that asks who it is: how it ends where it may not, and that it loses nothing where it may no longer. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { type Admin, type Kafka } from 'kafkajs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TestNamespaces } from '../native/test-namespaces.js';
import { claimsOfLines, Daemon, metricOf, PROGRAM, rowsOfFrames } from './daemon.test-support.js';
import { allow, forbid, PASSWORD, type SecuredBroker, startSecuredBroker } from './export/secured-broker.test-support.js';
import { World } from './world.test-support.js';

let dir: string;
let secured: SecuredBroker;
let kafka: Kafka;
let admin: Admin;
let world: World;
let population: TestNamespaces;
beforeAll(async () => {
  dir = fs.mkdtempSync(join(tmpdir(), 'netsoak-rights-'));
  world = await World.open();
  population = world.namespaces();
  for (const name of population.addMany(2)) await population.connect(name, 15);
  secured = await startSecuredBroker(dir);
  kafka = new kafkajs.Kafka({ brokers: [secured.broker.address], logLevel: kafkajs.logLevel.NOTHING });
  admin = kafka.admin();
  await admin.connect();
}, 240_000);
afterAll(async () => {
  await admin?.disconnect();
  await secured?.broker.stop();
  await population?.release();
  await world?.close();
  fs.rmSync(dir, { recursive: true });
});

let topic: string;
let topics = 0;
let password: string;
const running: Daemon[] = [];
beforeEach(async () => {
  topic = `daemon-${topics++}`;
  await admin.createTopics({ topics: [{ topic }, { topic: `${topic}-polls` }] });
  password = join(dir, `password-${topics}`);
  fs.writeFileSync(password, `${PASSWORD}\n`, { mode: 0o600 });
});
afterEach(() => Promise.all(running.splice(0).map((daemon) => daemon.kill())));

const flags = () => [
  '--export',
  `kafka+ssl:alice@127.0.0.1:${secured.ports.saslSsl}/${topic}`,
  '--password-file',
  password,
  '--tls-ca',
  secured.certificates.own.cert,
];

async function start(...more: string[]): Promise<Daemon> {
  const daemon = await Daemon.start(world, ['--interval', '200ms', '--flush-rows', '50', ...flags(), ...more]);
  running.push(daemon);
  return daemon;
}

function refused(...more: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...flags(), ...more], { encoding: 'utf8', timeout: 60_000 });
  return { status, said: stdout + stderr };
}

async function rowsOf(daemon: Daemon) {
  const { text } = await daemon.get('/metrics');
  const of = (name: string) => metricOf(text, `netsoakd_rows_${name}`);
  return { read: of('read_total'), spooled: of('in_spool'), exported: of('exported_total'), dropped: of('dropped_total') };
}

async function until(daemon: Daemon, done: (now: Awaited<ReturnType<typeof rowsOf>>) => boolean): Promise<void> {
  while (!done(await rowsOf(daemon))) await sleep(50);
}

async function bodiesOf(name: string): Promise<Buffer[]> {
  const wanted = (await admin.fetchTopicOffsets(name)).reduce((sum, { high }) => sum + Number(high), 0);
  const bodies: Buffer[] = [];
  const consumer = kafka.consumer({ groupId: `reader-of-${name}` });
  await consumer.connect();
  await consumer.subscribe({ topic: name, fromBeginning: true });
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

describe('netsoakd and a broker that asks who it is', () => {
  it('ends with 77 where the topic may not be written to, and where the password is wrong, which nobody reads', () => {
    expect(refused()).toMatchObject({
      status: 77,
      said: expect.stringMatching(`does not let alice write to the topic ${topic}\n.*allow User:alice`),
    });
    fs.writeFileSync(password, 'opensesame');
    const { status, said } = refused();
    expect(status).toBe(77);
    expect(said).toContain('does not let alice in');
    expect(said).not.toContain('opensesame');
  });

  it('ends with 64 where others may read the password, and where the authority is not to be trusted', () => {
    expect(refused('--tls-ca', secured.certificates.stranger.ca)).toMatchObject({ status: 64, said: expect.stringContaining('by tls-ca') });
    fs.chmodSync(password, 0o644);
    expect(refused()).toMatchObject({
      status: 64,
      said: expect.stringContaining(`password-file: ${password} is open to others (mode 644)`),
    });
  });

  it('goes on without records of polls where it may not write them, and says so; ends with 77 where they were asked for by name', async () => {
    await allow(admin, 'alice', 'WRITE', topic);
    const daemon = await start();
    expect(daemon.said('polls leave no records').cause).toMatch(`does not let alice write to the topic ${topic}-polls: allow User:alice`);
    await until(daemon, ({ exported }) => exported > 0);
    daemon.signal('SIGTERM');
    expect(await daemon.ended()).toBe(0);
    const named = `kafka+ssl:alice@127.0.0.1:${secured.ports.saslSsl}/${topic}-polls`;
    expect(refused('--polls', named)).toMatchObject({ status: 77, said: expect.stringContaining(`the topic ${topic}-polls`) });
  });

  it.each(['memory', 'the spool'])('loses nothing where its right is taken away: rows wait in %s', async (where) => {
    const spool = where === 'memory' ? [] : ['--spool', join(dir, `spool-${topic}`)];
    for (const name of [topic, `${topic}-polls`]) await allow(admin, 'alice', 'WRITE', name);
    const daemon = await start(...spool);
    await until(daemon, ({ exported }) => exported > 200);
    for (const name of [topic, `${topic}-polls`]) await forbid(admin, name);
    if (where === 'memory') {
      while (!daemon.log.some(({ msg }) => msg === 'an envelope was not taken; trying again')) await sleep(50);
      expect(daemon.said('an envelope was not taken; trying again').cause).toContain(`does not let alice write to the topic ${topic}`);
    } else await until(daemon, ({ spooled }) => spooled > 300);
    for (const name of [topic, `${topic}-polls`]) await allow(admin, 'alice', 'WRITE', name);
    const { read } = await rowsOf(daemon);
    await until(daemon, ({ exported, spooled }) => exported > read + 100 && spooled === 0);
    daemon.signal('SIGTERM');
    expect(await daemon.ended()).toBe(0);
    expect(daemon.said('stopped')).toMatchObject({ rowsDropped: 0, rowsInMemory: 0 });
    const distinct = new Map((await bodiesOf(topic)).flatMap(rowsOfFrames).map((row) => [row.identity, row]));
    const arrived = new Map<string, number>();
    for (const { poll } of distinct.values()) arrived.set(poll, (arrived.get(poll) ?? 0) + 1);
    expect(distinct.size).toBe(daemon.said('stopped').rowsRead);
    expect(claimsOfLines(Buffer.concat(await bodiesOf(`${topic}-polls`)))).toEqual(arrived);
  });

  it('takes a new password from its file, and at SIGHUP refuses one that others may read', async () => {
    for (const name of [topic, `${topic}-polls`]) await allow(admin, 'alice', 'WRITE', name);
    fs.writeFileSync(password, 'opensesame');
    const daemon = await start('--spool', join(dir, `spool-${topic}`)).catch((error: Error) => error.message);
    expect(daemon).toContain('does not let alice in');
    fs.writeFileSync(password, PASSWORD);
    const second = await start('--spool', join(dir, `spool-${topic}`));
    await until(second, ({ exported }) => exported > 0);
    fs.chmodSync(password, 0o604);
    second.signal('SIGHUP');
    while (!second.log.some(({ msg }) => msg.includes('configuration'))) await sleep(20);
    expect(second.said('the new configuration is refused, the old one goes on').cause).toContain('is open to others (mode 604)');
    // The broker hangs up on everybody; who comes back needs the password, and can't have it.
    await secured.broker.kill();
    await secured.broker.up();
    await until(second, ({ spooled }) => spooled > 100);
    fs.chmodSync(password, 0o600);
    await until(second, ({ spooled }) => spooled === 0);
    second.signal('SIGTERM');
    expect(await second.ended()).toBe(0);
  });
});
