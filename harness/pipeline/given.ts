/** A broker and a database that somebody else runs (`--kafka`, `--clickhouse`): are they there, and can the target reach them? */
import { lookup } from 'node:dns/promises';
import { isIPv4 } from 'node:net';
import kafkajs from 'kafkajs';
import { NetsoakError } from '../errors.js';
import type { ServiceName, TargetKind } from '../facts/plan.js';
import { ClickHouse } from './clickhouse.js';
import { PipelineError } from './errors.js';
import { whatIsThere } from './supply.js';

export interface Given {
  /** `HOST:PORT` */
  readonly kafka?: string;
  /** `http://[USER:PASSWORD@]HOST:PORT` */
  readonly clickhouse?: string;
}

/**
 * What can be known before anything starts.
 * @throws NetsoakError (user) that says which of those given is not there, or why the target can't reach it; infra where one that is to
 *   be started has never been fetched
 */
export async function checkServices({ kafka, clickhouse }: Given, wanted: readonly ServiceName[], target: TargetKind): Promise<void> {
  const there = whatIsThere();
  if (wanted.includes('kafka') && kafka === undefined && there.broker === undefined)
    throw new PipelineError(
      'missing',
      'there is no broker: java or Apache Kafka is missing',
      'run `npm run setup pipeline`, or give --kafka HOST:PORT',
    );
  if (wanted.includes('clickhouse') && clickhouse === undefined && there.database === undefined)
    throw new PipelineError('missing', 'there is no ClickHouse', 'run `npm run setup pipeline`, or give --clickhouse URL');
  if (kafka !== undefined && wanted.includes('kafka')) await brokersOf(kafka, target);
  if (clickhouse !== undefined && wanted.includes('clickhouse')) {
    await inTarget(clickhouse, target);
    const database = await ClickHouse.start('', { url: clickhouse, patienceMs: 5_000 }).catch((error: unknown) => {
      const { message, hint } = error as PipelineError;
      throw bad(
        'clickhouse',
        `${message}: ${hint}`,
        'start it, mend its user, or name another one; `netsoak run` without --clickhouse starts one',
      );
    });
    const grants = await database.query('SHOW GRANTS FORMAT TabSeparated').catch(() => '');
    const isAllowed = /GRANT (ALL|[^\n]*CREATE (DATABASE|TABLE|VIEW)?)/.test(grants);
    if (grants !== '' && !isAllowed) {
      throw bad('clickhouse', 'its user may not make databases', 'give the user of --clickhouse CREATE, DROP, INSERT and SELECT');
    }
  }
}

/** Addresses by which the brokers of a cluster want to be called, each of which the target can reach. @throws NetsoakError (user) */
export async function brokersOf(address: string, target: TargetKind): Promise<string[]> {
  if (!/^[^:/\s]+:\d{1,5}$/.test(address)) throw bad('kafka', `${address} is not HOST:PORT`, 'for example --kafka 127.0.0.1:9092');
  const admin = new kafkajs.Kafka({
    brokers: [address],
    logLevel: kafkajs.logLevel.NOTHING,
    connectionTimeout: 3_000,
    retry: { retries: 1 },
  }).admin();
  try {
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    return brokers.map(({ host, port }) => {
      checkReach(host, port, target);
      return `${host === 'localhost' ? '127.0.0.1' : host}:${port}`;
    });
  } catch (error) {
    if (error instanceof NetsoakError) throw error;
    throw bad(
      'kafka',
      `no broker answers at ${address}: ${(error as Error).message}`,
      'start it, or name another one; `netsoak run` without --kafka starts one',
    );
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

/** A target has no name service: it calls a broker by what the broker calls itself. */
function checkReach(host: string, port: number, target: TargetKind): void {
  const isLoopback = host === 'localhost' || host.startsWith('127.');
  if (target === 'vm' && isLoopback)
    throw bad(
      'kafka',
      `the broker calls itself ${host}:${port}, which in a guest is the guest`,
      'set its advertised.listeners to an address of this machine, or use --target host',
    );
  if (!isLoopback && !isIPv4(host))
    throw bad(
      'kafka',
      `the broker calls itself ${host}:${port}, and a target has no name service`,
      'set its advertised.listeners to an IPv4 address',
    );
}

/** A database's URL as the target must call it. */
export async function inTarget(url: string, target: TargetKind): Promise<string> {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw bad('clickhouse', `${url} is no URL`, 'for example --clickhouse http://127.0.0.1:8123');
  const at = new URL(url);
  const found = await lookup(at.hostname, 4).catch(() => undefined);
  if (found === undefined) throw bad('clickhouse', `there is no host ${at.hostname}`, 'mend the name');
  if (at.protocol === 'https:' && !isIPv4(at.hostname))
    throw bad('clickhouse', `${at.origin} has a name, and a target has no name service`, 'give an IPv4 address, or http');
  at.hostname = target === 'vm' && found.address.startsWith('127.') ? '10.0.2.2' : found.address;
  // URL leaves out the port that the protocol has anyway.
  const user = at.username === '' ? '' : `${at.username}:${at.password}@`;
  return `${at.protocol}//${user}${at.hostname}:${at.port || (at.protocol === 'https:' ? 443 : 80)}`;
}

function bad(option: 'kafka' | 'clickhouse', message: string, hint: string): NetsoakError {
  return new NetsoakError('user', `bad-${option}`, `--${option}: ${message}`, hint);
}
