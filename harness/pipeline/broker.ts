/**
 * One broker of Apache Kafka in KRaft mode, on ports of its own, in at most 256 MB of heap (344 MB RSS measured). It keeps its data in the
 * folder it is given, so that one that was stopped or killed can be started again with what it had.
 */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import kafkajs from 'kafkajs';
import { PipelineError } from './errors.js';
import { freePorts, Program } from './program.js';
import { findKafka, onPath } from './supply.js';

const run = promisify(execFile);
const HEAP = ['-Xms64m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
const READY_MS = 120_000;

export class Broker {
  private program: Program | undefined;

  private constructor(
    private readonly java: string,
    private readonly jars: string,
    private readonly dir: string,
    readonly port: number,
    private readonly guestPort: number,
  ) {}

  /** @param dir an empty folder, or one of an earlier broker that was stopped. @throws PipelineError, or the signal's reason */
  static async start(dir: string, signal?: AbortSignal): Promise<Broker> {
    const [java, jars] = [onPath('java'), findKafka()];
    if (java === undefined || jars === undefined) {
      throw new PipelineError('missing', `${java === undefined ? 'java' : 'Apache Kafka'} is not there`, 'run `npm run setup pipeline`');
    }
    await mkdir(dir, { recursive: true });
    const [port, controller, guest] = (await freePorts(3)) as [number, number, number];
    const broker = new Broker(java, jars, dir, port, guest);
    await writeFile(join(dir, 'server.properties'), properties(dir, port, controller, guest));
    await writeFile(join(dir, 'log4j2.yaml'), LOGGING);
    const tool = [...HEAP, '-cp', `${jars}/*`, 'kafka.tools.StorageTool', 'format', '-t', 'bmV0c29ha25ldHNvYWtuZQ', '-g'];
    await run(java, [...tool, '-c', join(dir, 'server.properties')], { signal });
    await broker.up(signal);
    return broker;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Where a guest of QEMU's user network finds it; a broker tells its clients where to come back to, so there it has a listener of its own. */
  get guestAddress(): string {
    return `10.0.2.2:${this.guestPort}`;
  }

  get pid(): number | undefined {
    return this.program?.child.pid;
  }

  /** Starts it again, on the same ports and data. Resolves when it answers. @throws PipelineError, or the signal's reason */
  async up(signal?: AbortSignal): Promise<void> {
    const command = [this.java, ...HEAP, `-Dlog4j.configurationFile=${join(this.dir, 'log4j2.yaml')}`, '-cp', `${this.jars}/*`];
    this.program = Program.start([...command, 'kafka.Kafka', join(this.dir, 'server.properties')]);
    const until = performance.now() + READY_MS;
    while (this.program.running && performance.now() < until && !signal?.aborted) {
      if (await answers(this.address)) return;
      await sleep(200);
    }
    await this.program.kill();
    signal?.throwIfAborted();
    throw new PipelineError('broker', `the broker at ${this.address} does not come up`, this.program.lastWords);
  }

  /** In order. @param patienceMs after which it is killed */
  async stop(patienceMs?: number): Promise<void> {
    await this.program?.stop(patienceMs);
  }

  async kill(): Promise<void> {
    await this.program?.kill();
  }

  /** Stops or goes on with all its threads: a broker that takes connections and never answers. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.program?.child.kill(name);
  }
}

async function answers(address: string): Promise<boolean> {
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

function properties(dir: string, port: number, controller: number, guest: number): string {
  return Object.entries({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},GUEST://127.0.0.1:${guest},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},GUEST://10.0.2.2:${guest}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,GUEST:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(dir, 'data'),
    // One broker keeps all of what three would share.
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    // A topic that nobody made is a mistake, here as in production.
    'auto.create.topics.enable': false,
    'num.network.threads': 2,
    'num.io.threads': 2,
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
