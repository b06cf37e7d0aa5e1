/**
 * What the table answers, held against what stands in the topic: pure. Of each closed poll the rows are kept, a cookie and a print each,
 * until the table's own sums for every namespace of it agree: count, sum of prints, sum of their squares. Where they do not, its rows are
 * asked for one by one. Final rows are kept in the same way by the second in which they were read, and records of polls as one row each.
 */
import type { U64 } from '../judge/u64.js';
import type { BookRow } from './print.js';
import type { BookOffence } from './tally.js';

/** What the table says of one namespace in one poll. */
export interface TableSum {
  readonly poll: string;
  readonly netns: U64;
  readonly rows: number;
  /** Distinct sockets among the rows. */
  readonly sockets: number;
  readonly prints: bigint;
  readonly squares: bigint;
}

/** One row of the table. */
export interface TableRow {
  readonly netns: U64;
  readonly cookie: U64;
  readonly print: number;
}

export interface TableTally {
  readonly lost: number;
  readonly duplicated: number;
  readonly changed: number;
  readonly late: number;
  /** Polls and rows that agree. */
  readonly agreed: { readonly polls: number; readonly rows: number };
}

/** What is kept of a row. */
export type TableEntry = Pick<BookRow, 'poll' | 'netns' | 'cookie' | 'print'>;

export interface TableBookOptions {
  readonly tell: (offence: BookOffence) => void;
  /** A row in words. */
  readonly named: (row: Omit<TableEntry, 'print'>) => string;
  /** Polls of which the table had all later: what it still lacks then it will not get, since a partition is read in order. */
  readonly overtakenBy: number;
}

interface Sum {
  rows: number;
  prints: bigint;
  squares: bigint;
}

interface KeptPoll {
  readonly id: string;
  readonly cookies: readonly U64[];
  readonly netnses: readonly U64[];
  readonly prints: Uint32Array;
  readonly sums: ReadonlyMap<U64, Sum>;
  /** How often the table was asked and did not agree. */
  asked: number;
  /** Later polls that did agree. */
  overtakenBy: number;
}

const TWO_64 = 2n ** 64n;
/** Polls that are kept while the table does not answer: at 7,000 rows each some 300 MB. */
const MOST_KEPT = 2_000;
/** Rows of one poll that are named; the others are counted. */
const NAMED = 5;

export class TableBook {
  readonly #kept = new Map<string, KeptPoll>();
  /** Rows that were missing when their poll was given up, to see whether they come after all. */
  readonly #missing = new Map<string, TableEntry[]>();
  #tally = { lost: 0, duplicated: 0, changed: 0, late: 0 };
  #agreed = { polls: 0, rows: 0 };
  #forgotten = 0;

  constructor(private readonly o: TableBookOptions) {}

  /** A poll that the table must come to hold. */
  add(id: string, entries: readonly TableEntry[]): void {
    const sums = new Map<U64, Sum>();
    for (const { netns, print } of entries) {
      const sum = sums.get(netns) ?? { rows: 0, prints: 0n, squares: 0n };
      const p = BigInt(print);
      sums.set(netns, sum);
      sum.rows++;
      sum.prints += p;
      sum.squares = (sum.squares + p * p) % TWO_64;
    }
    this.#kept.set(id, {
      id,
      cookies: entries.map(({ cookie }) => cookie),
      netnses: entries.map(({ netns }) => netns),
      prints: Uint32Array.from(entries, ({ print }) => print),
      sums,
      asked: 0,
      overtakenBy: 0,
    });
    if (this.#kept.size <= MOST_KEPT) return;
    this.#kept.delete(this.#kept.keys().next().value as string);
    this.#forgotten++;
  }

  /** Polls that may still come to agree. */
  get pending(): number {
    return this.#kept.size;
  }

  /** Polls that nobody could hold any longer: whether the table has them is not known. */
  get forgotten(): number {
    return this.#forgotten;
  }

  get tally(): TableTally {
    return { ...this.#tally, agreed: this.#agreed };
  }

  /** The polls to ask about next, oldest first. */
  questions(most: number): string[] {
    return [...this.#kept.keys()].slice(0, most);
  }

  /**
   * The table's sums for these polls. @param last nothing more will come, so that nothing is waited for
   * @returns polls whose rows must be asked for one by one
   */
  answer(asked: readonly string[], sums: readonly TableSum[], last: boolean): string[] {
    const byPoll = new Map<string, TableSum[]>();
    for (const sum of sums) byPoll.set(sum.poll, [...(byPoll.get(sum.poll) ?? []), sum]);
    const apart: { poll: KeptPoll; whole: boolean }[] = [];
    for (const id of asked) {
      const poll = this.#kept.get(id);
      if (poll === undefined) continue;
      const found = byPoll.get(id) ?? [];
      if (agrees(poll, found)) {
        // One without rows agrees with a table that has come to nothing yet.
        if (poll.cookies.length > 0) for (const earlier of apart) earlier.poll.overtakenBy++;
        this.#agreed = { polls: this.#agreed.polls + 1, rows: this.#agreed.rows + poll.cookies.length };
        this.#kept.delete(id);
        continue;
      }
      poll.asked++;
      const rows = found.reduce((sum, one) => sum + one.rows, 0);
      apart.push({ poll, whole: rows >= poll.cookies.length });
    }
    return apart
      .filter(({ poll, whole }) => last || (poll.asked > 1 && (whole || poll.overtakenBy >= this.o.overtakenBy)))
      .map(({ poll }) => poll.id);
  }

  /** All rows of a poll as the table has them. */
  rows(id: string, found: readonly TableRow[]): void {
    const poll = this.#kept.get(id);
    if (poll === undefined) return;
    this.#kept.delete(id);
    const table = new Map<string, number[]>();
    for (const row of found) {
      const key = `${row.netns}/${row.cookie}`;
      table.set(key, [...(table.get(key) ?? []), row.print]);
    }
    const lost: TableEntry[] = [];
    const changed: string[] = [];
    const twice: string[] = [];
    for (const [i, cookie] of poll.cookies.entries()) {
      const row = { poll: id, netns: poll.netnses[i] ?? 0, cookie, print: poll.prints[i] ?? 0 };
      const key = `${row.netns}/${cookie}`;
      const prints = table.get(key);
      table.delete(key);
      if (prints === undefined) lost.push(row);
      else if (prints.length > 1) twice.push(`${this.o.named(row)} is in the table ${prints.length} times`);
      else if (prints[0] !== row.print) changed.push(`${this.o.named(row)} has other values in the table than in the topic`);
    }
    const differing = lost.length + changed.length + twice.length;
    for (const key of table.keys()) {
      const [netns = '', cookie = ''] = key.split('/');
      changed.push(`${this.o.named({ poll: id, netns, cookie })} is in the table and not in the topic`);
    }
    this.#agreed = {
      polls: this.#agreed.polls,
      rows: this.#agreed.rows + poll.cookies.length - differing,
    };
    if (lost.length > 0) this.#missing.set(id, lost);
    this.#count(
      'lost',
      id,
      lost.map((row) => `${this.o.named(row)} is not in the table`),
    );
    this.#count('changed', id, changed);
    this.#count('duplicated', id, twice);
  }

  /** Polls of which rows are missing, to be asked a last time. */
  get short(): readonly string[] {
    return [...this.#missing.keys()];
  }

  /** What the table has of a poll after all: those rows were late, not lost. */
  afterAll(id: string, found: readonly TableRow[]): void {
    const there = new Set(found.map(({ netns, cookie }) => `${netns}/${cookie}`));
    const late = (this.#missing.get(id) ?? []).filter(({ netns, cookie }) => there.has(`${netns}/${cookie}`));
    this.#missing.delete(id);
    this.#tally.lost -= late.length;
    this.#count(
      'late',
      id,
      late.map((row) => `${this.o.named(row)} came into the table after later polls were whole`),
    );
  }

  #count(wrong: 'lost' | 'duplicated' | 'changed' | 'late', poll: string, details: readonly string[]): void {
    this.#tally[wrong] += details.length;
    for (const [i, detail] of details.slice(0, NAMED).entries()) {
      this.o.tell({ border: 'topic-table', wrong, poll, rows: i === 0 ? details.length - Math.min(NAMED, details.length) + 1 : 1, detail });
    }
  }
}

function agrees(poll: KeptPoll, found: readonly TableSum[]): boolean {
  return (
    found.length === poll.sums.size &&
    found.every(({ netns, rows, sockets, prints, squares }) => {
      const own = poll.sums.get(netns);
      return own !== undefined && rows === own.rows && sockets === rows && prints === own.prints && squares === own.squares;
    })
  );
}
