/**
 * What a daemon that was killed still owed the topic: pure. Only memory may die with a process. So of a life that ended by a kill the topic
 * must come to hold, in the end, as many rows as its last scrape told were handed over or safe on disk, and every row that had been read a
 * flush before the kill, wherever it was then. The rest, what was read since and what the last scrape told to be in memory, may be lost.
 *
 * A record of a poll may die too, and with it all that tells how many rows the poll had: here rows are counted by lives, without records.
 */

/** What the daemon's books told at one moment, of this life alone: rows that an earlier life left are in none of the three. */
export interface Told {
  /** Seconds of our clock. */
  readonly at: number;
  readonly read: number;
  readonly dropped: number;
  readonly inMemory: number;
}

/** What is known of a life that was killed. */
export interface KilledLife {
  /** Counted from 1: the lives that were killed. */
  readonly number: number;
  /** Rows that must be in the topic; undefined when nobody had asked it before the kill, so that nothing is known. */
  readonly owed: number | undefined;
  readonly arrived: number;
}

interface Life {
  /** Of the target's clock. Polls that begin up to here are its own, unless they are of the life before. */
  readonly toNs: number;
  readonly owed: number | undefined;
}

/**
 * A killed subject is started again a second later (harness/agent/supervisor.ts): half of that is for the two clocks that lie between the kill
 * and a poll, before it and after.
 */
const BORDER_NS = 5e8;

export class CrashBook {
  readonly #killed: Life[] = [];
  /** Of the life that goes on: the newest one that is a flush old, and all after it. */
  #told: Told[] = [];

  /** @param flushSeconds how long a row may be in memory */
  constructor(private readonly flushSeconds: number) {}

  told(books: Told): void {
    this.#told.push(books);
    this.#forget(books.at);
  }

  /** A process began: what is told from now on is of its books. */
  began(): void {
    this.#told = [];
  }

  /** It was killed: at this second of our clock, which is this moment of the target's. */
  killed(at: number, ns: number): void {
    this.#forget(at);
    this.#killed.push({ toNs: ns + BORDER_NS, owed: this.#owed(at) });
    this.#told = [];
  }

  /** @param arrivals rows in the topic of each poll (its beginning in nanoseconds), what was delivered again left out */
  lives(arrivals: ReadonlyMap<string, number>): KilledLife[] {
    const arrived = this.#killed.map(() => 0);
    for (const [poll, rows] of arrivals) {
      const life = this.#killed.findIndex(({ toNs }) => Number(poll) <= toNs);
      if (life >= 0) arrived[life] = (arrived[life] ?? 0) + rows;
    }
    return this.#killed.map(({ owed }, i) => ({ number: i + 1, owed, arrived: arrived[i] ?? 0 }));
  }

  #owed(at: number): number | undefined {
    const last = this.#told.at(-1);
    if (last === undefined) return undefined;
    const old = this.#told.findLast((one) => at - one.at >= this.flushSeconds);
    return Math.max(last.read - last.dropped - last.inMemory, old === undefined ? 0 : old.read - old.dropped);
  }

  #forget(at: number): void {
    const old = this.#told.findLastIndex((one) => at - one.at >= this.flushSeconds);
    if (old > 0) this.#told = this.#told.slice(old);
  }
}

/** Rows that were not in memory, and are lost all the same. */
export function beyondMemory({ owed = 0, arrived }: KilledLife): number {
  return Math.max(0, owed - arrived);
}
