/**
 * A topic of Apache Kafka: exactly one frame a message, keyed by the host, so that the rows of a host keep their order in one partition.
 * A message counts once all in-sync replicas have it (acks = all), by an idempotent producer: what it repeats by itself is there once.
 * Whatever fails is tried again, but a row that no message can hold.
 */
import kafkajs, { type Producer } from 'kafkajs';
import { MissingRight, UsageError } from '../errors.js';
import type { KafkaTarget } from '../targets.js';
import { type Exporter, ExportFailure, type FarEndOptions } from './exporter.js';
import { split } from './split.js';

/** Of a record batch (61 bytes) and a record (some twenty) around key and value; with room for headers. */
const OVERHEAD_BYTES = 256;

const CONNECT_MS = 5_000;
const REQUEST_MS = 10_000;
/** Of kafkajs itself, within which its sequence numbers hold; what lasts longer is for us to try again. */
const RETRY = { retries: 2, initialRetryTime: 100, maxRetryTime: 1_000 } as const;

export class KafkaExporter implements Exporter {
  private producer: Promise<Producer> | undefined;
  private checked = false;
  private closed = false;
  private giveUp: () => void = () => {};
  /** A broker that is silent would hold a write, and so the end of the daemon, for as long as its requests may take. */
  private readonly closing = new Promise<void>((resolve) => {
    this.giveUp = resolve;
  }).then(() => {
    throw this.failure(undefined);
  });

  constructor(
    private readonly target: KafkaTarget,
    private readonly format: 'protobufList' | 'jsonl',
    private readonly options: FarEndOptions,
  ) {
    this.closing.catch(() => {});
  }

  /**
   * Holds the topic against what will be sent to it.
   * @throws UsageError when it is not there or its messages are too short, MissingRight when it may not be looked at, ExportFailure
   *   when no broker answers
   */
  async check(): Promise<void> {
    const admin = this.kafka().admin();
    try {
      await admin.connect().catch((error: unknown) => {
        throw this.failure(error);
      });
      await this.checkTopic(admin);
      this.checked = true;
    } finally {
      await admin.disconnect().catch(() => {});
    }
  }

  async write(envelope: Buffer): Promise<void> {
    if (this.closed) throw this.failure(undefined);
    try {
      await Promise.race([this.attempt(envelope), this.closing]);
    } catch (error) {
      if (error instanceof ExportFailure && error.reason === 'refused') throw error;
      // A producer whose sequence is broken stays broken.
      this.drop();
      throw this.failure(error);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    this.giveUp();
    this.drop();
  }

  private async attempt(envelope: Buffer): Promise<void> {
    // Of a broker that was not there at the start.
    if (!this.checked) await this.check();
    this.producer ??= this.connect();
    await this.send(await this.producer, envelope);
  }

  private kafka() {
    const brokers = this.target.brokers.map(({ host, port }) => `${host}:${port}`);
    return new kafkajs.Kafka({
      brokers,
      clientId: 'netsoakd',
      connectionTimeout: CONNECT_MS,
      requestTimeout: REQUEST_MS,
      retry: RETRY,
      // It would write to standard output.
      logLevel: kafkajs.logLevel.NOTHING,
    });
  }

  private async connect(): Promise<Producer> {
    const producer = this.kafka().producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      retry: RETRY,
    });
    await producer.connect();
    return producer;
  }

  private async send(producer: Producer, envelope: Buffer): Promise<void> {
    const { topic } = this.target;
    try {
      await producer.send({ topic, acks: -1, timeout: REQUEST_MS, messages: [{ key: this.options.hostname, value: envelope }] });
    } catch (error) {
      if (typeOf(error) !== 'MESSAGE_TOO_LARGE') throw error;
      // Somebody has lowered max.message.bytes since the start: the same rows in smaller messages, each a whole frame.
      const pieces = split(envelope, this.format, Math.floor(envelope.length / 2));
      if (pieces.length === 1) {
        throw new ExportFailure('refused', `a row of ${envelope.length} bytes fits in no message to ${this.name}`, false);
      }
      for (const piece of pieces) await this.send(producer, piece);
    }
  }

  private async checkTopic(admin: ReturnType<ReturnType<typeof this.kafka>['admin']>): Promise<void> {
    const { topic } = this.target;
    try {
      await admin.fetchTopicMetadata({ topics: [topic] });
    } catch (error) {
      switch (typeOf(error)) {
        case 'UNKNOWN_TOPIC_OR_PARTITION':
        case 'INVALID_TOPIC_EXCEPTION':
          throw new UsageError('export-kafka', `${this.brokers} has no topic ${topic}`, 'make it first, or name another one');
        case 'TOPIC_AUTHORIZATION_FAILED':
          throw new MissingRight(
            'export-kafka',
            `${this.brokers} does not let us see the topic ${topic}`,
            'allow WRITE and DESCRIBE on it',
          );
        default:
          throw this.failure(error);
      }
    }
    const limit = await this.longestMessage(admin);
    const room = (limit ?? Number.POSITIVE_INFINITY) - OVERHEAD_BYTES - Buffer.byteLength(this.options.hostname);
    if (this.options.longest <= room) return;
    throw new UsageError(
      'export-kafka',
      `the longest message of ${this.name} is ${limit} bytes (max.message.bytes), and envelopes of ${this.options.longest} do not fit`,
      room < 16 << 10
        ? 'raise max.message.bytes of the topic'
        : `set flush-bytes to ${room} or less, or raise max.message.bytes of the topic`,
    );
  }

  /** max.message.bytes of the topic; undefined when we may not know it (DescribeConfigs is a right of its own). */
  private async longestMessage(admin: ReturnType<ReturnType<typeof this.kafka>['admin']>): Promise<number | undefined> {
    const wanted = { type: kafkajs.ConfigResourceTypes.TOPIC, name: this.target.topic, configNames: ['max.message.bytes'] };
    const described = await admin.describeConfigs({ resources: [wanted], includeSynonyms: false }).catch(() => undefined);
    const text = described?.resources[0]?.configEntries.find(({ configName }) => configName === 'max.message.bytes')?.configValue;
    return text === undefined ? undefined : Number(text);
  }

  private drop(): void {
    const producer = this.producer;
    this.producer = undefined;
    // A connect under way ends by its own limits; nobody waits for it.
    void producer?.then((one) => one.disconnect()).catch(() => {});
  }

  private get brokers(): string {
    return `kafka ${this.target.brokers.map(({ host, port }) => `${host}:${port}`).join(',')}`;
  }

  private get name(): string {
    return `${this.brokers} topic ${this.target.topic}`;
  }

  private failure(error: unknown): ExportFailure {
    if (this.closed) return new ExportFailure('closed', `${this.name} is closed`, true);
    if (error instanceof ExportFailure) return error;
    return new ExportFailure('unreachable', `${this.name} does not take messages: ${reasonOfKafka(error)}`, false);
  }
}

/** Of the error under the wrapping that kafkajs puts round the last of its tries: `TOPIC_AUTHORIZATION_FAILED`. */
function typeOf(error: unknown): string {
  for (let one = error; one instanceof Error; one = one.cause) {
    if ('type' in one && typeof one.type === 'string') return one.type;
  }
  return '';
}

function reasonOfKafka(error: unknown): string {
  let innermost = error;
  while (innermost instanceof Error && innermost.cause instanceof Error) innermost = innermost.cause;
  return innermost instanceof Error ? innermost.message.replace(/\.$/, '') : String(innermost);
}
