/**
 * Last rows of sockets that closed, as they stand in the topic: pure. They belong to no poll and no record tells how many there must be. A
 * socket closes once, so each is there once. They are put together by the second of their stamps, and a second is handed on once nothing more of
 * it can come, since the order in which the daemon reads is kept up to the age of a flush.
 */
import type { BookRow } from './print.js';
import type { BookOffence } from './tally.js';

export interface FinalTally {
  readonly rows: number;
  readonly duplicated: number;
  readonly late: number;
}

export interface FinalBookOptions {
  /** A second that is complete: its number since 1970, and its rows. */
  readonly closed: (second: string, rows: readonly BookRow[]) => void;
  readonly tell: (offence: BookOffence) => void;
  /** How long after it was read a row may come. */
  readonly openSeconds: number;
}

/** Sockets that are remembered, to know a second row of one: at 100 a second those of an hour. */
const REMEMBERED = 200_000;
const NS = 1_000_000_000n;

export class FinalBook {
  readonly #open = new Map<bigint, BookRow[]>();
  #newest = 0n;
  #closedUpTo = -1n;
  #seen = new Set<string>();
  #olderSeen = new Set<string>();
  #tally = { rows: 0, duplicated: 0, late: 0 };

  constructor(private readonly o: FinalBookOptions) {}

  /** @returns those that are the first of their socket */
  add(rows: readonly BookRow[]): readonly boolean[] {
    const first = rows.map((row) => this.#row(row));
    this.#close(this.#newest - BigInt(Math.ceil(this.o.openSeconds)));
    return first;
  }

  /** Nothing more will come. */
  finish(): void {
    this.#close(this.#newest + 1n);
  }

  get tally(): FinalTally {
    return this.#tally;
  }

  #row(row: BookRow): boolean {
    const socket = `${row.netns}/${row.cookie}`;
    if (this.#seen.has(socket) || this.#olderSeen.has(socket)) {
      this.#count('duplicated', `${namedFinal(row)} stands in the topic twice`);
      return false;
    }
    this.#remember(socket);
    this.#tally.rows++;
    const second = row.stampNs / NS;
    if (second > this.#newest) this.#newest = second;
    if (second <= this.#closedUpTo) this.#count('late', `${namedFinal(row)} came ${this.#newest - second} s after it was read`);
    else {
      const rows = this.#open.get(second) ?? [];
      rows.push(row);
      this.#open.set(second, rows);
    }
    return true;
  }

  #close(before: bigint): void {
    for (const second of [...this.#open.keys()].filter((one) => one < before).toSorted((a, b) => (a < b ? -1 : 1))) {
      this.o.closed(String(second), this.#open.get(second) ?? []);
      this.#open.delete(second);
    }
    if (before - 1n > this.#closedUpTo) this.#closedUpTo = before - 1n;
  }

  #count(wrong: 'duplicated' | 'late', detail: string): void {
    this.#tally = { ...this.#tally, [wrong]: this.#tally[wrong] + 1 };
    this.o.tell({ border: 'daemon-topic', wrong, rows: 1, detail });
  }

  #remember(socket: string): void {
    this.#seen.add(socket);
    if (this.#seen.size < REMEMBERED) return;
    this.#olderSeen = this.#seen;
    this.#seen = new Set();
  }
}

export function namedFinal({ netns, cookie }: Pick<BookRow, 'netns' | 'cookie'>): string {
  return `the final row of socket ${cookie} in namespace ${netns}`;
}
