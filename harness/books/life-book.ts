/**
 * The lives of the daemon, and what each still owed the topic when it ended: pure. A life begins when the supervisor starts a process and
 * ends when that is gone.
 *
 * - One that ended in order owes every row that it told as read and not given up or left in the spool, and a record of every poll.
 * - Of one that was killed only memory may die with it: it owes what its last scrape told as handed over or safe on disk, and everything that it
 *   had read a flush before the kill, wherever that was then.
 * - One that was killed within a flush of its beginning, before anybody asked it, owes nothing: all that it had read was younger than a flush.
 *   What did come of it stands in the topic, and must be in the table like everything else.
 * - One that nobody could ask for longer than that owes nobody knows what.
 *
 * A record of a poll may die too, and with it all that tells how many rows the poll had: here rows are counted by lives, without records. Final
 * rows are among them.
 */

/** What the daemon's books told at one moment, of this life alone: rows that an earlier life left count in `inSpool` only. */
export interface Told {
  /** Seconds of our clock. */
  readonly at: number;
  readonly read: number;
  readonly dropped: number;
  readonly inMemory: number;
  readonly inSpool: number;
  /** Polls that ended. */
  readonly polls: number;
  /** Records of them that wait, in memory or on disk. */
  readonly recordsWaiting: number;
}

interface Counts {
  readonly rows: number;
  readonly records: number;
}

/** What is known of a life that is over. */
export interface Life {
  /** Counted from 1: starts of the daemon. */
  readonly number: number;
  readonly killed: boolean;
  /** How long it lasted. */
  readonly seconds: number;
  /** Whether it was ever asked. */
  readonly asked: boolean;
  /** What must be in the topic; undefined when nobody knows. */
  readonly owed: Counts | undefined;
  readonly arrived: Counts;
}

interface Ended {
  readonly number: number;
  readonly killed: boolean;
  readonly seconds: number;
  readonly asked: boolean;
  readonly owed: Counts | undefined;
  /** Of the target's clock. What was read up to here is its own, unless it is of the life before. */
  readonly toNs: number;
}

/**
 * A daemon that ended is started again a second later (harness/agent/supervisor.ts): half of that is for the two clocks that lie between the end
 * and a poll, before it and after.
 */
const BORDER_NS = 5e8;
/** Arrivals are kept by the tenth of a second in which they were read. */
const SLOT_NS = 1e8;
/** Its listener to closed sockets is open before it answers the first question. Two clocks lie between. */
const HEARS_AFTER_NS = 2e9;

export class LifeBook {
  readonly #over: Ended[] = [];
  readonly #arrived = { rows: new Map<number, number>(), records: new Map<number, number>() };
  /** When each life was asked first, by the target's clock; the index is its number less one. */
  readonly #hearsFrom: (number | undefined)[] = [];
  #beganAt: number | undefined;
  /** Of the life that goes on: the newest one that is a flush old, and all after it. */
  #told: Told[] = [];

  /** @param flushSeconds how long a row may be in memory */
  constructor(private readonly flushSeconds: number) {}

  /** A process began: what is told from now on is of its books. @param at seconds of our clock */
  began(at: number): void {
    this.#beganAt = at;
    this.#told = [];
    this.#hearsFrom.push(undefined);
  }

  /** @param ns the moment by the target's clock */
  told(books: Told, ns: number): void {
    // What was asked before it began, and answered after, is of the life before.
    if (this.#beganAt === undefined) return;
    this.#told.push(books);
    this.#hearsFrom[this.#hearsFrom.length - 1] ??= ns;
    this.#forget(books.at);
  }

  /** It ended: at this second of our clock, which is this moment of the target's. */
  ended(at: number, ns: number, killed: boolean): void {
    if (this.#beganAt === undefined) return;
    const seconds = at - this.#beganAt;
    this.#forget(at);
    const owed = killed ? this.#owedByKilled(at, seconds) : this.#owedInOrder();
    this.#over.push({ number: this.#hearsFrom.length, killed, seconds, asked: this.#told.length > 0, owed, toNs: ns + BORDER_NS });
    this.#beganAt = undefined;
    this.#told = [];
  }

  /** Rows that stand in the topic, those delivered again left out. @param ns when they were read, or their poll began, by the target's clock */
  arrived(ns: number, what: keyof Counts, count = 1): void {
    const slot = Math.floor(ns / SLOT_NS);
    const slots = this.#arrived[what];
    slots.set(slot, (slots.get(slot) ?? 0) + count);
  }

  /** Those that are over, oldest first. */
  lives(): Life[] {
    const counts = this.#over.map(() => ({ rows: 0, records: 0 }));
    for (const what of ['rows', 'records'] as const) {
      for (const [slot, count] of this.#arrived[what]) {
        const own = counts[this.#over.findIndex(({ toNs }) => slot * SLOT_NS <= toNs)];
        if (own !== undefined) own[what] += count;
      }
    }
    return this.#over.map(({ toNs: _, ...life }, i) => ({ ...life, arrived: counts[i] ?? { rows: 0, records: 0 } }));
  }

  /**
   * When nobody heard of sockets that closed, or what was heard may have died in memory: from a flush before each kill until the next life
   * was asked first. Nothing brings those rows back.
   */
  deaf(): { readonly fromNs: number; readonly toNs: number }[] {
    return this.#over
      .filter(({ killed }) => killed)
      .map(({ number, toNs }) => ({
        fromNs: toNs - BORDER_NS - this.flushSeconds * 1e9,
        toNs: (this.#hearsFrom[number] ?? Number.POSITIVE_INFINITY) + HEARS_AFTER_NS,
      }));
  }

  #owedInOrder(): Counts | undefined {
    const last = this.#told.at(-1);
    if (last === undefined) return undefined;
    // While the far end is away, what is in memory goes to the spool too.
    const left = last.inSpool > 0 ? last.inSpool + last.inMemory : 0;
    return { rows: last.read - last.dropped - left, records: last.polls - last.recordsWaiting };
  }

  #owedByKilled(at: number, seconds: number): Counts | undefined {
    const last = this.#told.at(-1);
    if (last === undefined) return seconds <= this.flushSeconds ? { rows: 0, records: 0 } : undefined;
    const old = this.#told.findLast((one) => at - one.at >= this.flushSeconds);
    return {
      rows: Math.max(last.read - last.dropped - last.inMemory, old === undefined ? 0 : old.read - old.dropped),
      records: Math.max(last.polls - last.recordsWaiting, old === undefined ? 0 : old.polls),
    };
  }

  #forget(at: number): void {
    const old = this.#told.findLastIndex((one) => at - one.at >= this.flushSeconds);
    if (old > 0) this.#told = this.#told.slice(old);
  }
}

/** Of what it owes, how much is not there. */
export function missingOf({ owed, arrived }: Life, what: keyof Counts): number {
  return Math.max(0, (owed?.[what] ?? 0) - arrived[what]);
}
