/** Faults of services, run by the conductor: what each of harness/facts/faults.ts with a `service` does to it. */
import { readdirSync } from 'node:fs';
import type { Fault } from '../agent/faults/phases.js';
import { readStat } from '../agent/procfs.js';
import { NetsoakError } from '../errors.js';
import type { ServiceFaultName } from '../facts/faults.js';
import { answers, type Broker } from './broker.js';
import type { ClickHouse } from './clickhouse.js';
import type { Services } from './services.js';

const SLOW_STOPPED_MS = 900;
const SLOW_PERIOD_MS = 1_000;
const SLOW_ANSWER_MS = 400;

/** @param signal ends what recovering starts again. @throws NetsoakError (user) for what the run did not start itself */
export function makeServiceFault(name: ServiceFaultName, services: Services, signal: AbortSignal): Fault {
  return MAKE[name](services, signal);
}

const MAKE: Readonly<Record<ServiceFaultName, (services: Services, signal: AbortSignal) => Fault>> = {
  'broker-disk-full': brokerDiskFull,
  'broker-slow': brokerSlow,
  'broker-stopped': brokerStopped,
  'clickhouse-stopped': clickhouseStopped,
  'consumer-stalled': consumerStalled,
  'leader-killed': leaderKilled,
};

function brokerStopped(services: Services, signal: AbortSignal): Fault {
  const brokers = ownBrokers(services);
  return {
    inject: async () => void (await Promise.all(brokers.map((broker) => broker.kill()))),
    effect: async () => ((await anyAnswers(brokers)) ? undefined : `nobody answers at ${services.outside.kafka}`),
    recover: async () => void (await Promise.all(brokers.map((broker) => broker.up(signal)))),
    recovered: () => allLed(services),
  };
}

function brokerDiskFull(services: Services, signal: AbortSignal): Fault {
  const [broker] = ownBrokers(services) as [Broker];
  const { disk } = broker;
  if (disk === undefined) throw new NetsoakError('harness', 'no-disk', 'the broker has no disk of its own', 'plan the fault');
  return {
    inject: () => {
      broker.expectEnd();
      return disk.fill();
    },
    effect: async () => {
      if (!broker.running) return `${await disk.freeBytes()} bytes are free, and the broker has ended`;
      // It gives back a little when it closes a file.
      await disk.fill();
      return undefined;
    },
    recover: async () => {
      await disk.empty();
      if (!broker.running) await broker.up(signal);
    },
    recovered: () => allLed(services),
  };
}

function brokerSlow(services: Services): Fault {
  const brokers = ownBrokers(services);
  const signalAll = (name: 'SIGSTOP' | 'SIGCONT'): void => {
    for (const broker of brokers) broker.signal(name);
  };
  let timer: NodeJS.Timeout | undefined;
  let going: NodeJS.Timeout | undefined;
  const pulse = (): void => {
    signalAll('SIGSTOP');
    going = setTimeout(() => signalAll('SIGCONT'), SLOW_STOPPED_MS);
  };
  const answerMs = async (): Promise<number> => {
    const from = performance.now();
    await services.withAdmin((admin) => admin.describeCluster());
    return performance.now() - from;
  };
  return {
    inject: () => {
      pulse();
      timer = setInterval(pulse, SLOW_PERIOD_MS);
    },
    effect: async () => {
      const took = await answerMs();
      return took > SLOW_ANSWER_MS ? `it takes ${Math.round(took)} ms to answer` : undefined;
    },
    recover: () => {
      clearInterval(timer);
      clearTimeout(going);
      signalAll('SIGCONT');
    },
    recovered: async () => {
      const took = await answerMs();
      return took < SLOW_ANSWER_MS ? `it takes ${Math.round(took)} ms to answer` : undefined;
    },
  };
}

function leaderKilled(services: Services, signal: AbortSignal): Fault {
  const brokers = ownBrokers(services);
  let partition = 0;
  let leader: Broker | undefined;
  return {
    inject: async () => {
      partition = await busiestPartition(services);
      const { leader: id } = (await partitionsOf(services)).find(({ partitionId }) => partitionId === partition) ?? {};
      leader = brokers.find((broker) => broker.id === id);
      await leader?.kill();
    },
    effect: async () => {
      const now = (await partitionsOf(services).catch(() => [])).find(({ partitionId }) => partitionId === partition)?.leader;
      if (leader === undefined || now === undefined || now === leader.id || now < 0) return undefined;
      return `broker ${now} leads partition ${partition} in place of broker ${leader.id}`;
    },
    recover: async () => leader?.up(signal),
    recovered: async () => {
      const inSync = (await partitionsOf(services)).map(({ isr }) => isr.length);
      return inSync.every((count) => count === brokers.length) ? `all ${brokers.length} brokers are in sync` : undefined;
    },
  };
}

function clickhouseStopped(services: Services, signal: AbortSignal): Fault {
  const database = ownDatabase(services);
  return {
    inject: () => database.kill(),
    effect: async () => ((await isThere(database)) ? undefined : `nobody answers at ${database.url}`),
    recover: () => database.up(signal),
    recovered: async () => ((await isThere(database)) ? 'it answers' : undefined),
  };
}

function consumerStalled(services: Services): Fault {
  const database = ownDatabase(services);
  return {
    inject: () => database.signal('SIGSTOP'),
    effect: async () => {
      const states = threadStates(database.pid ?? 0);
      const isStopped = states.length > 0 && states.every((state) => state === 'T');
      const waiting = isStopped ? await messagesWaiting(services) : 0;
      return waiting > 0 ? `${states.length} threads in state T, ${waiting} messages wait` : undefined;
    },
    recover: () => database.signal('SIGCONT'),
    recovered: async () => ((await isThere(database)) ? 'it answers' : undefined),
  };
}

function ownBrokers({ brokers }: Services): readonly Broker[] {
  if (brokers.length > 0) return brokers;
  throw new NetsoakError('user', 'given-broker', 'the broker was given, and is not ours to break', 'leave --kafka out');
}

function ownDatabase({ clickhouse }: Services): ClickHouse {
  if (clickhouse?.pid !== undefined) return clickhouse;
  throw new NetsoakError('user', 'given-database', 'the database was given, and is not ours to break', 'leave --clickhouse out');
}

async function anyAnswers(brokers: readonly Broker[]): Promise<boolean> {
  return (await Promise.all(brokers.map(({ address }) => answers(address)))).includes(true);
}

async function isThere(database: ClickHouse): Promise<boolean> {
  return (await database.query('SELECT 1').catch(() => '')).trim() === '1';
}

async function partitionsOf(services: Services) {
  const topic = services.outside.topic as string;
  const { topics } = await services.withAdmin((admin) => admin.fetchTopicMetadata({ topics: [topic] }));
  return topics[0]?.partitions ?? [];
}

/** Undefined until every partition of the topic has a leader. */
async function allLed(services: Services): Promise<string | undefined> {
  const partitions = await partitionsOf(services).catch(() => []);
  return partitions.length > 0 && partitions.every(({ leader }) => leader >= 0) ? `${partitions.length} partitions are led` : undefined;
}

async function busiestPartition(services: Services): Promise<number> {
  const offsets = await services.withAdmin((admin) => admin.fetchTopicOffsets(services.outside.topic as string));
  return offsets.reduce((most, one) => (Number(one.high) > Number(most.high) ? one : most)).partition;
}

/** Messages of the topic that the database's consumer group has not taken yet. */
async function messagesWaiting(services: Services): Promise<number> {
  const { topic = '', database, table } = services.outside;
  return services.withAdmin(async (admin) => {
    const ends = await admin.fetchTopicOffsets(topic);
    const [taken] = await admin.fetchOffsets({ groupId: `netsoak-${database}-${table}`, topics: [topic] });
    const done = new Map(taken?.partitions.map(({ partition, offset }) => [partition, Math.max(0, Number(offset))]));
    return ends.reduce((sum, { partition, high }) => sum + Number(high) - (done.get(partition) ?? 0), 0);
  });
}

function threadStates(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((tid) => readStat(Number(tid))?.state ?? []);
  } catch {
    return [];
  }
}
