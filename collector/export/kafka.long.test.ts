/** The kafka exporter against a real broker: the contract, and what it says of brokers and topics that will not do. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import kafkajs, { type Admin, type Kafka } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Broker } from '../../harness/pipeline/broker.js';
import { freePorts } from '../../harness/pipeline/program.js';
import { NO_CREDENTIALS } from '../credentials.js';
import { type Bench, exporterContract, frameOfRows, rowsOfStream } from './contract.test-support.js';
import { openFarEnd } from './exporter.js';
import { KafkaExporter } from './kafka.js';
import { Retrying } from './retrying.js';

let dir: string;
let broker: Broker;
let kafka: Kafka;
let admin: Admin;
beforeAll(async () => {
  dir = fs.mkdtempSync(join(tmpdir(), 'netsoak-kafka-'));
  broker = await Broker.start(dir);
  kafka = new kafkajs.Kafka({ brokers: [broker.address], logLevel: kafkajs.logLevel.NOTHING });
  admin = kafka.admin();
  await admin.connect();
}, 180_000);
afterAll(async () => {
  await admin?.disconnect();
  await broker?.stop();
  fs.rmSync(dir, { recursive: true });
});

let topics = 0;
async function newTopic(limit?: number): Promise<string> {
  const topic = `rows-${topics++}`;
  const configEntries = limit === undefined ? [] : [{ name: 'max.message.bytes', value: String(limit) }];
  await admin.createTopics({ topics: [{ topic, numPartitions: 3, configEntries }] });
  return topic;
}

const target = (topic: string, port = broker.port) => ({ kind: 'kafka', brokers: [{ host: '127.0.0.1', port }], topic }) as const;
const OPTIONS = { hostname: 'web1', longest: 768 << 10, patient: false, credentials: NO_CREDENTIALS };

interface Message {
  readonly key: string;
  readonly partition: number;
  readonly value: Buffer;
}

/** Every message of a topic, in order within its partition. */
async function messagesOf(topic: string): Promise<Message[]> {
  const wanted = (await admin.fetchTopicOffsets(topic)).reduce((sum, { high }) => sum + Number(high), 0);
  const messages: Message[] = [];
  const consumer = kafka.consumer({ groupId: `reader-of-${topic}-${topics++}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve) => {
    if (wanted === 0) resolve();
    void consumer.run({
      eachMessage: async ({ message, partition }) => {
        messages.push({ key: String(message.key), partition, value: message.value as Buffer });
        if (messages.length === wanted) resolve();
      },
    });
  });
  await consumer.disconnect();
  return messages;
}

async function open(): Promise<Bench> {
  const topic = await newTopic();
  const exporter = await openFarEnd(target(topic), 'protobufList', OPTIONS);
  return { exporter, arrived: async () => (await messagesOf(topic)).flatMap(({ value }) => rowsOfStream(value)) };
}

exporterContract('kafka', open);

describe('export: kafka', () => {
  it('puts exactly one frame into a message, with the host as its key', async () => {
    const topic = await newTopic();
    const exporter = await openFarEnd(target(topic), 'protobufList', OPTIONS);
    const frames = [frameOfRows(0, 3, 10), frameOfRows(3, 500, 100), frameOfRows(503, 1, 1)];
    for (const frame of frames) await exporter.write(frame, 1);
    await exporter.close();
    const messages = await messagesOf(topic);
    expect(messages.map(({ value }) => value)).toEqual(frames);
    expect(new Set(messages.map(({ key }) => key))).toEqual(new Set(['web1']));
    expect(new Set(messages.map(({ partition }) => partition)).size).toBe(1);
  });

  it('refuses, before the first row, a topic that is not there: exit 64', async () => {
    await expect(openFarEnd(target('nowhere'), 'protobufList', OPTIONS)).rejects.toMatchObject({
      exitCode: 64,
      message: `kafka ${broker.address} has no topic nowhere`,
    });
  });

  it('refuses a topic whose messages are shorter than an envelope may be, and says which cap would do', async () => {
    const topic = await newTopic(100_000);
    const refusal = await openFarEnd(target(topic), 'protobufList', OPTIONS).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ exitCode: 64, message: expect.stringContaining('is 100000 bytes (max.message.bytes)') });
    const cap = Number(/flush-bytes to (\d+)/.exec((refusal as { hint: string }).hint)?.[1]);
    const exporter = await openFarEnd(target(topic), 'protobufList', { ...OPTIONS, longest: cap });
    // The longest frame that the cap lets through.
    await exporter.write(frameOfRows(0, 1, cap - 110), 1);
    await exporter.close();
    expect((await messagesOf(topic))[0]?.value.length).toBeGreaterThan(cap - 100);
  });

  it('refuses a broker that is not there: exit 64, unless there is a spool', async () => {
    const [port] = (await freePorts(1)) as [number];
    await expect(openFarEnd(target('rows', port), 'protobufList', OPTIONS)).rejects.toMatchObject({ exitCode: 64 });
    const patient = await openFarEnd(target('rows', port), 'protobufList', { ...OPTIONS, patient: true });
    await expect(patient.write(frameOfRows(0, 1, 1), 1)).rejects.toMatchObject({ reason: 'unreachable', final: false });
    await patient.close();
  });

  it('splits an envelope when the topic takes shorter messages than at the start, and loses no row', async () => {
    const topic = await newTopic();
    const exporter = await openFarEnd(target(topic), 'protobufList', OPTIONS);
    const shorter = {
      type: kafkajs.ConfigResourceTypes.TOPIC,
      name: topic,
      configEntries: [{ name: 'max.message.bytes', value: '50000' }],
    };
    await admin.alterConfigs({ validateOnly: false, resources: [shorter] });
    await exporter.write(frameOfRows(0, 1_000, 300), 1_000);
    await exporter.close();
    const messages = await messagesOf(topic);
    expect(messages.length).toBeGreaterThan(6);
    expect(messages.flatMap(({ value }) => rowsOfStream(value)).map(({ number }) => number)).toEqual([...Array(1_000).keys()]);
  });

  it('loses nothing and keeps the order while the broker is killed, gone and started again', async () => {
    const topic = await newTopic();
    const inner = await openFarEnd(target(topic), 'protobufList', OPTIONS);
    let retries = 0;
    const exporter = new Retrying(inner, {
      pause: () => new Promise((resolve) => setTimeout(resolve, 200)),
      retried: () => {
        retries++;
      },
    });
    await exporter.write(frameOfRows(0, 10, 10), 10);
    await broker.kill();
    const write = exporter.write(frameOfRows(10, 10, 10), 10);
    while (retries === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    await broker.up();
    await write;
    await exporter.write(frameOfRows(20, 10, 10), 10);
    await exporter.close();
    const numbers = (await messagesOf(topic)).flatMap(({ value }) => rowsOfStream(value)).map(({ number }) => number);
    expect([...new Set(numbers)]).toEqual([...Array(30).keys()]);
  });

  it('ends a write under way when it is closed', async () => {
    const topic = await newTopic();
    const exporter = new KafkaExporter(target(topic), 'protobufList', OPTIONS);
    await exporter.write(frameOfRows(0, 1, 1));
    broker.signal('SIGSTOP');
    try {
      const outcome = expect(exporter.write(frameOfRows(1, 1, 1))).rejects.toMatchObject({ reason: 'closed', final: true });
      await new Promise((resolve) => setTimeout(resolve, 200));
      // A silent broker's requests end by themselves after half a minute.
      await exporter.close();
      await outcome;
    } finally {
      broker.signal('SIGCONT');
    }
  });
});
