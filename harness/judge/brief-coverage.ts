/**
 * Connections that were over before a poll could see them: each end must come as exactly one row of kind `closed`, with its own addresses
 * and its final byte counts. Row and ledger line come by different ways and in any order, so each waits for the other for a while.
 */
import type { RunEvent, SeriesPoint } from '../facts/events.js';
import type { LedgerLine } from '../facts/ledger.js';
import { addressKey } from './address.js';
import type { Dispensable } from './columns.js';
import type { JudgeRow } from './row.js';
import { CLOSE } from './tcp-states.js';
import { type U64, u64FromText } from './u64.js';

interface BriefSpace {
  readonly inode: number;
}

type SocketLine = Extract<LedgerLine, { kind: 'socket' }>;
type Offence = Extract<RunEvent, { kind: 'offence' }>;

/** The kernel destroys a socket within moments of its last reference; the collector flushes by age. */
const SETTLE_SECONDS = 15;
/** A line is written just before its socket is closed, by the clock that stamps its row; the difference is what a double has of nanoseconds, and more. */
const STAMP_SLACK_NS = 1e8;
/** Told in full, for each invariant; the rest is counted. */
const TOLD_OFFENCES = 20;

export type BriefInvariant = 'final-rows' | 'final-values' | 'no-duplicate-final-rows';

export class BriefCoverage {
  /** Told by the ledger, not yet seen. In order of time, as a Map keeps it. */
  readonly #due = new Map<U64, { readonly line: SocketLine; readonly since: number }>();
  /** Seen, not yet told by the ledger. */
  readonly #early = new Map<U64, { readonly row: JudgeRow; readonly since: number }>();
  /** Matched lately, to know a second row for what it is. */
  readonly #matched = new Map<U64, number>();
  readonly #spaces = new Map<U64, BriefSpace>();
  readonly #counts: Record<BriefInvariant, number> = { 'final-rows': 0, 'final-values': 0, 'no-duplicate-final-rows': 0 };
  readonly #deaf: { readonly fromNs: number; readonly toNs: number }[] = [];
  #made = 0;
  #captured = 0;
  #unheard = 0;
  #held = false;

  /** @param lacks columns that the subject does not send */
  constructor(
    private readonly tell: (offence: Offence) => void,
    private readonly lacks: readonly Dispensable[] = [],
  ) {}

  /** Rows may wait on their way for as long as that takes: only at the end is one missing. */
  hold(): void {
    this.#held = true;
  }

  get isHeld(): boolean {
    return this.#held;
  }

  /** Between these moments of the target's clock nobody listened, or died with what was heard: what ended then owes no row. */
  deaf(fromNs: number, toNs: number): void {
    this.#deaf.push({ fromNs, toNs });
  }

  space(netns: U64, space: BriefSpace): void {
    this.#spaces.set(netns, space);
  }

  line(line: SocketLine, now: number): void {
    const cookie = u64FromText(line.cookie);
    this.#made++;
    const early = this.#early.get(cookie);
    if (!early) {
      this.#due.set(cookie, { line, since: now });
      return;
    }
    this.#early.delete(cookie);
    this.#match(line, early.row, now);
  }

  rows(rows: readonly JudgeRow[], now: number): void {
    for (const row of rows) {
      if (this.#matched.has(row.cookie)) {
        this.#offend('no-duplicate-final-rows', `socket ${row.cookie} has a second final row`, row);
        continue;
      }
      const due = this.#due.get(row.cookie);
      if (due) {
        this.#due.delete(row.cookie);
        this.#match(due.line, row, now);
      } else if (this.#early.has(row.cookie)) {
        this.#offend('no-duplicate-final-rows', `socket ${row.cookie} has a second final row`, row);
      } else if (this.#spaces.has(row.netns)) {
        // Those of other namespaces are of the churn, or not of the load at all.
        this.#early.set(row.cookie, { row, since: now });
      }
    }
  }

  /**
   * What has waited too long is missing, or was never made. With `end` nothing more will come: missing is what was closed until `owedUntilNs` of the
   * target's clock.
   */
  settle(now: number, end?: { readonly owedUntilNs: number }): void {
    if (this.#held && !end) return;
    for (const [cookie, { line, since }] of this.#due) {
      if (!end && now - since < SETTLE_SECONDS) break;
      this.#due.delete(cookie);
      if (end && Number(line.at) > end.owedUntilNs) continue;
      if (this.#deaf.some(({ fromNs, toNs }) => Number(line.at) >= fromNs && Number(line.at) <= toNs)) this.#unheard++;
      else this.#offend('final-rows', `${named(line)} never came as a final row`);
    }
    for (const [cookie, { row, since }] of this.#early) {
      if (!end && now - since < SETTLE_SECONDS) break;
      this.#early.delete(cookie);
      // The listeners' own rows come when the load ends; they are no connections.
      if (row.dport !== 0) this.#offend('final-values', `a final row is of socket ${row.cookie}, which was never made`, row);
    }
    for (const [cookie, since] of this.#matched) {
      if (now - since < 2 * SETTLE_SECONDS) break;
      this.#matched.delete(cookie);
    }
  }

  series(): SeriesPoint['v'] {
    if (this.#spaces.size === 0) return {};
    return {
      'brief.made': this.#made,
      'brief.captured': this.#captured,
      'brief.unheard': this.#unheard,
      'brief.missing': this.#counts['final-rows'],
      'brief.wrong': this.#counts['final-values'],
      'brief.duplicates': this.#counts['no-duplicate-final-rows'],
    };
  }

  #match(line: SocketLine, row: JudgeRow, now: number): void {
    this.#captured++;
    this.#matched.set(row.cookie, now);
    const tellsSent = !this.lacks.includes('tcp_info_bytes_sent');
    const wrong = this.#wrongPlace(line, row) ?? this.#wrongStamp(line, row) ?? wrongValue(line, row, tellsSent);
    if (wrong) this.#offend('final-values', `${named(line)}: ${wrong}`, row);
  }

  #wrongPlace(line: SocketLine, row: JudgeRow): string | undefined {
    const netns = u64FromText(line.netns);
    const space = this.#spaces.get(netns);
    if (row.netns !== netns && !this.lacks.includes('netns_cookie')) return `its final row is filed under namespace ${row.netns}`;
    if (row.name !== line.name) return `its final row is filed under ${row.name || 'no name'}`;
    if (space && row.inode !== space.inode && !this.lacks.includes('netns_inode'))
      return `its final row is filed under inode ${row.inode}, not ${space.inode}`;
    return row.container === '' ? undefined : `its final row is filed under container ${row.container}`;
  }

  /** One that was held on its way may have been stamped before the clock was set. */
  #wrongStamp(line: SocketLine, row: JudgeRow): string | undefined {
    const afterNs = Number(row.poll) + row.offsetNs - Number(line.at);
    if (this.#held || (afterNs > -STAMP_SLACK_NS && afterNs < SETTLE_SECONDS * 1e9)) return undefined;
    return `its final row is stamped ${(afterNs / 1e9).toFixed(3)} s after it was closed`;
  }

  #offend(invariant: BriefInvariant, detail: string, row?: JudgeRow): void {
    if (++this.#counts[invariant] > TOLD_OFFENCES) return;
    this.tell({ kind: 'offence', invariant, detail, ...(row && { observed: shown(row) }) });
  }
}

/**
 * At its end a socket has sent and received a FIN, which both counters of the other side may hold; the client's SYN is acknowledged too. Owner, inode
 * and congestion control are its own or gone: which of them depends on the kernel.
 */
function wrongValue(line: SocketLine, row: JudgeRow, tellsSent: boolean): string | undefined {
  const addresses =
    row.family === (line.family === 4 ? 2 : 10) &&
    row.src === addressKey(line.src) &&
    row.sport === line.sport &&
    row.dst === addressKey(line.dst) &&
    row.dport === line.dport;
  if (!addresses) return 'its final row has addresses that are not its own';
  if (row.state !== CLOSE) return `state is ${row.state}, not ${CLOSE}`;
  if (row.uid !== 0 && row.uid !== line.uid) return `uid is ${row.uid}, not ${line.uid}`;
  if (row.socketInode !== 0 && row.socketInode !== line.inode) return `inode is ${row.socketInode}, not ${line.inode}`;
  if (row.congestion !== '' && row.congestion !== line.congestion)
    return `congestion control is "${row.congestion}", not "${line.congestion}"`;
  const [sent, received] = [Number(line.sent), Number(line.received)];
  if (row.received < received || row.received > received + 1) return `bytes_received is ${row.received}, not ${received}`;
  if (row.acked < sent || row.acked > sent + 2) return `bytes_acked is ${row.acked}, not ${sent}`;
  return !tellsSent || row.sent === sent ? undefined : `bytes_sent is ${row.sent}, not ${sent}`;
}

function named(line: SocketLine): string {
  return `socket ${line.cookie} (${line.src} ${line.sport} -> ${line.dst} ${line.dport}, ${line.end}) of ${line.name}`;
}

function shown(row: JudgeRow): Record<string, string> {
  return {
    netns: row.name,
    netns_inode: String(row.inode),
    netns_cookie: String(row.netns),
    socket_cookie: String(row.cookie),
    source_port: String(row.sport),
    destination_port: String(row.dport),
    state: String(row.state),
    uid: String(row.uid),
    inode: String(row.socketInode),
    congestion: row.congestion,
    timestamp_ns: String(Number(row.poll) + row.offsetNs),
    bytes_sent: String(row.sent),
    bytes_acked: String(row.acked),
    bytes_received: String(row.received),
  };
}
