/**
 * One poll against the ledger: every row is looked at once, every steady socket is looked for. Pure; the ledger
 * must have caught up with the end of the poll.
 */
import type { RunEvent } from '../facts/events.js';
import type { TcpFigures } from '../facts/ledger.js';
import { addressText } from './address.js';
import { type LedgerSocket, type LedgerState, SET_BACK_NS, type Space } from './ledger-state.js';
import type { Poll } from './polls.js';
import type { JudgeRow } from './row.js';
import { ESTABLISHED, FIN_WAIT2, LISTEN } from './tcp-states.js';

/** The invariants that rows can break, and the series that counts it. */
export const SERIES_OF = {
  completeness: 'poll.missing',
  'no-duplicates': 'poll.duplicates',
  addresses: 'poll.misaddressed',
  attribution: 'poll.misattributed',
  'no-foreign-rows': 'poll.foreign',
  values: 'poll.wrongValues',
  freshness: 'poll.stale',
  'churn-completeness': 'poll.churnMissing',
} as const;

export type RowInvariant = keyof typeof SERIES_OF;
export type Offence = Extract<RunEvent, { kind: 'offence' }>;

export interface PollFindings {
  /** Steady sockets that it had to show, and those of namespaces that come and go. */
  readonly expected: number;
  readonly churnExpected: number;
  /** Of the steady ones, those that it lacks because its start ended in the middle of it. */
  readonly torn: number;
  readonly counts: Readonly<Record<RowInvariant, number>>;
}

export interface Judgement {
  /** The subject's poll interval. */
  readonly intervalNs: number;
  /** The target's clock when the poll's last row arrived, and how far beyond it a stamp may lie. */
  readonly arrivedNs: number;
  readonly clockSlackNs: number;
  /** What the first row of this start had for a host name; '' where none has one. */
  readonly hostname: string;
  /** Asked before an offence is described: only the first ones of each class are. */
  readonly wanted: (invariant: RowInvariant) => boolean;
  readonly tell: (offence: Offence) => void;
}

/**
 * Who looks for namespaces as each of his polls begins has found all that were there by then, those of containers too. So long the look itself may
 * take, which comes before the poll's own stamp, and at its other end whatever is read after the last row was stamped.
 */
const GRACE_INTERVALS = 0.25;

/**
 * Rows of sockets that are not whole: a request and the socket made of it share a cookie (3, 12), a closed one has
 * lost its port (7), TIME_WAIT (6) has a cookie of its own.
 */
export const PARTIAL_STATES: ReadonlySet<number> = new Set([3, 6, 7, 12]);

export function examinePoll(poll: Poll, ledger: LedgerState, judgement: Judgement): PollFindings {
  const counts: Record<RowInvariant, number> = {
    completeness: 0,
    'no-duplicates': 0,
    addresses: 0,
    attribution: 0,
    'no-foreign-rows': 0,
    values: 0,
    freshness: 0,
    'churn-completeness': 0,
  };
  const offend = (invariant: RowInvariant, describe: () => Description): void => {
    counts[invariant]++;
    if (judgement.wanted(invariant)) judgement.tell({ kind: 'offence', invariant, poll: poll.id, ...describe() });
  };
  const latestNs = judgement.arrivedNs + judgement.clockSlackNs - poll.beganNs;
  const present = new Set<LedgerSocket>();
  const identities = new Set<LedgerSocket | string>();

  for (const row of poll.rows) {
    if (row.offsetNs < 0 || row.offsetNs > latestNs) offend('freshness', () => wrongTime(row, latestNs));
    if (row.hostname === '' || row.hostname !== judgement.hostname) offend('values', () => wrongHost(row, judgement.hostname));
    const socket = ledger.sockets.get(row.cookie);
    if (socket) present.add(socket);
    if (row.cookie !== 0 && !PARTIAL_STATES.has(row.state)) {
      const identity = socket && socket.space.netns === row.netns ? socket : `${row.netns}/${row.cookie}`;
      if (identities.has(identity)) {
        offend('no-duplicates', () => ({
          detail: `socket ${row.cookie} of ${row.name} is in this poll more than once`,
          observed: shown(row),
        }));
        continue;
      }
      identities.add(identity);
    }
    if (socket) examineOwn(row, socket, poll, ledger, offend);
    else examineStranger(row, poll, ledger, offend);
  }

  let [expected, churnExpected, torn] = [0, 0, 0];
  const endNs = poll.beganNs + poll.spanNs;
  if (endNs < ledger.closingNs) {
    for (const socket of ledger.steady) {
      if (socket.readyNs >= poll.beganNs) continue;
      expected++;
      if (present.has(socket)) continue;
      if (poll.last) {
        torn++;
        continue;
      }
      offend('completeness', () => ({
        detail: `${named(socket)} is not in this poll of ${poll.rows.length} rows`,
        expected: due(socket),
      }));
    }
  }
  for (const space of ledger.spaces.values()) {
    if (poll.last || !isWhole(space, poll, judgement.intervalNs)) continue;
    for (const cookie of space.sockets) {
      const socket = ledger.sockets.get(cookie);
      if (!socket) continue;
      churnExpected++;
      if (present.has(socket)) continue;
      offend('churn-completeness', () => ({
        detail: `${named(socket)} is not in this poll of ${poll.rows.length} rows`,
        expected: due(socket),
      }));
    }
  }
  return { expected, churnExpected, torn, counts };
}

/** Whether a namespace that comes and goes was there, all of it, for as long as this poll lasted. */
function isWhole(space: Space, poll: Poll, intervalNs: number): boolean {
  const graceNs = GRACE_INTERVALS * intervalNs;
  return space.role === 'churn' && space.bornNs + graceNs < poll.beganNs && poll.beganNs + poll.spanNs + graceNs < space.closingNs;
}

type Description = Pick<Offence, 'detail' | 'expected' | 'observed'>;
type Offend = (invariant: RowInvariant, describe: () => Description) => void;

function examineOwn(row: JudgeRow, socket: LedgerSocket, poll: Poll, ledger: LedgerState, offend: Offend): void {
  const { space } = socket;
  // One clock stamps rows and ledger, so nothing is granted; what is earlier by more was read before that clock was set back.
  const earlyNs = space.madeNs - (poll.beganNs + row.offsetNs);
  if (earlyNs > 0 && earlyNs < SET_BACK_NS) {
    offend('freshness', () => ({
      detail: `${named(socket)} is stamped ${seconds(earlyNs)} before its namespace had a socket`,
      observed: shown(row),
    }));
  }
  // Whose container it is may be told of any namespace; where none lives, none may be. Its own may be in one, and have any name.
  const isNamed = space.role === 'home' || (row.name === space.name && row.container === space.container);
  if (row.netns !== space.netns || row.inode !== space.inode || !isNamed) {
    offend('attribution', () => ({
      detail: `${named(socket)} is filed under ${row.name || 'no name'}`,
      expected: {
        netns: space.name,
        netns_inode: String(space.inode),
        netns_cookie: String(space.netns),
        ...(space.container !== '' && { container_id: space.container }),
      },
      observed: shown(row),
    }));
  } else {
    space.seen = true;
  }
  if (!PARTIAL_STATES.has(row.state)) {
    const own =
      row.family === socket.family &&
      row.sport === socket.sport &&
      row.dport === socket.dport &&
      row.src === socket.src &&
      row.dst === socket.dst;
    if (!own) {
      offend('addresses', () => ({
        detail: `${named(socket)} has addresses that are not its own`,
        expected: due(socket),
        observed: shown(row),
      }));
    }
  }
  if (space.deletedNs < poll.beganNs) {
    if (row.state === ESTABLISHED || row.state === LISTEN) {
      offend('freshness', () => ({
        detail: `${named(socket)} was closed ${seconds(poll.beganNs - space.deletedNs)} before this poll began`,
        observed: shown(row),
      }));
    }
    return;
  }
  // Half made, or being taken down: its state and counters are on their way.
  if (socket.role !== 'churn' && (poll.beganNs <= socket.madeNs || poll.beganNs + poll.spanNs >= ledger.closingNs)) return;
  const wrong = wrongValue(row, socket, poll);
  if (wrong) offend('values', () => ({ detail: `${named(socket)}: ${wrong}`, expected: due(socket), observed: shown(row) }));
  if (socket.role === 'pulse') {
    const stale = stalePulse(row, socket, poll, ledger);
    if (stale) offend('freshness', () => ({ detail: `${named(socket)}: ${stale}`, observed: shown(row) }));
  }
}

/**
 * What is fixed for this socket and not so on its row. tcp_info counts (net/ipv4/tcp_input.c, measured on Linux
 * 6.18): bytes_received the data alone, bytes_sent the data alone, bytes_acked the client's SYN as well; a FIN adds
 * one to received and acked, and the state is read a moment before the counters.
 */
function wrongValue(row: JudgeRow, socket: LedgerSocket, poll: Poll): string | undefined {
  const identity = wrongIdentity(row, socket, poll);
  if (identity) return identity;
  if (socket.role === 'churn') {
    if (row.state !== ESTABLISHED || socket.end === 'listener') return undefined;
    const whole = poll.beganNs > socket.madeNs;
    return (
      between('bytes_received', row.received, whole ? socket.received : 0, socket.received + 1) ??
      between('bytes_acked', row.acked, whole ? socket.sent : 0, socket.sent + 2)
    );
  }
  if (row.state !== socket.state) return `state is ${row.state}, not ${socket.state}`;
  if (row.infoState !== socket.state) return `the state of tcp_info is ${row.infoState}, not ${socket.state}`;
  if (socket.end === 'listener') return undefined;
  const receives = socket.role === 'pulse' && socket.end === 'server';
  const sends = socket.role === 'pulse' && socket.end === 'client';
  const flags = (socket.end === 'client' ? 1 : 0) + (socket.state === FIN_WAIT2 ? 1 : 0);
  return (
    (receives ? undefined : between('bytes_received', row.received, socket.received, socket.received)) ??
    (sends ? undefined : between('bytes_acked', row.acked, socket.sent, socket.sent + flags)) ??
    (receives ? undefined : between('the receive queue', row.receiveQueue, socket.unread, socket.unread)) ??
    (sends ? undefined : between('the send queue', row.sendQueue, 0, 0)) ??
    (sends ? undefined : between('bytes_sent', row.sent, socket.sent, socket.sent)) ??
    wrongFigure(row, socket.tcp)
  );
}

const FIGURES: readonly (readonly [key: keyof TcpFigures, name: string])[] = [
  ['rtt', 'rtt'],
  ['sndMss', 'snd_mss'],
  ['pmtu', 'pmtu'],
  ['sndCwnd', 'snd_cwnd'],
  ['dataSegsIn', 'data_segs_in'],
  ['dataSegsOut', 'data_segs_out'],
];

/**
 * Of a connection at rest these stay to the digit (net/ipv4/tcp_input.c, tcp_output.c): round trips are measured by acknowledgements of data, the
 * window is set back after an idle time when something is sent, and no keep-alive is asked for. Segments of all kinds, timers and the memory of
 * the socket move by themselves.
 */
function wrongFigure(row: JudgeRow, due: TcpFigures | undefined): string | undefined {
  if (!due) return undefined;
  for (const [key, name] of FIGURES) {
    if (row[key] !== due[key]) return between(name, row[key], due[key], due[key]);
  }
  return undefined;
}

/** Owner, inode and congestion control, which stay for a socket's life. One that is being closed loses its inode before its state. */
function wrongIdentity(row: JudgeRow, socket: LedgerSocket, poll: Poll): string | undefined {
  const isInPlace = socket.role === 'churn' ? row.state === ESTABLISHED || row.state === LISTEN : row.state === socket.state;
  const whole = poll.beganNs > socket.madeNs && isInPlace;
  if (!whole || (socket.role === 'churn' && row.socketInode === 0)) return undefined;
  return (
    between('uid', row.uid, socket.uid, socket.uid) ??
    between('inode', row.socketInode, socket.inode, socket.inode) ??
    (row.congestion === socket.congestion ? undefined : `congestion control is "${row.congestion}", not "${socket.congestion}"`)
  );
}

function between(name: string, value: number, least: number, most: number): string | undefined {
  if (value >= least && value <= most) return undefined;
  return `${name} is ${value}, not ${least === most ? most : `${least} to ${most}`}`;
}

/** The counter that moves with the pulse: behind a finished round, or ahead of what was ever sent. */
function stalePulse(row: JudgeRow, socket: LedgerSocket, poll: Poll, ledger: LedgerState): string | undefined {
  if (socket.end === 'listener') return undefined;
  const { least, most } = ledger.pulseBounds(socket, poll.beganNs);
  if (socket.end === 'server') return between('bytes_received', row.received, socket.received + least, socket.received + most);
  // Acknowledgements may be 200 ms behind; bytes_sent is not.
  return between('bytes_sent', row.sent, socket.sent + least, socket.sent + most);
}

/**
 * A row whose cookie the ledger does not know: fine in namespaces that are not the load's, closing or still being made.
 * In a steady one that is complete nothing opens or closes, so there not even a request or a TIME_WAIT is.
 */
function examineStranger(row: JudgeRow, poll: Poll, ledger: LedgerState, offend: Offend): void {
  const space = ledger.spaces.get(row.netns);
  const claimed = ledger.names.get(row.name) ?? ledger.steadyByInode(row.inode);
  if (!space && claimed) {
    offend('no-foreign-rows', () => ({
      detail: `a row claims to be of ${claimed.name}, whose cookie is ${claimed.netns}, and is not`,
      expected: { netns: claimed.name, netns_inode: String(claimed.inode), netns_cookie: String(claimed.netns) },
      observed: shown(row),
    }));
    return;
  }
  const copied = space ? undefined : ledger.steadyByEnds(row);
  if (copied) {
    offend('no-foreign-rows', () => ({
      detail: `a row of ${row.name || 'a namespace without a name'} (cookie ${row.netns}), which the load never made, has the addresses of ${named(copied)}`,
      expected: due(copied),
      observed: shown(row),
    }));
  } else if (
    space &&
    space.role !== 'brief' &&
    space.role !== 'home' &&
    ((row.cookie !== 0 && (row.state === ESTABLISHED || row.state === LISTEN)) || isStill(space, poll, ledger))
  ) {
    offend('no-foreign-rows', () => ({
      detail: `socket ${row.cookie} is filed under ${space.name}, where no such socket was made`,
      observed: shown(row),
    }));
  }
}

function isStill(space: Space, poll: Poll, ledger: LedgerState): boolean {
  return space.role === 'steady' && poll.beganNs > space.bornNs && poll.beganNs + poll.spanNs < ledger.closingNs;
}

function wrongHost(row: JudgeRow, hostname: string): Description {
  const detail =
    row.hostname === '' ? 'a row has no host name' : `a row is of host ${row.hostname}, and the first of this start of ${hostname}`;
  return { detail, expected: { hostname }, observed: shown(row) };
}

function wrongTime(row: JudgeRow, latestNs: number): Description {
  return {
    detail:
      row.offsetNs < 0
        ? `a row is stamped ${seconds(-row.offsetNs)} before its poll began`
        : `a row is stamped ${seconds(row.offsetNs)} after its poll began, which lies ahead`,
    expected: { offsetSeconds: `0 to ${(latestNs / 1e9).toFixed(3)}` },
    observed: shown(row),
  };
}

function seconds(ns: number): string {
  return `${(ns / 1e9).toFixed(3)} s`;
}

function named(socket: LedgerSocket): string {
  const { space, family, src, sport, dst, dport } = socket;
  const ends =
    socket.end === 'listener' ? `listening on ${sport}` : `${addressText(src, family)} ${sport} -> ${addressText(dst, family)} ${dport}`;
  return `socket ${socket.cookie} (${ends}) of ${space.name || "the subject's own namespace"}`;
}

function due(socket: LedgerSocket): Record<string, string> {
  return {
    netns: socket.space.name,
    socket_cookie: String(socket.cookie),
    family: String(socket.family),
    state: String(socket.state),
    source: `${addressText(socket.src, socket.family)} ${socket.sport}`,
    destination: `${addressText(socket.dst, socket.family)} ${socket.dport}`,
    sent: String(socket.sent),
    received: String(socket.received),
    unread: String(socket.unread),
    uid: String(socket.uid),
    inode: String(socket.inode),
    congestion: socket.congestion,
    ...figures(socket.tcp),
  };
}

function figures(of: TcpFigures | undefined): Record<string, string> {
  return of ? Object.fromEntries(FIGURES.map(([key, name]) => [name, String(of[key])])) : {};
}

function shown(row: JudgeRow): Record<string, string> {
  return {
    hostname: row.hostname,
    netns: row.name,
    netns_inode: String(row.inode),
    netns_cookie: String(row.netns),
    ...(row.container !== '' && { container_id: row.container }),
    socket_cookie: String(row.cookie),
    family: String(row.family),
    state: String(row.state),
    tcp_info_state: String(row.infoState),
    source: `${addressText(row.src, row.family)} ${row.sport}`,
    destination: `${addressText(row.dst, row.family)} ${row.dport}`,
    bytes_sent: String(row.sent),
    bytes_acked: String(row.acked),
    bytes_received: String(row.received),
    receive_queue: String(row.receiveQueue),
    send_queue: String(row.sendQueue),
    uid: String(row.uid),
    inode: String(row.socketInode),
    congestion: row.congestion,
    ...figures(row),
    offsetSeconds: (row.offsetNs / 1e9).toFixed(6),
  };
}
