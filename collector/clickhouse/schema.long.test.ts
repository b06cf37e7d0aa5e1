/** The schema on a real ClickHouse, fed by the exporter and by a real broker. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import kafkajs from 'kafkajs';
import Long from 'long';
import protobuf from 'protobufjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Broker } from '../../harness/pipeline/broker.js';
import { ClickHouse } from '../../harness/pipeline/clickhouse.js';
import { NO_CREDENTIALS } from '../credentials.js';
import { PROGRAM } from '../daemon.test-support.js';
import { openFarEnd } from '../export/exporter.js';
import { protoFile } from '../proto.js';

let dir: string;
let broker: Broker;
let database: ClickHouse;
beforeAll(async () => {
  dir = fs.mkdtempSync(join(tmpdir(), 'netsoak-schema-'));
  [broker, database] = await Promise.all([Broker.start(join(dir, 'kafka')), ClickHouse.start(join(dir, 'clickhouse'))]);
}, 240_000);
afterAll(async () => {
  await Promise.all([broker?.stop(), database?.stop()]);
  fs.rmSync(dir, { recursive: true });
});

const OPTIONS = { hostname: 'web1', longest: 768 << 10, patient: false, credentials: NO_CREDENTIALS };
const ENVELOPE = protobuf.loadSync(protoFile()).lookupType('netsoak.v1.Envelope');
const POLL = 1_795_242_064_977_096_158n;

interface Seen {
  readonly cookie: number;
  readonly acked: number;
  readonly poll?: bigint;
  readonly closed?: boolean;
}

function frame(rows: readonly Seen[]): Buffer {
  const row = rows.map(({ cookie, acked, poll = POLL, closed = false }) => ({
    hostname: 'web1',
    netns: 'blue',
    netnsCookie: 4_096,
    inetDiagMsgSocketCookie: cookie,
    inetDiagMsgSocketDestination: Buffer.from([10, 0, 0, cookie, ...Array(12).fill(0)]),
    inetDiagMsgSocketDestinationPort: 443,
    timestampNs: Long.fromString(String(poll + 5n)),
    pollId: closed ? 0 : Long.fromString(String(poll), true),
    kind: closed ? 2 : 1,
    tcpInfoRtt: 100 * cookie,
    tcpInfoBytesAcked: acked,
    congestionAlgorithmEnum: 1,
  }));
  return Buffer.from(ENVELOPE.encodeDelimited({ row }).finish());
}

const record = (poll: bigint, rows: number) =>
  Buffer.from(
    `${JSON.stringify({ kind: 'poll_end', hostname: 'web1', poll_id: String(poll), rows, namespaces: 1, duration_seconds: 0.5 })}\n`,
  );

function schema(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, 'clickhouse-schema', ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

const target = (table: string) => ({ kind: 'clickhouse', url: new URL(database.url), database: 'netsoak', table }) as const;
const flag = (table: string) => `clickhouse:${database.url}/netsoak/${table}`;
const lines = async (sql: string) => (await database.query(sql)).split('\n').filter(Boolean);

describe('netsoakd clickhouse-schema', () => {
  it('makes everything, twice if told so, and answers what people ask', async () => {
    for (let time = 0; time < 2; time++) expect(schema('--target', flag('tcp'), '--apply')).toMatchObject({ status: 0, stderr: '' });
    const later = POLL + 1_000_000_000n;
    const exporter = await openFarEnd(target('tcp'), 'protobufList', OPTIONS);
    const first = frame([
      { cookie: 1, acked: 10 },
      { cookie: 2, acked: 20 },
    ]);
    // The second time stands for what a far end took and could not acknowledge.
    for (const envelope of [
      first,
      first,
      frame([{ cookie: 1, acked: 17, poll: later }]),
      frame([{ cookie: 2, acked: 20, poll: later, closed: true }]),
    ]) {
      await exporter.write(envelope, envelope === first ? 2 : 1);
    }
    await exporter.close();
    const polls = await openFarEnd(target('tcp_polls'), 'jsonl', OPTIONS);
    await polls.write(record(POLL, 2), 0);
    await polls.write(record(later, 3), 0);
    await polls.close();
    expect(await lines('SELECT count() FROM netsoak.tcp FINAL')).toEqual(['4']);
    expect(await lines('SELECT inet_diag_msg_socket_cookie, kind, tcp_info_bytes_acked FROM netsoak.tcp_latest ORDER BY 1')).toEqual([
      '1\tROW_KIND_POLL\t17',
      '2\tROW_KIND_CLOSED\t20',
    ]);
    expect(await lines('SELECT inet_diag_msg_socket_cookie, nanoseconds, bytes_acked FROM netsoak.tcp_deltas ORDER BY 1')).toEqual([
      '1\t1000000000\t7',
      '2\t1000000000\t0',
    ]);
    expect(await lines('SELECT poll_id, claimed, arrived, missing FROM netsoak.tcp_completeness ORDER BY 1')).toEqual([
      `${POLL}\t2\t2\t0`,
      `${later}\t3\t1\t2`,
    ]);
    const minutes = 'SELECT netns, peer_port, uniqMerge(sockets), max(rtt_max) FROM netsoak.tcp_minutes GROUP BY ALL';
    expect(await lines(minutes)).toEqual(['blue\t443\t2\t200']);
  });

  it('reads rows and records of polls from Kafka, and keeps what is none with its place', async () => {
    const kafka = new kafkajs.Kafka({ brokers: [broker.address], logLevel: kafkajs.logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 'rows' }, { topic: 'rows-polls' }] });
    await admin.disconnect();
    const from = { kind: 'kafka', brokers: [{ host: '127.0.0.1', port: broker.port }], topic: 'rows' } as const;
    expect(schema('--target', flag('piped'), '--kafka', `kafka:${broker.address}/rows`, '--apply')).toMatchObject({
      status: 0,
      stderr: '',
    });
    const rows = await openFarEnd(from, 'protobufList', OPTIONS);
    for (let envelope = 0; envelope < 5; envelope++) {
      await rows.write(frame(Array.from({ length: 100 }, (_, index) => ({ cookie: 1 + envelope * 100 + index, acked: index }))), 100);
    }
    await rows.write(Buffer.from([5, 0x52, 3, 0xff, 0xff, 0xff]), 1);
    await rows.write(frame([{ cookie: 501, acked: 1 }]), 1);
    await rows.close();
    const polls = await openFarEnd({ ...from, topic: 'rows-polls' }, 'jsonl', OPTIONS);
    await polls.write(record(POLL, 501), 0);
    await polls.close();
    const settled = async () => {
      const [arrived] = await lines('SELECT count(), sum(tcp_info_bytes_acked) FROM netsoak.piped');
      const [errors] = await lines('SELECT count(), any(topic), any(offset) FROM netsoak.piped_errors');
      const [missing] = await lines('SELECT claimed, missing FROM netsoak.piped_completeness');
      return `${arrived} | ${errors} | ${missing}`;
    };
    const wanted = '501\t24751 | 1\trows\t5 | 501\t0';
    for (let tries = 0; tries < 100 && (await settled()) !== wanted; tries++) await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await settled()).toBe(wanted);
  }, 240_000);

  it('refuses a table of another version, and one that is none of ours: exit 64', async () => {
    await database.query("CREATE TABLE netsoak.old (x UInt8) ENGINE = MergeTree ORDER BY x COMMENT 'netsoak schema 0 rows'");
    expect(schema('--target', flag('old'), '--apply')).toMatchObject({ status: 64, stderr: expect.stringContaining('schema version 0') });
    await database.query('CREATE TABLE netsoak.other (x UInt8) ENGINE = MergeTree ORDER BY x');
    expect(schema('--target', flag('other'), '--apply')).toMatchObject({ status: 64, stderr: expect.stringContaining('none of ours') });
    expect(schema('--target', 'clickhouse:http://127.0.0.1:9/a/b', '--apply').status).toBe(64);
    expect(schema('--target', 'tcp:a:1').status).toBe(64);
  });

  it('leaves the wire as it is: a table of the 156 fields of the ancestor reads the same records', async () => {
    const types: Record<string, string> = {
      uint32: 'UInt32',
      uint64: 'UInt64',
      int64: 'Int64',
      string: 'String',
      bytes: 'String',
      enum: 'UInt8',
    };
    const fields = fs.readFileSync('collector/wire-fields.csv', 'utf8').trim().split('\n').slice(1);
    const columns = fields.map((line) => line.split(',') as [string, string, string]).map(([, name, type]) => `${name} ${types[type]}`);
    await database.query(`CREATE TABLE netsoak.ancestor (${columns.join(', ')}) ENGINE = MergeTree ORDER BY timestamp_ns`);
    const exporter = await openFarEnd(target('ancestor'), 'protobufList', OPTIONS);
    await exporter.write(frame([{ cookie: 7, acked: 9 }]), 1);
    await exporter.close();
    const select = 'SELECT hostname, netns, timestamp_ns, inet_diag_msg_socket_cookie, hex(inet_diag_msg_socket_destination), tcp_info_rtt';
    expect(await lines(`${select}, congestion_algorithm_enum FROM netsoak.ancestor`)).toEqual([
      `web1\tblue\t${POLL + 5n}\t7\t0A000007${'0'.repeat(24)}\t700\t1`,
    ]);
  });
});
