/** Each fault of a service takes effect, is proven, recovers, and costs no message that was acknowledged. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { throughPhases } from '../agent/faults/phases.js';
import type { RunEvent } from '../facts/events.js';
import type { ServiceFaultName } from '../facts/faults.js';
import type { ServiceName } from '../facts/plan.js';
import { makeServiceFault } from './faults.js';
import { Services } from './services.js';

let dir: string;
let services: Services | undefined;
const never = new AbortController().signal;
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), 'netsoak-faults-'));
});
afterEach(async () => {
  await services?.end();
  fs.rmSync(dir, { recursive: true });
});

async function start(names: readonly ServiceName[], faults: readonly ServiceFaultName[]): Promise<Services> {
  services = await Services.start({ names, given: {}, target: 'host', id: 'faults', cgroup: basename(dir), dir, signal: never, faults });
  return services;
}

/** Phases of the fault, each with its words. */
async function through(name: ServiceFaultName, of: Services, seconds: number): Promise<Record<string, string>> {
  const told: Record<string, string> = {};
  const emit = (event: RunEvent): void => {
    if (event.kind === 'fault') told[event.state] = event.detail;
  };
  await throughPhases(makeServiceFault(name, of, never), { name, seconds, limitSeconds: 120, signal: never, emit });
  return told;
}

/** Sends numbers without pause, each until it is acknowledged, as an exporter does. */
class Writer {
  readonly acknowledged: number[] = [];
  private isOver = false;
  private readonly done: Promise<void>;

  constructor({ outside: { kafka = '', topic = '' } }: Services) {
    this.done = this.write(
      new kafkajs.Kafka({ brokers: kafka.split(','), logLevel: kafkajs.logLevel.NOTHING, requestTimeout: 5_000 }),
      topic,
    );
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await this.done;
  }

  async until(count: number): Promise<void> {
    const wanted = this.acknowledged.length + count;
    while (this.acknowledged.length < wanted) await sleep(50);
  }

  private async write(kafka: kafkajs.Kafka, topic: string): Promise<void> {
    let producer = kafka.producer();
    for (let next = 0; !this.isOver; ) {
      try {
        await producer.connect();
        await producer.send({ topic, acks: -1, messages: [{ key: 'host', value: String(next) }] });
        this.acknowledged.push(next++);
        await sleep(10);
      } catch {
        await producer.disconnect().catch(() => {});
        producer = kafka.producer();
      }
    }
    await producer.disconnect();
  }
}

async function messagesOf({ outside: { kafka = '', topic = '' } }: Services): Promise<Set<number>> {
  const found = new Set<number>();
  const consumer = new kafkajs.Kafka({ brokers: kafka.split(','), logLevel: kafkajs.logLevel.NOTHING }).consumer({ groupId: 'reader' });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let heardAt = performance.now();
  await consumer.run({
    eachMessage: async ({ message }) => {
      found.add(Number(message.value));
      heardAt = performance.now();
    },
  });
  while (performance.now() - heardAt < 5_000) await sleep(100);
  await consumer.disconnect();
  return found;
}

describe('a fault of the broker', () => {
  it.each([
    ['broker-stopped', /^nobody answers at/, /^3 partitions are led/],
    ['broker-slow', /^it takes \d+ ms to answer/, /^it takes \d+ ms to answer/],
    ['broker-disk-full', /^0 bytes are free, and the broker has ended/, /^3 partitions are led/],
    ['leader-killed', /^broker \d leads partition \d in place of broker \d/, /^all 3 brokers are in sync/],
  ] as const)('%s is seen, is over, and costs nothing acknowledged', async (name, effective, recovered) => {
    const own = await start(['kafka'], [name]);
    const writer = new Writer(own);
    try {
      await writer.until(50);
      expect(await through(name, own, 3)).toMatchObject({
        effective: expect.stringMatching(effective),
        recovered: expect.stringMatching(recovered),
      });
      await writer.until(50);
    } finally {
      await writer.stop();
    }
    const found = await messagesOf(own);
    expect(writer.acknowledged.filter((number) => !found.has(number))).toEqual([]);
  });
});

describe('a fault of the database', () => {
  it('stops it, stalls its consumer, and each time it reads on where it was', async () => {
    const own = await start(['kafka', 'clickhouse'], []);
    const writer = new Writer(own);
    try {
      await writer.until(50);
      expect((await through('clickhouse-stopped', own, 2)).effective).toMatch(/^nobody answers at http:/);
      expect((await through('consumer-stalled', own, 2)).effective).toMatch(/^\d+ threads in state T, \d+ messages wait/);
    } finally {
      await writer.stop();
    }
    // None of the numbers is an envelope: what it read of them is in the table of errors, each at its offset.
    const { database, table, clickhouse = '' } = own.outside;
    const sql = `SELECT uniqExact(partition, offset) FROM ${database}.${table}_errors`;
    const read = async () => Number(await (await fetch(clickhouse, { method: 'POST', body: sql })).text());
    await expect.poll(read, { timeout: 120_000, interval: 1_000 }).toBe(writer.acknowledged.length);
  });
});

it('refuses to break what was given', () => {
  const given = { brokers: [], outside: { kafka: '127.0.0.1:9' } } as unknown as Services;
  expect(() => makeServiceFault('broker-stopped', given, never)).toThrow('the broker was given, and is not ours to break');
});
