/** What a scenario is promised of its services: reachable out here and from a target without a way out, prepared, and gone afterwards. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import kafkajs from 'kafkajs';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { PROJECT } from '../project.js';
import { Broker } from './broker.js';
import { ClickHouse } from './clickhouse.js';
import type { Given } from './given.js';
import { checkServices } from './given.js';
import { refuseOld, Services, type ServicesAsked } from './services.js';

const run = promisify(execFile);
let dir: string;
/** A network namespace with nothing but its loopback device, as target `host` has it. */
let enclosed: ChildProcess;
const started: { end(): Promise<void> }[] = [];
beforeAll(async () => {
  dir = fs.mkdtempSync(join(tmpdir(), 'netsoak-services-'));
  enclosed = spawn('unshare', ['--net', '--kill-child=SIGKILL', 'sh', '-c', 'ip link set lo up && echo up && exec sleep infinity'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => enclosed.stdout?.once('data', resolve));
});
afterEach(async () => {
  for (const one of started.splice(0)) await one.end();
});
afterAll(() => {
  enclosed?.kill('SIGKILL');
  fs.rmSync(dir, { recursive: true });
});

async function start(id: string, more: Partial<ServicesAsked> = {}): Promise<Services> {
  const asked: ServicesAsked = {
    names: ['kafka', 'clickhouse'],
    given: {},
    target: 'host',
    id,
    cgroup: `${basename(dir)}-${id}`,
    dir: join(dir, id),
    signal: new AbortController().signal,
    faults: [],
    ...more,
  };
  const services = await Services.start(asked);
  started.push(services);
  return services;
}

/** A poll of the sockets in the enclosed namespace, by a daemon in there, to the topic. */
async function pollIntoKafka({ kafka, topic }: Services['inside']): Promise<void> {
  const daemon = [process.execPath, join(PROJECT, 'dist/collector/main.js'), '--export', `kafka:${kafka}/${topic}`, '--interval', '200ms'];
  await run('nsenter', ['-n', '-t', String(enclosed.pid), 'timeout', '-s', 'TERM', '8', ...daemon]).catch(() => {});
}

it('takes rows from an enclosed target through Kafka into ClickHouse, and leaves no process', async () => {
  const services = await start('one');
  expect(services.facts.map(({ name }) => name)).toEqual(['kafka', 'clickhouse']);
  await services.openDoors(enclosed.pid as number);
  await pollIntoKafka(services.inside);
  const { clickhouse, database, table } = services.outside;
  const count = async (of: string) =>
    Number(await (await fetch(clickhouse as string, { method: 'POST', body: `SELECT count() FROM ${of}` })).text());
  await expect.poll(() => count(`${database}.${table}`), { timeout: 60_000, interval: 500 }).toBeGreaterThan(0);
  await expect.poll(() => count(`${database}.${table}_polls`), { timeout: 60_000, interval: 500 }).toBeGreaterThan(0);
  await services.end();
  await expect(fetch(clickhouse as string)).rejects.toThrow();
});

it('tells a guest other addresses than its own loopback', async () => {
  const { inside, outside } = await start('guest', { target: 'vm', names: ['kafka'] });
  expect(inside.kafka).toMatch(/^10\.0\.2\.2:\d+$/);
  expect(outside.kafka).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(inside).not.toHaveProperty('clickhouse');
});

it('ends what it has started when it is told to before all is up', async () => {
  const abort = new AbortController();
  const starting = start('aborted', { signal: abort.signal });
  starting.catch(() => {});
  await expect.poll(() => fs.existsSync(join(dir, 'aborted/kafka/1/data')), { timeout: 60_000 }).toBe(true);
  abort.abort(new Error('that is enough'));
  await expect(starting).rejects.toThrow('that is enough');
  const { stdout } = await run('ps', ['-eo', 'args']);
  expect(stdout).not.toContain(join(dir, 'aborted'));
});

it('lends a topic and a database of what is given, and takes them back', async () => {
  const [broker, database] = await Promise.all([Broker.start(join(dir, 'given/kafka')), ClickHouse.start(join(dir, 'given/clickhouse'))]);
  started.push({ end: async () => void (await Promise.all([broker.kill(), database.kill()])) });
  const given = { kafka: broker.address, clickhouse: database.url };
  await checkServices(given, ['kafka', 'clickhouse'], 'host');
  const services = await start('lent', { given });
  expect(services.outside).toMatchObject(given);
  const databases = async () => (await database.query("SELECT name FROM system.databases WHERE name LIKE 'netsoak%'")).trim();
  expect(await databases()).toBe('netsoak_lent');
  await services.end();
  expect(await databases()).toBe('');
  expect((await start('again', { given })).outside.topic).toBe('netsoak-again');
});

it('starts a database that has all its bounds', async () => {
  const database = await ClickHouse.start(join(dir, 'bounds'));
  started.push({ end: () => database.kill() });
  const settings = "SELECT name, value FROM system.merge_tree_settings WHERE name LIKE 'number_of_free_entries_in_pool%' ORDER BY 1";
  expect(await database.query(settings)).toBe(
    ['execute_mutation', 'execute_optimize_entire_partition', 'lower_max_size_of_merge']
      .map((what) => `number_of_free_entries_in_pool_to_${what}\t1\n`)
      .join(''),
  );
  expect(await database.query("SELECT value FROM system.settings WHERE name = 'max_memory_usage'")).toBe('1000000000\n');
});

it.each([
  ['25.8.1.1', undefined],
  ['26.7.2.1', undefined],
  ['25.7.9', 'is too old'],
  ['18.16.1', 'is too old'],
])('takes ClickHouse %s or says %j', (version, sentence) => {
  for (const [given, owner] of [
    [undefined, 'infra'],
    ['http://db', 'user'],
  ] as const) {
    const refuse = () => refuseOld(version, given);
    if (sentence === undefined) expect(refuse).not.toThrow();
    else expect(refuse).toThrow(expect.objectContaining({ owner, message: expect.stringContaining(sentence) }));
  }
});

it('leaves a topic of its name alone that it has not made', async () => {
  const broker = await Broker.start(join(dir, 'taken/kafka'));
  started.push({ end: () => broker.kill() });
  const admin = new kafkajs.Kafka({ brokers: [broker.address], logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'netsoak-taken' }] });
  const asked = start('taken', { names: ['kafka'], given: { kafka: broker.address } });
  await expect(asked).rejects.toMatchObject({ message: 'the broker has a topic netsoak-taken already' });
  expect(await admin.listTopics()).toEqual(['netsoak-taken']);
  await admin.disconnect();
});

it.each([
  ['a broker that is not there', { kafka: '127.0.0.1:9' }, 'no broker answers at 127.0.0.1:9'],
  ['no address of a broker', { kafka: 'somewhere' }, 'somewhere is not HOST:PORT'],
  [
    'a database that is not there',
    { clickhouse: 'http://127.0.0.1:2' },
    'ClickHouse at http://127.0.0.1:2 does not answer SELECT 1: connect ECONNREFUSED 127.0.0.1:2',
  ],
  ['no URL', { clickhouse: 'somewhere' }, 'somewhere is no URL'],
] as const)('refuses %s before anything starts', async (_, given: Given, sentence) => {
  await expect(checkServices(given, ['kafka', 'clickhouse'], 'host')).rejects.toMatchObject({
    owner: 'user',
    message: expect.stringContaining(sentence),
  });
});
