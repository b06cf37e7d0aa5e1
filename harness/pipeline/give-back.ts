/** A program: reads what a run has borrowed (a Lent, as JSON) from its standard input and takes it away there. See lent.ts. */
import { text } from 'node:stream/consumers';
import kafkajs from 'kafkajs';
import { ClickHouse } from './clickhouse.js';
import type { Lent } from './lent.js';

const PATIENCE_MS = 10_000;

const { kafka, clickhouse } = JSON.parse(await text(process.stdin)) as Lent;
// The database first: it reads from the topics.
if (clickhouse !== undefined) await dropDatabase(clickhouse).catch(complain);
if (kafka !== undefined) await deleteTopics(kafka).catch(complain);

async function dropDatabase({ url, database }: NonNullable<Lent['clickhouse']>): Promise<void> {
  const server = await ClickHouse.start('', { url, patienceMs: PATIENCE_MS });
  await server.query(`DROP DATABASE IF EXISTS ${database}`);
}

async function deleteTopics({ brokers, topics }: NonNullable<Lent['kafka']>): Promise<void> {
  const settings = { brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING, retry: { retries: 3 } };
  const admin = new kafkajs.Kafka(settings).admin();
  try {
    await admin.connect();
    const there = new Set(await admin.listTopics());
    const ours = topics.filter((topic) => there.has(topic));
    if (ours.length > 0) await admin.deleteTopics({ topics: ours, timeout: PATIENCE_MS });
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

/** Nobody may be left to read it. */
function complain(error: unknown): void {
  process.stderr.write(`netsoak: not given back: ${error instanceof Error ? error.message : String(error)}\n`);
}
