/**
 * A small made-up target for the tests of the judge: its ledger, and the rows that a faultless reader would send at
 * any moment. Tests take these rows and spoil them.
 */
import type { LedgerLine, TcpFigures } from '../facts/ledger.js';
import { addressKey } from './address.js';
import { SERIES_OF } from './checks.js';
import type { Dispensable } from './columns.js';
import { Judge, type Output } from './judge.js';
import type { JudgeRow } from './row.js';

/** Some day, in nanoseconds; a multiple of 256, so that sums with milliseconds stay exact as doubles. */
export const EPOCH_NS = 1_795_236_864_000_000_000n;

export function at(seconds: number): string {
  return (EPOCH_NS + BigInt(Math.round(seconds * 1e6)) * 1000n).toString();
}

/** Different ones for every socket; of a pulse connection they move. */
function figures(cookie: number): TcpFigures {
  return { rtt: cookie % 89, sndMss: 21_888 + cookie, pmtu: 65_536 + cookie, sndCwnd: 10 + (cookie % 7), dataSegsIn: 3, dataSegsOut: 2 };
}

type SocketLine = Extract<LedgerLine, { kind: 'socket' }>;
type SpaceLine = Extract<LedgerLine, { kind: 'netns' }>;

export class FakeTarget {
  readonly outputs: Output[] = [];
  readonly judge: Judge;
  readonly sockets: SocketLine[] = [];
  readonly #spaces = new Map<string, SpaceLine>();
  #cookie = 100;
  #pulsed = 0;
  #rounds = 0;

  /** @param cookies whether the kernel tells those of namespaces; without them rows carry a generation, as before Linux 5.14 */
  constructor(
    readonly intervalSeconds = 1,
    lacks: readonly Dispensable[] = [],
    private readonly cookies = true,
  ) {
    this.judge = new Judge({ intervalSeconds, lacks, wallNs: () => Number(EPOCH_NS), output: (o) => this.outputs.push(o) });
  }

  /** A line arrives when it was written: our clock is the target's, less the epoch. */
  tell(line: LedgerLine, seconds: number): void {
    this.judge.ledger(line, seconds);
  }

  /** The `home` one has the name ''. */
  space(name: string, role: 'steady' | 'churn' | 'home', seconds: number): void {
    const serial = this.#spaces.size + 1;
    const line: SpaceLine = {
      kind: 'netns',
      name,
      netns: String(4000 + serial),
      inode: 4_026_532_000 + serial,
      role,
      ...(!this.cookies && { madeUp: true }),
      at: at(seconds),
    };
    this.#spaces.set(name, line);
    this.tell(line, seconds);
    const lives = role === 'churn' ? 'churn' : 'steady';
    this.#socket(name, lives, 'listener', 4, '0.0.0.0', 10_000 + serial, '0.0.0.0', 0, 0, 0, seconds);
    for (const k of [0, 1, 2]) this.#connection(name, lives, serial * 10 + k, seconds);
    if (role === 'steady') this.#connection(name, 'pulse', serial * 10 + 4, seconds);
  }

  /** One more connection of a steady namespace, whose client has said that it sends no more. */
  halfClosed(name: string, seconds: number): void {
    this.#connection(name, 'steady', 200 + this.sockets.length, seconds, { client: 5, server: 8 });
  }

  ready(seconds: number): void {
    this.tell({ kind: 'steady-ready', namespaces: this.#spaces.size, sockets: this.sockets.length, at: at(seconds) }, seconds);
  }

  pulse(seconds: number, bytes = 1000): void {
    this.#pulsed += bytes;
    this.tell({ kind: 'pulse', round: ++this.#rounds, bytes, startedAt: at(seconds - 0.01), doneAt: at(seconds) }, seconds);
  }

  remove(name: string, seconds: number): void {
    const netns = this.#spaces.get(name)?.netns ?? '';
    this.tell({ kind: 'netns-deleted', name, netns, closingAt: at(seconds - 0.01), at: at(seconds) }, seconds);
  }

  /** A pulse that was told at another time than its own. */
  tellAt(line: Extract<LedgerLine, { kind: 'pulse' }>, seconds: number): void {
    this.#pulsed += line.bytes;
    this.tell(line, seconds);
  }

  /** @param ahead seconds by which the target's clock is ahead of ours */
  count(seconds: number, ahead = 0): void {
    const none = { churnEvents: 0, adds: 0, deletes: 0, namespaces: 0, sockets: 0, lateEvents: 0 };
    this.tell({ kind: 'count', ...none, at: at(seconds + ahead) }, seconds);
  }

  /** What a faultless reader tells of these namespaces in a poll that begins now. */
  rows(seconds: number, names: readonly string[] = [...this.#spaces.keys()]): JudgeRow[] {
    return this.sockets.filter((socket) => names.includes(socket.name)).map((socket, i) => this.#row(socket, seconds, i));
  }

  /** Sends rows as their poll ends, 0.1 s after it began. */
  send(rows: readonly JudgeRow[], seconds: number, start = 1): void {
    this.judge.rows(start, rows, seconds + 0.1);
  }

  /** Every value of a series so far. */
  values(name: string): number[] {
    return this.outputs.flatMap((o) => ('series' in o && typeof o.series[name] === 'number' ? [o.series[name]] : []));
  }

  sum(name: string): number {
    return this.values(name).reduce((a, b) => a + b, 0);
  }

  events(kind: string): Record<string, unknown>[] {
    return this.outputs.flatMap((o) => ('event' in o && o.event.kind === kind ? [{ ...o.event }] : []));
  }

  #connection(
    name: string,
    role: SocketLine['role'],
    serial: number,
    seconds: number,
    states?: { readonly client: 5; readonly server: 8 },
  ): void {
    const v6 = serial % 2 === 1;
    const [client, server] = v6 ? [`fd00::${serial}:1`, `fd00::${serial}:2`] : [`10.0.${serial}.1`, `10.0.${serial}.2`];
    const up = 1000 + serial;
    const down = 500 + serial;
    this.#socket(name, role, 'client', v6 ? 6 : 4, client, 40_000 + serial, server, 10_000, up, down, seconds, states?.client);
    this.#socket(name, role, 'server', v6 ? 6 : 4, server, 10_000, client, 40_000 + serial, down, up, seconds, states?.server);
  }

  #socket(
    name: string,
    role: SocketLine['role'],
    end: SocketLine['end'],
    family: 4 | 6,
    src: string,
    sport: number,
    dst: string,
    dport: number,
    sent: number,
    received: number,
    seconds: number,
    state?: 5 | 8,
  ): void {
    const line: SocketLine = {
      kind: 'socket',
      name,
      netns: this.#spaces.get(name)?.netns ?? '',
      cookie: String(this.#cookie++),
      role,
      end,
      ...(state && { state }),
      family,
      src,
      sport,
      dst,
      dport,
      sent: String(sent),
      received: String(received),
      unread: end === 'server' && role === 'steady' ? this.#cookie % 7 : 0,
      uid: 10_000 + this.#cookie,
      inode: 700_000 + this.#cookie,
      congestion: this.#cookie % 3 === 0 ? 'reno' : 'cubic',
      ...(role === 'steady' && end !== 'listener' && { tcp: figures(this.#cookie) }),
      at: at(seconds),
    };
    this.sockets.push(line);
    this.tell(line, seconds);
  }

  #row(socket: SocketLine, seconds: number, index: number): JudgeRow {
    const space = this.#spaces.get(socket.name);
    const listens = socket.end === 'listener';
    const pulses = socket.role === 'pulse' ? this.#pulsed : 0;
    const sent = Number(socket.sent) + (socket.end === 'client' ? pulses : 0);
    return {
      poll: at(seconds),
      offsetNs: 1_000_000 + index * 1000,
      cookie: Number(socket.cookie),
      netns: this.cookies ? Number(socket.netns) : 0,
      generation: this.cookies ? 0 : 1_700_000_000_000 + Number(socket.netns),
      inode: space?.inode ?? 0,
      name: socket.name,
      container: space?.container ?? '',
      hostname: 'web1',
      family: socket.family === 4 ? 2 : 10,
      state: socket.state ?? (listens ? 10 : 1),
      infoState: socket.state ?? (listens ? 10 : 1),
      uid: socket.uid,
      socketInode: socket.inode,
      congestion: socket.congestion,
      receiveQueue: socket.unread,
      sendQueue: listens ? 4096 : 0,
      sport: socket.sport,
      dport: socket.dport,
      src: addressKey(socket.src),
      dst: addressKey(socket.dst),
      received: Number(socket.received) + (socket.end === 'server' ? pulses : 0) + (socket.state === 8 ? 1 : 0),
      acked: listens ? 0 : sent + (socket.end === 'client' ? 1 : 0) + (socket.state === 5 ? 1 : 0),
      sent,
      ...(socket.tcp ?? figures(Math.round(seconds))),
    };
  }
}

/** A target with three steady namespaces, measured from 1 s on. */
export function measuredTarget(cookies = true): FakeTarget {
  const target = new FakeTarget(1, [], cookies);
  for (const name of ['st-0', 'st-1', 'st-2']) target.space(name, 'steady', 0);
  target.ready(0.5);
  target.judge.measure('begin', 1);
  return target;
}

/** Polls once a second from `from` to `to`, with a pulse before each; `spoil` may change the rows of a poll. */
export function poll(
  target: FakeTarget,
  from: number,
  to: number,
  spoil: (rows: JudgeRow[], seconds: number) => readonly JudgeRow[] = (rows) => rows,
): void {
  for (let seconds = from; seconds <= to; seconds++) {
    target.pulse(seconds - 0.2);
    target.count(seconds - 0.1);
    target.send(spoil(target.rows(seconds), seconds), seconds);
  }
}

export const OFFENCES = Object.values(SERIES_OF);

/** Series of offences that are not all zero. */
export function broken(target: FakeTarget): string[] {
  return OFFENCES.filter((name) => target.sum(name) > 0);
}

export function finished(target: FakeTarget, now: number): FakeTarget {
  target.judge.finish(now);
  return target;
}
