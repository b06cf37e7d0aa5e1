/**
 * The ledger folded into what a poll is held against: which sockets and namespaces there are, which of them must be
 * in every poll from when on, and how far the pulse had come at a moment. Times are nanoseconds of the target.
 */
import type { LedgerLine, TcpFigures } from '../facts/ledger.js';
import { addressKey } from './address.js';
import type { JudgeRow } from './row.js';
import { CLOSE_WAIT, ESTABLISHED, LISTEN } from './tcp-states.js';
import { type U64, u64FromText } from './u64.js';

export interface Space {
  /** '' of the subject's own, which it may call what it likes. */
  readonly name: string;
  readonly netns: U64;
  readonly inode: number;
  readonly role: 'steady' | 'churn' | 'brief' | 'home';
  /** '' where no container lives in it. */
  readonly container: string;
  /** Before any of its sockets was there. */
  readonly madeNs: number;
  /** When the last of its sockets was there. */
  bornNs: number;
  /** Just before the first of its sockets was closed, and when none was left. */
  closingNs: number;
  deletedNs: number;
  /** Whether any poll had a row of it under its right name. */
  seen: boolean;
  /** How the subject tells it from others, where the kernel has no cookie: by which start, and the number. */
  generation?: { readonly start: number; readonly value: U64 };
  readonly sockets: U64[];
}

export interface LedgerSocket {
  readonly space: Space;
  readonly cookie: U64;
  readonly role: 'steady' | 'pulse' | 'churn' | 'brief';
  readonly end: 'listener' | 'client' | 'server';
  /** In which it stays; that of a churned one changes as it is made and closed. */
  readonly state: number;
  /** AF_INET 2 or AF_INET6 10. */
  readonly family: number;
  readonly src: string;
  readonly sport: number;
  readonly dst: string;
  readonly dport: number;
  readonly sent: number;
  /** As tcp_info counts it: with the end of the stream, where that has come. */
  readonly received: number;
  readonly unread: number;
  readonly uid: number;
  readonly inode: number;
  readonly congestion: string;
  /** Undefined for all but steady connections. */
  readonly tcp: TcpFigures | undefined;
  readonly madeNs: number;
  /** It must be in every poll that begins after this; never for churned ones. */
  readyNs: number;
  /** Pulse bytes of all rounds before it took part. */
  readonly pulseBase: number;
}

type Ends = Pick<LedgerSocket, 'family' | 'src' | 'sport' | 'dst' | 'dport'>;

function endsKey({ family, src, sport, dst, dport }: Ends): string {
  return `${family}/${src}/${sport}/${dst}/${dport}`;
}

interface Round {
  readonly doneNs: number;
  /** Bytes of this and all earlier rounds. */
  readonly total: number;
}

/** Rounds that a poll may still ask for: at 10 a second, 100 s. */
const KEPT_ROUNDS = 1000;
/** The load refuses more bytes a round. */
const LARGEST_PULSE = 16_384;
/** No line comes so late; a clock that shows so much less was set back. */
export const SET_BACK_NS = 60e9;

export class LedgerState {
  readonly sockets = new Map<U64, LedgerSocket>();
  readonly spaces = new Map<U64, Space>();
  readonly names = new Map<string, Space>();
  /** Whether the target's kernel tells cookies of namespaces (Linux 5.14). */
  hasCookies = true;
  /** Steady and pulse sockets, in the order of the ledger. */
  readonly steady: LedgerSocket[] = [];
  /** Namespaces of the last `steady-ready`. */
  steadyNamespaces = 0;
  closingNs = Number.POSITIVE_INFINITY;
  /** The newest time stamp: everything before it has been told, but for what was under way. */
  newestNs = Number.NEGATIVE_INFINITY;
  #home: Space | undefined;
  readonly #steadyInodes = new Map<number, Space>();
  /** Steady connections by what nobody else in the target has. */
  readonly #steadyEnds = new Map<string, LedgerSocket>();
  readonly #congestions = new Map<string, string>();
  #deleted: Space[] = [];
  /** By generation, those of the newest start. */
  readonly #generations = new Map<U64, Space>();
  #unready = 0;
  #rounds: Round[] = [];
  #largestRound = 0;
  /** Those that ended before the clock was set back, for polls that began before it. */
  #formerRounds: readonly Round[] = [];

  apply(line: LedgerLine): void {
    switch (line.kind) {
      case 'netns': {
        const space: Space = {
          name: line.name,
          netns: u64FromText(line.netns),
          inode: line.inode,
          role: line.role,
          container: line.container ?? '',
          madeNs: Number(line.at),
          bornNs: Number(line.at),
          closingNs: Number.POSITIVE_INFINITY,
          deletedNs: Number.POSITIVE_INFINITY,
          seen: false,
          sockets: [],
        };
        if (line.madeUp) this.hasCookies = false;
        this.spaces.set(space.netns, space);
        if (space.role === 'home') this.#home = space;
        else this.names.set(space.name, space);
        if (space.role === 'steady') this.#steadyInodes.set(space.inode, space);
        this.#heard(line.at);
        return;
      }
      case 'socket':
        this.#addSocket(line);
        this.#heard(line.at);
        return;
      case 'steady-ready':
        for (; this.#unready < this.steady.length; this.#unready++) {
          const socket = this.steady[this.#unready];
          if (socket) socket.readyNs = Number(line.at);
        }
        this.steadyNamespaces = line.namespaces;
        this.#heard(line.at);
        return;
      case 'steady-closing':
        this.closingNs = Number(line.at);
        this.#heard(line.at);
        return;
      case 'pulse':
        this.#heard(line.doneAt);
        this.#rounds.push({ doneNs: Number(line.doneAt), total: this.#pulsed() + line.bytes });
        this.#largestRound = Math.max(this.#largestRound, line.bytes);
        if (this.#rounds.length > 2 * KEPT_ROUNDS) this.#rounds = this.#rounds.slice(-KEPT_ROUNDS);
        return;
      case 'netns-deleted': {
        const space = this.spaces.get(u64FromText(line.netns));
        if (space) {
          space.closingNs = Number(line.closingAt);
          space.deletedNs = Number(line.at);
          this.#deleted.push(space);
        }
        this.#heard(line.at);
        return;
      }
      case 'count':
        this.#heard(line.at);
        return;
      case 'netns-gone':
      case 'netns-pinned':
        return;
    }
  }

  /**
   * The namespace that a row is filed under, as the ledger numbers it. Where the kernel tells no cookie it goes by name and inode, and the
   * subject's generation must mean this namespace and no other; a row for which that does not hold is of a namespace that is not there (0).
   */
  namespaceOf(row: JudgeRow, start: number): U64 {
    if (this.hasCookies || row.netns !== 0) return row.netns;
    const space = this.#home?.inode === row.inode ? this.#home : this.names.get(row.name);
    if (!space || space.inode !== row.inode || row.generation === 0) return 0;
    const before = space.generation;
    if (before?.start === start) return before.value === row.generation ? space.netns : 0;
    const other = this.#generations.get(row.generation);
    if (other && other !== space && other.generation?.start === start) return 0;
    if (before) this.#generations.delete(before.value);
    space.generation = { start, value: row.generation };
    this.#generations.set(row.generation, space);
    return space.netns;
  }

  /** A steady namespace by its inode, which nothing else can have while it lives. */
  steadyByInode(inode: U64): Space | undefined {
    return typeof inode === 'number' ? this.#steadyInodes.get(inode) : undefined;
  }

  /** The steady connection that has these addresses and ports; the load gives none twice. */
  steadyByEnds(row: Ends): LedgerSocket | undefined {
    return this.#steadyEnds.get(endsKey(row));
  }

  /** Whether a moment lies so far ahead that it was read before the clock was set back. */
  isOfFormerClock(ns: number): boolean {
    return this.#formerRounds.length > 0 && ns > this.newestNs + SET_BACK_NS;
  }

  /** Bytes that the pulse added to `socket` at least before `beganNs`, and at most until now. */
  pulseBounds(socket: LedgerSocket, beganNs: number): { readonly least: number; readonly most: number } {
    const finished =
      (this.isOfFormerClock(beganNs) ? this.#formerRounds : this.#rounds).findLast((round) => round.doneNs < beganNs)?.total ?? 0;
    return {
      least: Math.max(0, finished - socket.pulseBase),
      // A round under way has no line yet.
      most: this.#pulsed() - socket.pulseBase + Math.max(this.#largestRound, LARGEST_PULSE),
    };
  }

  /** Takes out the namespaces that were deleted before a moment, oldest first; their sockets are known until {@link forget}. */
  takeDeletedBefore(ns: number): Space[] {
    const end = this.#deleted.findIndex((space) => space.deletedNs >= ns);
    return this.#deleted.splice(0, end < 0 ? this.#deleted.length : end);
  }

  forget(space: Space): void {
    for (const cookie of space.sockets) this.sockets.delete(cookie);
    this.spaces.delete(space.netns);
    if (space.generation && this.#generations.get(space.generation.value) === space) this.#generations.delete(space.generation.value);
    if (this.names.get(space.name) === space) this.names.delete(space.name);
  }

  #addSocket(line: Extract<LedgerLine, { kind: 'socket' }>): void {
    const space = this.spaces.get(u64FromText(line.netns));
    if (!space) throw new Error(`the ledger has a socket in namespace ${line.netns}, which it never made`);
    const madeNs = Number(line.at);
    const state = line.state ?? (line.end === 'listener' ? LISTEN : ESTABLISHED);
    const socket: LedgerSocket = {
      space,
      cookie: u64FromText(line.cookie),
      role: line.role,
      end: line.end,
      state,
      family: line.family === 4 ? 2 : 10,
      src: addressKey(line.src),
      sport: line.sport,
      dst: addressKey(line.dst),
      dport: line.dport,
      sent: Number(line.sent),
      received: Number(line.received) + (state === CLOSE_WAIT ? 1 : 0),
      unread: line.unread,
      uid: line.uid,
      inode: line.inode,
      // Four names for hundreds of thousands of sockets.
      congestion: this.#congestions.get(line.congestion) ?? this.#remember(line.congestion),
      tcp: line.tcp,
      madeNs,
      readyNs: Number.POSITIVE_INFINITY,
      pulseBase: this.#pulsed(),
    };
    this.sockets.set(socket.cookie, socket);
    space.sockets.push(socket.cookie);
    space.bornNs = madeNs;
    if (space.role !== 'steady' && space.role !== 'home') return;
    this.steady.push(socket);
    if (socket.end !== 'listener') this.#steadyEnds.set(endsKey(socket), socket);
  }

  #remember(name: string): string {
    this.#congestions.set(name, name);
    return name;
  }

  #pulsed(): number {
    return this.#rounds.at(-1)?.total ?? 0;
  }

  /** The target's clock was set back: times from here on are of another reckoning, in which all that was is over. */
  #setBack(ns: number): void {
    this.newestNs = ns;
    this.#formerRounds = this.#rounds;
    this.#rounds = [{ doneNs: Number.NEGATIVE_INFINITY, total: this.#pulsed() }];
  }

  #heard(at: string): void {
    const ns = Number(at);
    if (ns < this.newestNs - SET_BACK_NS) this.#setBack(ns);
    this.newestNs = Math.max(this.newestNs, ns);
  }
}
