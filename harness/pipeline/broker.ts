/**
 * Brokers of Apache Kafka in KRaft mode, on ports of their own, each in at most 256 MB of heap (344 MB RSS measured). They keep their data
 * in the folder they are given, so that one that was stopped or killed can be started again with what it had.
 */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import kafkajs from 'kafkajs';
import { SmallDisk } from './disk.js';
import { PipelineError } from './errors.js';
import { freePorts, Program } from './program.js';
import { findKafka, onPath } from './supply.js';

const run = promisify(execFile);
const HEAP = ['-Xms64m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
/** On an idle machine it takes 6 s; with a load of 38 on two cores, 120 were not enough. */
const READY_MS = 200_000;

interface Ports {
  readonly port: number;
  readonly controller: number;
  readonly guest: number;
}

export interface BrokerOptions {
  readonly signal?: AbortSignal;
  /** Its data lies on a disk of so many MiB, which can be filled. */
  readonly diskMebibytes?: number;
  readonly secured?: Secured;
}

/** Listeners and properties that a broker has besides its own, which let everybody in as its administrator. */
export interface Secured {
  readonly listeners: readonly { readonly name: string; readonly protocol: string; readonly port: number }[];
  readonly properties: Readonly<Record<string, string>>;
  /** Users as `kafka-storage format --add-scram` takes them. */
  readonly scram: readonly string[];
}

export class Broker {
  private program: Program | undefined;
  private isWanted = false;

  private constructor(
    readonly id: number,
    private readonly java: string,
    private readonly jars: string,
    private readonly dir: string,
    private readonly ports: Ports,
    readonly disk: SmallDisk | undefined,
  ) {}

  /** @param dir an empty folder. @throws PipelineError, or the signal's reason */
  static async start(dir: string, signal?: AbortSignal): Promise<Broker> {
    const [broker] = await Broker.startCluster(dir, 1, { ...(signal && { signal }) });
    return broker as Broker;
  }

  /** Brokers that vote for each other; a topic is to have a replica on each. Whatever was started has ended when this rejects. */
  static async startCluster(dir: string, count: number, { signal, diskMebibytes, secured }: BrokerOptions = {}): Promise<Broker[]> {
    const [java, jars] = [onPath('java'), findKafka()];
    if (java === undefined || jars === undefined) {
      throw new PipelineError('missing', `${java === undefined ? 'java' : 'Apache Kafka'} is not there`, 'run `npm run setup pipeline`');
    }
    const free = await freePorts(3 * count);
    const ports = Array.from({ length: count }, (_, index): Ports => {
      const [port, controller, guest] = free.slice(3 * index) as [number, number, number];
      return { port, controller, guest };
    });
    const brokers: Broker[] = [];
    try {
      for (const [index, own] of ports.entries()) {
        const folder = join(dir, String(index + 1));
        await mkdir(join(folder, 'data'), { recursive: true });
        const disk = diskMebibytes === undefined ? undefined : await SmallDisk.mount(join(folder, 'data'), diskMebibytes);
        brokers.push(new Broker(index + 1, java, jars, folder, own, disk));
        await writeFile(join(folder, 'server.properties'), properties(folder, index + 1, ports, secured));
        await writeFile(join(folder, 'log4j2.yaml'), LOGGING);
      }
      await Promise.all(brokers.map((broker) => broker.format(secured?.scram ?? [], signal)));
      await Promise.all(brokers.map((broker) => broker.up(signal)));
      return brokers;
    } catch (error) {
      await Promise.all(brokers.map((broker) => broker.end()));
      signal?.throwIfAborted();
      throw error;
    }
  }

  private async format(scram: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    const tool = [...HEAP, '-cp', `${this.jars}/*`, 'kafka.tools.StorageTool', 'format', '-t', 'bmV0c29ha25ldHNvYWtuZQ', '-g'];
    const [program = '', ...words] = this.within([
      this.java,
      ...tool,
      '-c',
      join(this.dir, 'server.properties'),
      ...scram.flatMap((user) => ['--add-scram', user]),
    ]);
    await run(program, words, { signal });
  }

  private within(command: readonly string[]): readonly string[] {
    return this.disk === undefined ? command : this.disk.within(command);
  }

  get port(): number {
    return this.ports.port;
  }

  get address(): string {
    return `127.0.0.1:${this.ports.port}`;
  }

  /** Where a guest of QEMU's user network finds it; a broker tells its clients where to come back to, so there it has a listener of its own. */
  get guestAddress(): string {
    return `10.0.2.2:${this.ports.guest}`;
  }

  get pid(): number | undefined {
    return this.program?.child.pid;
  }

  /** Of its partitions, as it can be read out here. */
  get dataFolder(): string {
    return this.disk?.outside ?? join(this.dir, 'data');
  }

  /** It ended, and nobody had ordered that. */
  get hasDied(): boolean {
    return this.isWanted && !this.running;
  }

  /** What ends it from now on is ordered. */
  expectEnd(): void {
    this.isWanted = false;
  }

  get running(): boolean {
    return this.program?.running ?? false;
  }

  get lastWords(): string {
    return this.program?.lastWords ?? '';
  }

  /** Starts it again, on the same ports and data. Resolves when it answers. @throws PipelineError, or the signal's reason */
  async up(signal?: AbortSignal): Promise<void> {
    const command = [this.java, ...HEAP, `-Dlog4j.configurationFile=${join(this.dir, 'log4j2.yaml')}`, '-cp', `${this.jars}/*`];
    this.program = Program.start(this.within([...command, 'kafka.Kafka', join(this.dir, 'server.properties')]));
    const until = performance.now() + READY_MS;
    while (this.program.running && performance.now() < until && !signal?.aborted) {
      if (await answers(this.address)) {
        this.isWanted = true;
        return;
      }
      await sleep(200);
    }
    await this.program.kill();
    signal?.throwIfAborted();
    throw new PipelineError('broker', `the broker at ${this.address} does not come up`, this.program.lastWords);
  }

  /** In order. @param patienceMs after which it is killed */
  async stop(patienceMs?: number): Promise<void> {
    this.expectEnd();
    await this.program?.stop(patienceMs);
  }

  async kill(): Promise<void> {
    this.expectEnd();
    await this.program?.kill();
  }

  /** For good: its disk goes with it. */
  async end(): Promise<void> {
    await this.kill();
    await this.disk?.unmount();
  }

  /** Stops or goes on with all its threads: a broker that takes connections and never answers. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.program?.child.kill(name);
  }
}

/** Whether a broker answers there within a second. */
export async function answers(address: string): Promise<boolean> {
  const kafka = new kafkajs.Kafka({
    brokers: [address],
    logLevel: kafkajs.logLevel.NOTHING,
    connectionTimeout: 1_000,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    return (await admin.describeCluster()).brokers.length > 0;
  } catch {
    return false;
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

function properties(dir: string, id: number, all: readonly Ports[], secured: Secured | undefined): string {
  const { port, controller, guest } = all[id - 1] as Ports;
  const count = all.length;
  const enough = Math.floor(count / 2) + 1;
  const more = secured?.listeners.map(({ name, port: at }) => `,${name}://127.0.0.1:${at}`).join('') ?? '';
  const protocols = secured?.listeners.map(({ name, protocol }) => `,${name}:${protocol}`).join('') ?? '';
  return Object.entries({
    'process.roles': 'broker,controller',
    'node.id': id,
    'controller.quorum.voters': all.map((one, index) => `${index + 1}@127.0.0.1:${one.controller}`).join(','),
    listeners: `PLAINTEXT://127.0.0.1:${port},GUEST://127.0.0.1:${guest},CONTROLLER://127.0.0.1:${controller}${more}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},GUEST://10.0.2.2:${guest}${more}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': `PLAINTEXT:PLAINTEXT,GUEST:PLAINTEXT,CONTROLLER:PLAINTEXT${protocols}`,
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(dir, 'data'),
    'default.replication.factor': count,
    'min.insync.replicas': enough,
    'offsets.topic.replication.factor': count,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': count,
    'transaction.state.log.min.isr': enough,
    'transaction.state.log.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': count,
    'share.coordinator.state.topic.min.isr': enough,
    'group.initial.rebalance.delay.ms': 0,
    // A topic that nobody made is a mistake, here as in production.
    'auto.create.topics.enable': false,
    'num.network.threads': 2,
    'num.io.threads': 2,
    ...secured?.properties,
  })
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

const LOGGING = `Configuration:
  Appenders:
    Console: { name: out, PatternLayout: { pattern: "%d %p %c: %m%n" } }
  Loggers:
    Root: { level: WARN, AppenderRef: [ { ref: out } ] }
`;
