/**
 * Reads the two topics of a run from their beginning, each message once: where a broker that went away and came back makes the client begin
 * anew, it goes on at the offset it had come to. It is in a group of its own each time, since a group waits for a member that is gone.
 */
import { setTimeout as delay } from 'node:timers/promises';
import kafkajs, { type Consumer } from 'kafkajs';

export interface TopicReaderOptions {
  /** `HOST:PORT`, with commas between several */
  readonly broker: string;
  readonly topic: string;
  /** Envelopes of rows. */
  readonly rows: (value: Buffer) => void;
  /** A line of JSON. */
  readonly record: (value: Buffer) => void;
}

const RETRY = { retries: 10, initialRetryTime: 200, maxRetryTime: 2_000 } as const;

export class TopicReader {
  readonly #kafka: InstanceType<typeof kafkajs.Kafka>;
  readonly #next = new Map<string, number>();
  #consumer: Consumer | undefined;
  #running: Promise<void> | undefined;
  #ended = false;

  constructor(private readonly o: TopicReaderOptions) {
    this.#kafka = new kafkajs.Kafka({
      brokers: o.broker.split(','),
      clientId: 'netsoak-books',
      logLevel: kafkajs.logLevel.NOTHING,
      retry: RETRY,
    });
  }

  start(): void {
    this.#running = this.#read();
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#consumer?.disconnect().catch(() => {});
    await this.#running;
  }

  /** Whether everything that stands in the topics now was read. @throws Error when no broker answers */
  async isCaughtUp(): Promise<boolean> {
    const admin = this.#kafka.admin();
    try {
      await admin.connect();
      for (const topic of this.#topics) {
        for (const { partition, high } of await admin.fetchTopicOffsets(topic)) {
          if (Number(high) > (this.#next.get(`${topic}/${partition}`) ?? 0)) return false;
        }
      }
      return true;
    } finally {
      await admin.disconnect().catch(() => {});
    }
  }

  get #topics(): string[] {
    return [this.o.topic, `${this.o.topic}-polls`];
  }

  /** Again and again, until the end: the client gives up some time when there is no broker. */
  async #read(): Promise<void> {
    for (let life = 1; !this.#ended; life++) {
      const consumer = this.#kafka.consumer({
        groupId: `${this.o.topic}-books-${life}`,
        retry: { ...RETRY, restartOnFailure: async () => false },
      });
      this.#consumer = consumer;
      const crashed = new Promise<void>((done) => void consumer.on(consumer.events.CRASH, () => done()));
      const stopped = new Promise<void>((done) => void consumer.on(consumer.events.STOP, () => done()));
      try {
        await consumer.connect();
        await consumer.subscribe({ topics: this.#topics, fromBeginning: true });
        await consumer.run({
          // Whoever begins anew begins at the front.
          autoCommit: false,
          eachBatch: async ({ batch }) => {
            const place = `${batch.topic}/${batch.partition}`;
            for (const { offset, value } of batch.messages) {
              if (Number(offset) < (this.#next.get(place) ?? 0)) continue;
              this.#next.set(place, Number(offset) + 1);
              if (value !== null) (batch.topic === this.o.topic ? this.o.rows : this.o.record)(value);
            }
          },
        });
        for (const [place, next] of this.#next) {
          const at = place.lastIndexOf('/');
          consumer.seek({ topic: place.slice(0, at), partition: Number(place.slice(at + 1)), offset: String(next) });
        }
        await Promise.race([crashed, stopped]);
      } catch {
        // No broker answers; the next round may find one.
      }
      await consumer.disconnect().catch(() => {});
      if (!this.#ended) await delay(500);
    }
  }
}
