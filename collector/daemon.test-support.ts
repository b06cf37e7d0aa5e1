/** The built `netsoakd` as a child process, and its output taken apart with protobufjs, for the tests on the kernel. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import type { Endpoint } from '../native/test-namespaces.js';
import { onlyChild, type World } from './world.test-support.js';

export const PROGRAM = fileURLToPath(new URL('../dist/collector/main.js', import.meta.url));
const ENVELOPE = protobuf.loadSync(fileURLToPath(new URL('./netsoak.proto', import.meta.url))).lookupType('netsoak.v1.Envelope');

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface Row {
  readonly netns: string;
  readonly poll: string;
  /** `poll` or `closed`. */
  readonly kind: string;
  /** netns cookie, socket cookie, poll, kind: unique. */
  readonly identity: string;
  readonly state: number;
  /** Both ends, as {@link ends} writes them. */
  readonly ends: string;
}

export class Daemon {
  readonly log: LogLine[] = [];
  private constructor(
    readonly child: ChildProcess,
    /** Of the daemon itself; `child` is what brought it into its world. */
    readonly pid: number,
  ) {}

  /** Starts it with these flags in a world, and waits until it listens. */
  static async start(
    world: World,
    flags: readonly string[],
    stdout: 'pipe' | 'ignore' = 'ignore',
    env: Readonly<Record<string, string>> = {},
  ): Promise<Daemon> {
    const [program, ...args] = [...world.enter, process.execPath, PROGRAM, '--jitter', '0', ...flags];
    const child = spawn(program as string, args, { stdio: ['ignore', stdout, 'pipe'], env: { ...process.env, ...env } });
    if (child.stderr === null) throw new Error('stderr is piped');
    const daemon = new Daemon(child, await onlyChild(child.pid as number));
    const lines = createInterface({ input: child.stderr });
    await new Promise<void>((resolve, reject) => {
      lines.on('line', (text) => {
        const line = text.startsWith('{') ? (JSON.parse(text) as LogLine) : { level: 'plain', msg: text };
        daemon.log.push(line);
        if (line.msg === 'listening') resolve();
      });
      child.once('exit', () => reject(new Error(`it ended: ${JSON.stringify(daemon.log)}`)));
    });
    return daemon;
  }

  /** The whole text of a path of its metrics address. */
  async get(path: string): Promise<{ status: number; text: string }> {
    const response = await fetch(new URL(path, this.said('listening').metrics as string));
    return { status: response.status, text: await response.text() };
  }

  /** Sum of a metric over its labels that match. */
  async metric(name: string, labels = ''): Promise<number> {
    const { text } = await this.get('/metrics');
    return metricOf(text, name, labels);
  }

  /** Waits until so many polls have ended. */
  async polls(count: number): Promise<void> {
    while ((await this.metric('netsoakd_polls_total')) < count) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  said(message: string): LogLine {
    const line = this.log.find(({ msg }) => msg === message);
    if (line === undefined) throw new Error(`it never said "${message}": ${JSON.stringify(this.log)}`);
    return line;
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name);
  }

  /** Resolves to the exit code, or the signal that ended it, once its log is complete. */
  async ended(): Promise<number | string | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'close');
    else if (this.child.stderr?.closed === false) await once(this.child.stderr, 'close');
    return this.child.exitCode ?? this.child.signalCode;
  }

  /** For afterEach: nothing outlives a test. */
  async kill(): Promise<void> {
    this.child.stdout?.destroy();
    if (this.child.exitCode === null && this.child.signalCode === null) this.signal('SIGKILL');
    await this.ended();
  }
}

export function metricOf(text: string, name: string, labels = ''): number {
  const lines = text.split('\n').filter((line) => (line.startsWith(`${name} `) || line.startsWith(`${name}{`)) && line.includes(labels));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** Both ends of a connection, with addresses in one spelling. */
export function ends(end: Endpoint): string {
  const plain = (address: string) => (address.includes(':') ? new URL(`http://[${address}]`).hostname : address);
  return `${plain(end.local)} ${end.localPort} ${plain(end.remote)} ${end.remotePort}`;
}

/** Rows of a stream of frames. @throws when the last frame is torn or one does not parse. */
export function rowsOfFrames(stream: Buffer): Row[] {
  const rows: Row[] = [];
  const reader = protobuf.Reader.create(stream);
  while (reader.pos < reader.len) {
    const envelope = ENVELOPE.decode(reader, reader.uint32());
    const { row } = ENVELOPE.toObject(envelope, { longs: String, bytes: Array, arrays: true, defaults: true }) as { row: WireRow[] };
    rows.push(...row.map(rowOf));
  }
  return rows;
}

/** The records of polls among JSON lines, by poll: how many rows each claims. @throws when a line is torn. */
export function claimsOfLines(stream: Buffer): Map<string, number> {
  const records = linesOf(stream).filter(({ kind }) => kind === 'poll_end');
  return new Map(records.map((record) => [String(record.poll_id), Number(record.rows)]));
}

function linesOf(stream: Buffer): Record<string, string | number>[] {
  const text = stream.toString();
  if (!text.endsWith('\n')) throw new Error(`torn line: ${text.slice(-80)}`);
  const lines = text.trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Record<string, string | number>);
}

/** Rows of JSON lines. @throws when a line is torn. */
export function rowsOfLines(stream: Buffer): Row[] {
  return linesOf(stream)
    .filter(({ kind }) => kind !== 'poll_end')
    .map((row) => {
      return {
        netns: String(row.netns),
        poll: String(row.poll_id),
        kind: String(row.kind),
        identity: `${row.netns_cookie} ${row.inet_diag_msg_socket_cookie} ${row.poll_id} ${row.kind}`,
        state: Number(row.inet_diag_msg_state),
        ends: ends({
          local: String(row.inet_diag_msg_socket_source),
          localPort: Number(row.inet_diag_msg_socket_source_port),
          remote: String(row.inet_diag_msg_socket_destination),
          remotePort: Number(row.inet_diag_msg_socket_destination_port),
        }),
      };
    });
}

interface WireRow {
  readonly netns: string;
  readonly netnsCookie: string;
  readonly pollId: string;
  readonly kind: number;
  readonly inetDiagMsgFamily: number;
  readonly inetDiagMsgState: number;
  readonly inetDiagMsgSocketCookie: string;
  readonly inetDiagMsgSocketSource: number[];
  readonly inetDiagMsgSocketSourcePort: number;
  readonly inetDiagMsgSocketDestination: number[];
  readonly inetDiagMsgSocketDestinationPort: number;
}

function rowOf(row: WireRow): Row {
  // AF_INET (2) addresses stand in the first four of 16 bytes.
  const address = (bytes: number[]) =>
    row.inetDiagMsgFamily === 2 ? bytes.slice(0, 4).join('.') : (Buffer.from(bytes).toString('hex').match(/.{4}/g) ?? []).join(':');
  const kind = ['', 'poll', 'closed'][row.kind] ?? String(row.kind);
  return {
    netns: row.netns,
    poll: row.pollId,
    kind,
    identity: `${row.netnsCookie} ${row.inetDiagMsgSocketCookie} ${row.pollId} ${kind}`,
    state: row.inetDiagMsgState,
    ends: ends({
      local: address(row.inetDiagMsgSocketSource),
      localPort: row.inetDiagMsgSocketSourcePort,
      remote: address(row.inetDiagMsgSocketDestination),
      remotePort: row.inetDiagMsgSocketDestinationPort,
    }),
  };
}
