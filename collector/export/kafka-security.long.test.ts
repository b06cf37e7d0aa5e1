/** The kafka exporter and a broker that asks who one is: who is let in, what is said to those who are not, and a right that is taken away. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import kafkajs, { type Admin, type Kafka } from 'kafkajs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Credentials } from '../credentials.js';
import { frameOfRows, rowsOfStream } from './contract.test-support.js';
import { openFarEnd } from './exporter.js';
import { Retrying } from './retrying.js';
import { allow, forbid, PASSWORD, type SecuredBroker, startSecuredBroker } from './secured-broker.test-support.js';

let dir: string;
let secured: SecuredBroker;
let kafka: Kafka;
let admin: Admin;
beforeAll(async () => {
  dir = fs.mkdtempSync(join(tmpdir(), 'netsoak-secured-'));
  secured = await startSecuredBroker(dir);
  kafka = new kafkajs.Kafka({ brokers: [secured.broker.address], logLevel: kafkajs.logLevel.NOTHING });
  admin = kafka.admin();
  await admin.connect();
}, 240_000);
afterAll(async () => {
  await admin?.disconnect();
  await secured?.broker.stop();
  fs.rmSync(dir, { recursive: true });
});

let topic: string;
let topics = 0;
beforeEach(async () => {
  topic = `rows-${topics++}`;
  await admin.createTopics({ topics: [{ topic }] });
});

type Listener = keyof SecuredBroker['ports'];
const isTls = (listener: string) => ['saslSsl', 'ssl', 'elsewhere'].includes(listener);
const isLogin = (listener: string) => ['sasl', 'only256', 'saslSsl'].includes(listener);

/** As alice, whom the broker knows. */
function credentials(changed: Partial<Credentials> = {}): Credentials {
  const { own, client } = secured.certificates;
  const read = (path: string) => fs.readFileSync(path);
  const tls = { ca: read(own.cert), cert: read(client.cert), key: read(client.key) };
  return { password: PASSWORD, mechanism: 'SCRAM-SHA-512', tls, ...changed };
}

/** @param listener or, for `plain`, the one that asks nothing */
function open(
  listener: Listener | 'plain',
  who: Partial<Credentials> = {},
  { patient = false, tls = isTls(listener), login = isLogin(listener) } = {},
) {
  const port = listener === 'plain' ? secured.broker.port : secured.ports[listener];
  const target = {
    kind: 'kafka' as const,
    brokers: [{ host: '127.0.0.1', port }],
    topic,
    ...(tls && { tls: true as const }),
    ...(login && { user: 'alice' }),
  };
  const options = { hostname: 'web1', longest: 768 << 10, patient, credentials: async () => credentials(who) };
  return openFarEnd(target, 'protobufList', options);
}

async function numbers(): Promise<number[]> {
  const wanted = (await admin.fetchTopicOffsets(topic)).reduce((sum, { high }) => sum + Number(high), 0);
  const bodies: Buffer[] = [];
  if (wanted === 0) return [];
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
  return bodies.flatMap((body) => rowsOfStream(body)).map(({ number }) => number);
}

describe('a broker that asks who one is', () => {
  it.each([
    ['sasl', 'PLAIN'],
    ['sasl', 'SCRAM-SHA-256'],
    ['sasl', 'SCRAM-SHA-512'],
    ['saslSsl', 'SCRAM-SHA-512'],
    ['ssl', 'SCRAM-SHA-512'],
  ] as const)('gets the rows on its listener %s (%s), and nothing else', async (listener, mechanism) => {
    await allow(admin, 'alice', 'WRITE', topic);
    const exporter = await open(listener, { mechanism });
    await exporter.write(frameOfRows(0, 3, 10), 3);
    await exporter.write(frameOfRows(3, 4, 10), 4);
    await exporter.close();
    expect(await numbers()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it.each([['PLAIN'], ['SCRAM-SHA-256'], ['SCRAM-SHA-512']] as const)(
    'has %s with a wrong password end with 77, spool or not, and nobody reads the password',
    async (mechanism) => {
      for (const patient of [false, true]) {
        const refusal = await open('sasl', { mechanism, password: 'opensesame' }, { patient }).catch((error: unknown) => error as Error);
        expect(refusal).toMatchObject({
          exitCode: 77,
          message: `kafka 127.0.0.1:${secured.ports.sasl} does not let alice in: user, password or sasl-mechanism is wrong`,
          hint: expect.stringContaining('password-file'),
        });
        expect(JSON.stringify(refusal) + (refusal as Error).stack).not.toContain('opensesame');
      }
    },
  );

  it.each([
    ['whose authority nobody here knows', 'saslSsl', 64, 'is of no authority that is trusted here', 'tls-ca'],
    ['that is for another name', 'elsewhere', 64, 'is for another name', 'subjectAltName'],
  ] as const)('is refused where it shows a certificate %s, spool or not', async (_, listener, exitCode, message, hint) => {
    const tls = listener === 'elsewhere' ? credentials().tls : { ca: fs.readFileSync(secured.certificates.stranger.ca) };
    for (const patient of [false, true]) {
      await expect(open(listener, { tls }, { patient })).rejects.toMatchObject({
        exitCode,
        message: expect.stringContaining(message),
        hint: expect.stringContaining(hint),
      });
    }
  });

  it('is refused with no authority named, where it is of none that Node brings', async () => {
    await expect(open('saslSsl', { tls: {} })).rejects.toMatchObject({ exitCode: 64, hint: expect.stringContaining('tls-ca') });
  });

  it.each(['none', "a stranger's"])('ends with 77 where it wants a certificate and gets %s', async (which) => {
    const { stranger, own } = secured.certificates;
    const shown = which === 'none' ? {} : { cert: fs.readFileSync(stranger.cert), key: fs.readFileSync(stranger.key) };
    await expect(open('ssl', { tls: { ca: fs.readFileSync(own.cert), ...shown } })).rejects.toMatchObject({
      exitCode: 77,
      message: expect.stringContaining('does not take the certificate of netsoakd, or wants one'),
      hint: expect.stringContaining('tls-cert and tls-key'),
    });
  });

  it.each([
    ['a user', 'sasl', { login: false }, 'or its listener wants TLS (kafka+ssl:...) or a user (USER@HOST:PORT)'],
    ['TLS', 'saslSsl', { tls: false }, 'or its listener wants TLS (kafka+ssl:...)'],
    ['no TLS', 'plain', { tls: true }, 'or its listener wants no TLS (kafka:...)'],
  ] as const)('that wants %s and does not get it is told apart from one that is not there', async (_, listener, otherwise, sentence) => {
    await expect(open(listener, {}, otherwise)).rejects.toMatchObject({ exitCode: 64, message: expect.stringContaining(sentence) });
  });

  it('that does not take the mechanism says so', async () => {
    await expect(open('only256')).rejects.toMatchObject({ exitCode: 64, hint: expect.stringContaining('sasl.enabled.mechanisms') });
  });
});

describe('a right that is missing', () => {
  it.each([
    ['no right at all', []],
    ['the right to see it', ['DESCRIBE']],
    ['the right to read it', ['READ']],
  ] as const)('ends with 77 before the first row: %s', async (_, operations) => {
    for (const operation of operations) await allow(admin, 'alice', operation, topic);
    // The right to number messages comes with that to write anywhere.
    const other = `${topic}-other`;
    await admin.createTopics({ topics: [{ topic: other }] });
    await allow(admin, 'alice', 'WRITE', other);
    for (const patient of [false, true]) {
      await expect(open('sasl', {}, { patient })).rejects.toMatchObject({
        exitCode: 77,
        message: `kafka 127.0.0.1:${secured.ports.sasl} does not let alice write to the topic ${topic}`,
        hint: expect.stringContaining('allow User:alice the operation WRITE on it'),
      });
    }
    expect(await numbers()).toEqual([]);
    await forbid(admin, other);
  });

  it('loses nothing where it is taken away in mid-run and given back', async () => {
    await allow(admin, 'alice', 'WRITE', topic);
    const refusals: string[] = [];
    const exporter = new Retrying(await open('sasl'), {
      pause: () => new Promise((resolve) => setTimeout(resolve, 100)),
      retried: ({ message }) => void refusals.push(message),
    });
    await exporter.write(frameOfRows(0, 3, 1), 3);
    await forbid(admin, topic);
    const write = exporter.write(frameOfRows(3, 4, 1), 4);
    while (refusals.length < 3) await new Promise((resolve) => setTimeout(resolve, 50));
    await allow(admin, 'alice', 'WRITE', topic);
    await write;
    await exporter.close();
    expect(refusals[0]).toContain(`does not let alice write to the topic ${topic}: allow User:alice the operation WRITE on it`);
    expect(await numbers()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });
});
