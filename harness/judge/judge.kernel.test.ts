/** The judge as a process, a real load in a sandbox, and a slow but honest reader made of ss(8). */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import Long from 'long';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { buildLoad, inNamespace, RELAY, RunningLoad, Sandbox, type SsSocket, ss } from '../../native/load/sandbox.js';
import { PROJECT } from '../project.js';
import { addressKey } from './address.js';
import type { Output } from './judge.js';
import { loadSchema } from './row.js';

const PROTO = join(PROJECT, 'collector/netsoak.proto');
const INTERVAL = 0.5;

// A busy machine is no fault of the judge.
vi.setConfig({ testTimeout: 60_000 });

let sandbox: Sandbox;
beforeAll(buildLoad, 120_000);
beforeEach(async () => {
  sandbox = await new Sandbox().open();
});
afterEach(() => sandbox.close());

class JudgeProcess {
  readonly outputs: Output[] = [];
  readonly rows = join(sandbox.folder, 'rows');
  readonly ledger = join(sandbox.folder, 'ledger');
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    const program = join(PROJECT, 'dist/harness/judge/main.js');
    const args = ['--rows', this.rows, '--ledger', this.ledger, '--interval', String(INTERVAL), '--format', 'protobufList'];
    this.#child = spawn(process.execPath, [program, ...args]);
    this.#child.stderr.pipe(process.stderr);
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async ready(): Promise<this> {
    expect(JSON.parse((await this.#lines.next()).value as string)).toEqual({ ready: true });
    return this;
  }

  tell(command: object): void {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
  }

  /** Everything it said; it must end by itself, with 0. */
  async finish(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.tell({ cmd: 'finish' });
    for (let next = await this.#lines.next(); !next.done; next = await this.#lines.next())
      this.outputs.push(JSON.parse(next.value) as Output);
    expect(await exited).toEqual([0, null]);
  }

  values(name: string): number[] {
    return this.outputs.flatMap((o) => ('series' in o && typeof o.series[name] === 'number' ? [o.series[name]] : []));
  }
}

const { envelope: Envelope, row: Row } = loadSchema(PROTO, false);
const STATES: Readonly<Record<string, number>> = { ESTAB: 1, 'FIN-WAIT-2': 5, 'TIME-WAIT': 6, 'CLOSE-WAIT': 8, LISTEN: 10 };

/** One poll of all namespaces, as the bytes that a collector would write. */
function readAll(load: RunningLoad, spaces: readonly { name: string; netns: string; inode: number }[]): SsRow[] {
  const poll = BigInt(Date.now()) * 1_000_000n;
  return spaces.flatMap(({ name, netns, inode }) => {
    if (load.child.exitCode !== null) throw new Error(`the load ended: ${load.stderr}`);
    return ss(sandbox, name).map((socket) => ({ ...socket, name, netns, spaceInode: inode, poll, stamp: BigInt(Date.now()) * 1_000_000n }));
  });
}

type SsRow = SsSocket & { name: string; netns: string; spaceInode: number; poll: bigint; stamp: bigint };

function encoded(rows: readonly SsRow[]): Buffer {
  const u64 = (value: bigint | number | string) => Long.fromString(String(value), true);
  const bytes = (text: string) => Buffer.from(addressKey(text), 'latin1');
  const row = rows.map((r) =>
    Row.create({
      poll_id: u64(r.poll),
      timestamp_ns: Long.fromString(String(r.stamp)),
      hostname: 'ss',
      netns: r.name,
      netns_inode: u64(r.spaceInode),
      netns_cookie: u64(r.netns),
      kind: 1,
      inet_diag_msg_family: r.src.includes(':') ? 10 : 2,
      inet_diag_msg_state: STATES[r.state] ?? 7,
      inet_diag_msg_socket_source_port: r.sport,
      inet_diag_msg_socket_destination_port: r.dport,
      inet_diag_msg_socket_source: bytes(r.src),
      inet_diag_msg_socket_destination: bytes(r.dst),
      inet_diag_msg_socket_cookie: u64(r.cookie),
      inet_diag_msg_rqueue: r.unread,
      inet_diag_msg_uid: r.uid,
      inet_diag_msg_inode: r.inode,
      congestion_algorithm_string: r.congestion,
      tcp_info_bytes_acked: u64(r.acked),
      tcp_info_bytes_received: u64(r.received),
      tcp_info_bytes_sent: u64(r.sent),
      tcp_info_state: STATES[r.state] ?? 7,
      tcp_info_rtt: r.tcp.rtt,
      tcp_info_snd_mss: r.tcp.sndMss,
      tcp_info_pmtu: r.tcp.pmtu,
      tcp_info_snd_cwnd: r.tcp.sndCwnd,
      tcp_info_data_segs_in: r.tcp.dataSegsIn,
      tcp_info_data_segs_out: r.tcp.dataSegsOut,
    }),
  );
  return Buffer.from(Envelope.encodeDelimited({ row }).finish());
}

/** Runs load, reader and judge for `polls` polls; `spoil` may change what the reader tells. */
async function soak(polls: number, spoil: (rows: SsRow[], poll: number) => readonly SsRow[] = (rows) => rows): Promise<JudgeProcess> {
  const judge = await new JudgeProcess().ready();
  const load = new RunningLoad(sandbox, judge.ledger);
  const spaces: { name: string; netns: string; inode: number }[] = [];
  await load.command('steady namespaces=2 connections=4');
  await load.command('pulse interval_ms=100 bytes=500');
  await load.command('churn interval_ms=100 min_ms=100 max_ms=400 connections=2');
  for (const name of ['soak-st-00000', 'soak-st-00001']) {
    const inode = Number(sandbox.run('stat', '-L', '-c', '%i', `/run/netns/${name}`));
    spaces.push({ name, netns: netnsCookie(name), inode });
  }
  spaces.push({ name: '', netns: netnsCookie(''), inode: Number(sandbox.run('stat', '-L', '-c', '%i', '/proc/self/ns/net')) });
  const relay = sandbox.spawn(RELAY, '--to', judge.rows, '--start', '1');
  judge.tell({ cmd: 'measure', state: 'begin' });
  const begun = Date.now();
  for (let poll = 1; poll <= polls; poll++) {
    await new Promise((done) => setTimeout(done, begun + poll * INTERVAL * 1000 - Date.now()));
    relay.stdin.write(encoded(spoil(readAll(load, spaces), poll)));
  }
  judge.tell({ cmd: 'measure', state: 'end' });
  relay.stdin.end();
  await once(relay, 'close');
  await load.command('stop-churn');
  expect(await load.quit()).toBe(0);
  await judge.finish();
  return judge;
}

/** SO_NETNS_COOKIE by a third program, not by the load that is judged with; of the sandbox's own namespace without a name. */
function netnsCookie(name: string): string {
  const script = 'import socket; print(int.from_bytes(socket.socket().getsockopt(socket.SOL_SOCKET, 71, 8), "little"))';
  return sandbox.run(...inNamespace(name), 'python3', '-c', script).trim();
}

const OFFENCES = ['missing', 'duplicates', 'misaddressed', 'misattributed', 'foreign', 'wrongValues', 'stale'];

function broken(judge: JudgeProcess): string[] {
  return OFFENCES.filter((name) => judge.values(`poll.${name}`).some((value) => value > 0));
}

test('what ss reads of a real kernel under churn and pulse is without offence', async () => {
  const judge = await soak(6);
  // Two namespaces with three listeners, four connections, one that is half closed and a pulse; the load's own with a listener and three connections.
  expect(judge.values('poll.rows')).toEqual(Array(6).fill(2 * (3 + 8 + 2 + 2) + 7));
  expect(judge.values('poll.expected')).toEqual(Array(6).fill(37));
  expect(broken(judge)).toEqual([]);
  expect(judge.values('load.churnEvents').at(-1)).toBeGreaterThan(10);
  expect(Math.max(...judge.values('load.goneSeconds'))).toBeLessThan(2);
  expect(judge.outputs.at(-1)).toMatchObject({ event: { kind: 'judge-end', polls: 6, rows: 222 } });
});

test('a reader that shows an earlier poll’s rows as new is found by the pulse alone', async () => {
  let first: SsRow[] = [];
  const judge = await soak(5, (rows, poll) => {
    if (poll === 2) first = rows;
    return poll < 3 ? rows : first.map((row, i) => ({ ...row, poll: (rows[0] as SsRow).poll, stamp: (rows[i] as SsRow).stamp }));
  });
  expect(broken(judge)).toEqual(['stale']);
  expect(judge.values('poll.stale').slice(0, 5)).toEqual([0, 0, 4, 4, 4]);
});

test('rows lost after a flush are missed', async () => {
  const judge = await soak(4, (rows, poll) => (poll === 2 ? rows.slice(0, 10) : rows));
  expect(broken(judge)).toEqual(['missing']);
  expect(judge.values('poll.missing')).toEqual([0, 27, 0, 0]);
});

test('wrong usage is told in a sentence, with 64', async () => {
  const child = spawn(process.execPath, [
    join(PROJECT, 'dist/harness/judge/main.js'),
    '--rows',
    'x',
    '--ledger',
    'y',
    '--interval',
    '1',
    '--format',
    'csv',
  ]);
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => {
    words += chunk.toString();
  });
  expect(await once(child, 'close')).toEqual([64, null]);
  expect(words).toBe("rows in the format csv can't be judged; those that can: protobufList, protobufListFrames, jsonl\n");
});

test('a judge whose conductor is gone ends by itself', async () => {
  const rows = join(sandbox.folder, 'r');
  const child = spawn(process.execPath, [
    join(PROJECT, 'dist/harness/judge/main.js'),
    '--rows',
    rows,
    '--ledger',
    `${rows}l`,
    '--interval',
    '1',
    '--format',
    'protobufList',
  ]);
  await once(child.stdout, 'data');
  child.stdin.destroy();
  expect(await once(child, 'exit')).toEqual([0, null]);
});
