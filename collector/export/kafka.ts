/**
 * A topic of Apache Kafka: exactly one frame a message, keyed by the host, so that the rows of a host keep their order in one partition.
 * A message counts once all in-sync replicas have it (acks = all), by an idempotent producer: what it repeats by itself is there once.
 * Whatever fails is tried again, but a row that no message can hold.
 */
import kafkajs, { type Admin, type Kafka, type Producer, type SASLOptions } from 'kafkajs';
import { CollectorError, errnoOf, UsageError } from '../errors.js';
import type { KafkaTarget } from '../targets.js';
import { type Exporter, ExportFailure, type FarEndOptions } from './exporter.js';
import { brokersOf, causesOf, kafkaRefusal } from './kafka-refusal.js';
import { split } from './split.js';

/** Of a record batch (61 bytes) and a record (some twenty) around key and value; with room for headers. */
const OVERHEAD_BYTES = 256;

const CONNECT_MS = 5_000;
const REQUEST_MS = 10_000;
/** Of kafkajs itself, within which its sequence numbers hold; what lasts longer is for us to try again. */
const RETRY = { retries: 2, initialRetryTime: 100, maxRetryTime: 1_000 } as const;
const PRODUCER = { allowAutoTopicCreation: false, createPartitioner: kafkajs.Partitioners.DefaultPartitioner, retry: RETRY };
/** Brokers know 0, 1 and -1 (all), and refuse anything else. */
const NO_SUCH_ACKS = 2;

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
   * Holds the topic, and what we may do with it, against what will be sent to it.
   * @throws UsageError when it is not there, its messages are too short or the broker is not to be trusted, MissingRight when it may not
   *   be written to, ExportFailure when no broker answers
   */
  async check(): Promise<void> {
    try {
      const kafka = await this.kafka();
      await this.checkTopic(kafka.admin());
      await this.checkWrite(kafka);
      // Numbering messages was a right of its own before Kafka 2.8.
      this.producer ??= this.connect();
      await this.producer;
    } catch (error) {
      this.drop();
      throw error instanceof CollectorError ? error : (kafkaRefusal(error, this.target) ?? this.unwelcome(error));
    }
    this.checked = true;
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

  private async kafka(): Promise<Kafka> {
    const { brokers, tls, user } = this.target;
    const { mechanism, password, tls: certificates } = await this.options.credentials();
    const sasl = { mechanism: mechanism.toLowerCase(), username: user, password } as SASLOptions;
    return new kafkajs.Kafka({
      brokers: brokers.map(({ host, port }) => `${host}:${port}`),
      clientId: 'netsoakd',
      connectionTimeout: CONNECT_MS,
      requestTimeout: REQUEST_MS,
      retry: RETRY,
      ...(tls && { ssl: certificates }),
      ...(user !== undefined && { sasl }),
      // It would write to standard output.
      logLevel: kafkajs.logLevel.NOTHING,
    });
  }

  private async connect(): Promise<Producer> {
    const producer = (await this.kafka()).producer({ ...PRODUCER, idempotent: true, maxInFlightRequests: 1 });
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

  private async checkTopic(admin: Admin): Promise<void> {
    try {
      await admin.connect();
      await admin.fetchTopicMetadata({ topics: [this.target.topic] });
      await this.checkLength(admin);
    } catch (error) {
      const absent = ['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION'].includes(typeOf(error));
      if (!absent) throw error;
      throw new UsageError('export-kafka', `${this.brokers} has no topic ${this.target.topic}`, 'make it first, or name another one');
    } finally {
      await admin.disconnect().catch(() => {});
    }
  }

  /**
   * No request asks what one may do. A write that no broker carries out does: the right is looked at ahead of the acks (KafkaApis,
   * handleProduceRequest). Whatever else goes wrong the first envelope will tell.
   */
  private async checkWrite(kafka: Kafka): Promise<void> {
    const asking = kafka.producer(PRODUCER);
    try {
      await asking.connect();
      await asking.send({ topic: this.target.topic, acks: NO_SUCH_ACKS, timeout: REQUEST_MS, messages: [{ value: null }] });
    } catch (error) {
      const refusal = kafkaRefusal(error, this.target);
      if (refusal !== undefined) throw refusal;
    } finally {
      await asking.disconnect().catch(() => {});
    }
  }

  private async checkLength(admin: Admin): Promise<void> {
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
  private async longestMessage(admin: Admin): Promise<number | undefined> {
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
    return brokersOf(this.target);
  }

  private get name(): string {
    return `${this.brokers} topic ${this.target.topic}`;
  }

  private failure(error: unknown): ExportFailure {
    if (this.closed) return new ExportFailure('closed', `${this.name} is closed`, true);
    if (error instanceof ExportFailure) return error;
    const known = error instanceof CollectorError ? error : kafkaRefusal(error, this.target);
    const sentence = known?.sentence ?? `${this.name} does not take messages: ${reasonOfKafka(error)}`;
    return new ExportFailure('unreachable', sentence, false);
  }

  /** A listener that speaks otherwise than we do hangs up without a word. */
  private unwelcome(error: unknown): ExportFailure {
    const hasHungUp = [...causesOf(error)].some((one) => one.name === 'KafkaJSConnectionClosedError' || errnoOf(one) === 'ECONNRESET');
    if (this.closed || !hasHungUp) return this.failure(error);
    const { tls, user } = this.target;
    const wants = [tls ? 'no TLS (kafka:...)' : 'TLS (kafka+ssl:...)', user === undefined ? 'a user (USER@HOST:PORT)' : 'no user'];
    return new ExportFailure(
      'unreachable',
      `${this.brokers} hangs up: it is going down, or its listener wants ${wants.join(' or ')}`,
      false,
    );
  }
}

/** Of the error under the wrapping that kafkajs puts round the last of its tries: `TOPIC_AUTHORIZATION_FAILED`. */
function typeOf(error: unknown): string {
  for (const one of causesOf(error)) {
    if ('type' in one && typeof one.type === 'string') return one.type;
  }
  return '';
}

function reasonOfKafka(error: unknown): string {
  const innermost = [...causesOf(error)].at(-1);
  return innermost === undefined ? String(error) : innermost.message.replace(/\.$/, '');
}
