/**
 * The services of a run: the broker and the database that a scenario declares (`services: ['kafka', 'clickhouse']`). They run beside the
 * target, on ports of the run's own, with their data in the run's folder of temporary files, or are given (`--kafka`, `--clickhouse`) and
 * lent a topic and a database. Topic and schema are there before the target starts; all of it ends with the run.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import kafkajs from 'kafkajs';
import { NetsoakError } from '../errors.js';
import type { ServiceName, TargetKind } from '../facts/plan.js';
import { PROJECT } from '../project.js';
import { Broker } from './broker.js';
import { ClickHouse, MEMORY_BOUND } from './clickhouse.js';
import { PipelineError } from './errors.js';
import { brokersOf, type Given, inTarget } from './given.js';
import { borrow, databaseOf, type Loan, topicsOf } from './lent.js';
import { MemoryBound } from './memory-bound.js';
import { Program } from './program.js';
import { findChdb, findKafka, KAFKA_VERSION, onPath } from './supply.js';

const run = promisify(execFile);
/** Of the topic; as many as a small cluster has. */
const PARTITIONS = 3;
/** What a broker has that is to run out of it; 5 minutes of a million rows take 200. */
const DISK_MEBIBYTES = 512;

/** Placeholders of a subject's description, and `services` of a scenario's steps. `kafka` is HOST:PORT, `clickhouse` a URL without a path. */
export type ServicePlaces = Readonly<Partial<Record<'kafka' | 'topic' | 'clickhouse' | 'database' | 'table', string>>>;

export interface ServicesAsked {
  readonly names: readonly ServiceName[];
  readonly given: Given;
  readonly target: TargetKind;
  /** Of the run: topic and database are called after it. */
  readonly id: string;
  /** The name of its cgroups (harness/conductor/guardian.ts). */
  readonly cgroup: string;
  /** For data and configuration; the caller removes it. */
  readonly dir: string;
  readonly signal: AbortSignal;
  /** What is planned decides how many brokers there are, and on what disk. */
  readonly faults: readonly string[];
}

export interface ServiceFact {
  readonly name: ServiceName;
  /** Without user and password. */
  readonly address: string;
  readonly detail: string;
}

export class Services {
  /** Started here: none where one was given. */
  brokers: readonly Broker[] = [];
  clickhouse: ClickHouse | undefined;
  private gate: Program | undefined;
  private bound: MemoryBound | undefined;
  private readonly loans: Loan[] = [];
  /** Addresses out here that a target without a way out needs doors to. */
  private readonly doors: string[] = [];

  /** As they are called out here. */
  outside: ServicePlaces = {};
  /** As the target calls them. */
  inside: ServicePlaces = {};
  readonly facts: ServiceFact[] = [];

  private constructor(private readonly asked: ServicesAsked) {}

  /** Whatever was started has ended when this rejects. @throws NetsoakError (infra, or user for what was given); the signal's reason */
  static async start(asked: ServicesAsked): Promise<Services> {
    const services = new Services(asked);
    try {
      if (asked.names.includes('kafka')) await services.startKafka();
      if (asked.names.includes('clickhouse')) await services.startClickHouse();
    } catch (error) {
      await services.end();
      asked.signal.throwIfAborted();
      throw error;
    }
    return services;
  }

  /** Opens the doors of target `host`, whose network namespace has no way out. @param pid a process in it */
  async openDoors(pid: number): Promise<void> {
    if (this.asked.target !== 'host') return;
    let opened = (): void => {};
    const open = new Promise<boolean>((resolve) => {
      opened = () => resolve(true);
    });
    const gate = join(PROJECT, 'dist/harness/pipeline/gate.js');
    this.gate = Program.start([process.execPath, gate, String(pid), ...this.doors], (line) => line === 'open' && opened());
    if (await Promise.race([open, this.gate.ended.then(() => false)])) return;
    throw new NetsoakError('infra', 'gate', `the target was given no way to ${this.doors.join(', ')}`, this.gate.lastWords);
  }

  /** Ends what was started, takes back what was lent. Never rejects. */
  async end(): Promise<void> {
    await this.gate?.kill();
    // The database reads from the topics: it goes first.
    for (const loan of this.loans.toReversed()) await loan.giveBack();
    // In order would mean to write out what is thrown away.
    await Promise.all([...this.brokers.map((broker) => broker.end()), this.clickhouse?.kill()]);
    this.bound?.close();
  }

  private async startKafka(): Promise<void> {
    const { given, target, dir, id, signal } = this.asked;
    const topics = topicsOf(id);
    const [topic] = topics;
    if (given.kafka === undefined) {
      const count = this.asked.faults.includes('leader-killed') ? 3 : 1;
      const disk = this.asked.faults.includes('broker-disk-full') ? { diskMebibytes: DISK_MEBIBYTES } : {};
      this.brokers = await Broker.startCluster(join(dir, 'kafka'), count, { signal, ...disk });
      const addresses = this.brokers.map(({ address }) => address);
      const address = addresses.join(',');
      this.doors.push(...addresses);
      this.outside = { kafka: address, topic };
      this.inside = { kafka: target === 'vm' ? this.brokers.map(({ guestAddress }) => guestAddress).join(',') : address, topic };
      const pids = this.brokers.map(({ pid }) => pid).join(', ');
      this.facts.push({ name: 'kafka', address, detail: `Apache Kafka ${KAFKA_VERSION} in ${findKafka()}, pid ${pids}` });
    } else {
      const brokers = await brokersOf(given.kafka, target);
      this.doors.push(...brokers);
      this.outside = { kafka: given.kafka, topic };
      this.inside = { kafka: brokers.join(','), topic };
      await this.refuseOthersTopic(topic);
      this.loans.push(borrow({ kafka: { brokers: [given.kafka], topics } }));
      this.facts.push({ name: 'kafka', address: given.kafka, detail: `was given; brokers ${brokers.join(', ')}` });
    }
    await this.withAdmin((admin) =>
      admin.createTopics({ topics: topics.map((name) => ({ topic: name, numPartitions: PARTITIONS })) }),
    ).catch((error: unknown) => {
      throw new PipelineError('broker', `the topic ${topic} can't be made: ${(error as Error).message}`, 'look at the log of the broker');
    });
  }

  /** What is not ours must not be given back. */
  private async refuseOthersTopic(topic: string): Promise<void> {
    const there = await this.withAdmin((admin) => admin.listTopics());
    if (!there.includes(topic)) return;
    const hint = 'another run of this seed began in the same second: start again';
    throw new PipelineError('broker', `the broker has a topic ${topic} already`, hint);
  }

  private async startClickHouse(): Promise<void> {
    const { given, target, dir, id, signal, cgroup } = this.asked;
    const bound = given.clickhouse === undefined ? MemoryBound.make(cgroup, MEMORY_BOUND) : 'it runs elsewhere';
    if (typeof bound !== 'string') this.bound = bound;
    const database = databaseOf(id);
    this.clickhouse = await ClickHouse.start(join(dir, 'clickhouse'), {
      ...(given.clickhouse && { url: given.clickhouse }),
      ...(this.bound && { bound: this.bound }),
      signal,
    });
    const { url } = this.clickhouse;
    if (given.clickhouse !== undefined) this.loans.push(borrow({ clickhouse: { url, database } }));
    const place = { database, table: 'tcp' };
    this.outside = { ...this.outside, clickhouse: url, ...place };
    this.inside = { ...this.inside, clickhouse: await inTarget(url, target), ...place };
    const { hostname, port, protocol } = new URL(this.inside.clickhouse as string);
    this.doors.push(`${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`);
    const version = (await this.clickhouse.query('SELECT version()')).trim();
    refuseOld(version, given.clickhouse);
    const how =
      given.clickhouse === undefined
        ? `${onPath('clickhouse') ?? `chdb in ${findChdb()}`}, pid ${this.clickhouse.pid}, memory bound ${typeof bound === 'string' ? `by its own settings alone (${bound})` : bound.words}`
        : 'was given';
    this.facts.push({ name: 'clickhouse', address: new URL(url).origin, detail: `ClickHouse ${version}, ${how}` });
    await this.applySchema();
  }

  /** By the daemon itself, as an operator does. */
  private async applySchema(): Promise<void> {
    const { clickhouse, database, table, kafka, topic } = this.outside;
    const program = join(PROJECT, 'dist/collector/main.js');
    const from = kafka === undefined ? [] : ['--kafka', `kafka:${kafka}/${topic}`];
    const words = ['clickhouse-schema', '--apply', '--target', `clickhouse:${clickhouse}/${database}/${table}`, ...from];
    await run(process.execPath, [program, ...words], { signal: this.asked.signal }).catch((error: Error & { stderr?: string }) => {
      const hint = error.stderr?.trim() || 'see `netsoakd clickhouse-schema --help`';
      throw new PipelineError('database', "the schema can't be applied to ClickHouse", hint);
    });
  }

  /** @throws Error of kafkajs */
  async withAdmin<T>(work: (admin: ReturnType<InstanceType<typeof kafkajs.Kafka>['admin']>) => Promise<T>): Promise<T> {
    const admin = new kafkajs.Kafka({ brokers: (this.outside.kafka as string).split(','), logLevel: kafkajs.logLevel.NOTHING }).admin();
    try {
      await admin.connect();
      return await work(admin);
    } finally {
      await admin.disconnect().catch(() => {});
    }
  }
}

/** @throws NetsoakError (user) where an old database was given, (infra) where one is on PATH */
export function refuseOld(version: string, given?: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 25 || (major === 25 && minor >= 8)) return;
  const sentence = `ClickHouse ${version} is too old: an INSERT brings its .proto along, which takes 25.8 (format_schema_source)`;
  if (given === undefined)
    throw new PipelineError('database', sentence, `put a newer one on PATH than ${onPath('clickhouse')}, or none: then chdb is used`);
  throw new NetsoakError('user', 'bad-clickhouse', `--clickhouse: ${sentence}`, 'give a newer one, or leave --clickhouse out');
}
