/**
 * What a subject does not send can't be wrong. Columns that its description names (`rows.lacks`) are filled in from the ledger before a poll is
 * judged, so that every check holds for the others. Without `poll_id` polls are told apart by the pause between them,
 * and by sockets that come again when half an interval has passed.
 */
import type { LedgerState } from './ledger-state.js';
import type { Poll } from './polls.js';
import type { JudgeRow } from './row.js';
import type { U64 } from './u64.js';

/** Columns (collector/netsoak.proto) that a subject may do without. */
export const DISPENSABLE = [
  'poll_id',
  'netns_cookie',
  'netns_inode',
  'container_id',
  'congestion_algorithm_string',
  'hostname',
  'inet_diag_msg_inode',
  'inet_diag_msg_rqueue',
  'inet_diag_msg_uid',
  'inet_diag_msg_wqueue',
  'tcp_info_bytes_acked',
  'tcp_info_bytes_received',
  'tcp_info_bytes_sent',
  'tcp_info_data_segs_in',
  'tcp_info_data_segs_out',
  'tcp_info_pmtu',
  'tcp_info_rtt',
  'tcp_info_snd_cwnd',
  'tcp_info_snd_mss',
  'tcp_info_state',
] as const;

export type Dispensable = (typeof DISPENSABLE)[number];

/** A pause of this share of the interval parts two polls; within a poll rows come without pause. */
const PAUSE_SHARE = 0.4;
/** A socket that comes again so much later is in the next poll; sooner it is there twice. */
const AGAIN_SHARE = 0.5;

interface OwnPoll {
  readonly id: string;
  readonly beganNs: number;
  newestNs: number;
  /** When each socket came first. */
  readonly seen: Map<U64, number>;
}

export class Columns {
  readonly #lacks: ReadonlySet<Dispensable>;
  /** By start: when its poll began and its newest row was stamped. */
  readonly #polls = new Map<number, OwnPoll>();

  constructor(
    lacks: readonly Dispensable[],
    private readonly intervalNs: number,
  ) {
    this.#lacks = new Set(lacks);
  }

  /** Rows as they came, with a poll of our own making where they have none. */
  arrived(start: number, rows: readonly JudgeRow[]): readonly JudgeRow[] {
    if (!this.#lacks.has('poll_id')) return rows;
    return rows.map((row) => {
      // Without a poll the offset is the stamp itself.
      const stampNs = row.offsetNs;
      let poll = this.#polls.get(start);
      const seenNs = poll?.seen.get(row.cookie) ?? stampNs;
      const isNext = poll && (stampNs - poll.newestNs > PAUSE_SHARE * this.intervalNs || stampNs - seenNs > AGAIN_SHARE * this.intervalNs);
      if (!poll || isNext) {
        poll = { id: BigInt(stampNs).toString(), beganNs: stampNs, newestNs: stampNs, seen: new Map() };
        this.#polls.set(start, poll);
      }
      if (row.cookie !== 0 && !poll.seen.has(row.cookie)) poll.seen.set(row.cookie, stampNs);
      poll.newestNs = Math.max(poll.newestNs, stampNs);
      // Several readers stamp side by side: the first row that came need not be the first that was read.
      const offsetNs = Math.max(stampNs - poll.beganNs, stampNs > poll.beganNs - this.intervalNs ? 0 : Number.NEGATIVE_INFINITY);
      return { ...row, poll: poll.id, offsetNs };
    });
  }

  /** The rows of a whole poll, each with what it lacks as the ledger has it. */
  filledIn(poll: Poll, ledger: LedgerState): void {
    const lacks = this.#lacks;
    if (lacks.size === 0 || (lacks.size === 1 && lacks.has('poll_id'))) return;
    for (const [i, row] of poll.rows.entries()) {
      const socket = ledger.sockets.get(row.cookie);
      const isOwn = socket !== undefined && (socket.space.role === 'home' || socket.space.name === row.name);
      const named = isOwn ? socket.space : ledger.names.get(row.name);
      const inode = lacks.has('netns_inode') ? (named?.inode ?? row.inode) : row.inode;
      // Whoever names a namespace by name and inode means the one that has both.
      const space = named?.inode === inode ? named : undefined;
      const pulsed = socket?.role === 'pulse' ? ledger.pulseBounds(socket, poll.beganNs).least : 0;
      const truth: Partial<Record<Dispensable, Partial<JudgeRow>>> = {
        netns_inode: { inode },
        netns_cookie: { netns: space?.netns ?? row.netns },
        container_id: { container: space?.container ?? '' },
        hostname: { hostname: 'not told' },
        tcp_info_state: { infoState: row.state },
        ...(socket && {
          congestion_algorithm_string: { congestion: socket.congestion },
          inet_diag_msg_inode: { socketInode: socket.inode },
          inet_diag_msg_rqueue: { receiveQueue: socket.unread },
          inet_diag_msg_uid: { uid: socket.uid },
          inet_diag_msg_wqueue: { sendQueue: 0 },
          tcp_info_bytes_acked: { acked: socket.sent },
          tcp_info_bytes_received: { received: socket.received + (socket.end === 'server' ? pulsed : 0) },
          tcp_info_bytes_sent: { sent: socket.sent + (socket.end === 'client' ? pulsed : 0) },
        }),
        ...(socket?.tcp && {
          tcp_info_data_segs_in: { dataSegsIn: socket.tcp.dataSegsIn },
          tcp_info_data_segs_out: { dataSegsOut: socket.tcp.dataSegsOut },
          tcp_info_pmtu: { pmtu: socket.tcp.pmtu },
          tcp_info_rtt: { rtt: socket.tcp.rtt },
          tcp_info_snd_cwnd: { sndCwnd: socket.tcp.sndCwnd },
          tcp_info_snd_mss: { sndMss: socket.tcp.sndMss },
        }),
      };
      poll.rows[i] = Object.assign({}, row, ...[...lacks].map((name) => truth[name] ?? {}));
    }
  }
}
