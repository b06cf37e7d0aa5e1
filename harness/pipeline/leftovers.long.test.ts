/** Services end with their run, however that ends: no process, mount or file of theirs stays, and nothing on those that were given. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { expect } from 'vitest';
import { it, type Started } from '../soak.test-support.js';
import { Broker } from './broker.js';
import { ClickHouse } from './clickhouse.js';

// The fault that needs most: a disk of its own.
const PIPELINE = ['pipeline', '--target', 'host', '--duration', '60s', '--seed', '1', '--set', 'fault=broker-disk-full'];

it.for([
  ['killed while they start', 'SIGKILL', () => delay(8_000)],
  ['killed while it measures', 'SIGKILL', (run: Started) => run.said('measuring')],
  ['interrupted while they start', 'SIGINT', () => delay(8_000)],
  ['interrupted while the disk is full', 'SIGINT', (run: Started) => run.said('broker-disk-full: inject')],
] as const)('a run that is %s leaves nothing', async ([_, signal, moment], { runs }) => {
  const run = runs.start('run', ...PIPELINE);
  await moment(run);
  run.child.kill(signal);
  await run.finished;
});

it('a run that is killed gives back what it borrowed of a broker and a database, and touches nothing else there', async ({ runs }) => {
  const dir = fs.mkdtempSync(join(tmpdir(), 'netsoak-given-'));
  const [broker, database] = await Promise.all([Broker.start(join(dir, 'kafka')), ClickHouse.start(join(dir, 'clickhouse'))]);
  const admin = new kafkajs.Kafka({ brokers: [broker.address], logLevel: kafkajs.logLevel.NOTHING }).admin();
  try {
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 'netsoak-of-somebody' }] });
    await database.query('CREATE DATABASE netsoak_of_somebody');
    const topics = async () => (await admin.listTopics()).filter((name) => !name.startsWith('__')).sort();
    const databases = async () => (await database.query("SELECT name FROM system.databases WHERE name LIKE 'netsoak%'")).trim().split('\n');
    const given = ['--kafka', broker.address, '--clickhouse', database.url];
    const run = runs.start('run', 'pipeline', '--target', 'host', '--duration', '60s', '--seed', '1', ...given);
    await run.said('measuring');
    expect([await topics(), await databases()].map(({ length }) => length)).toEqual([3, 2]);
    run.child.kill('SIGKILL');
    await run.finished;
    await expect.poll(topics, { timeout: 30_000 }).toEqual(['netsoak-of-somebody']);
    expect(await databases()).toEqual(['netsoak_of_somebody']);
  } finally {
    await admin.disconnect();
    await Promise.all([broker.kill(), database.kill()]);
    fs.rmSync(dir, { recursive: true });
  }
});
