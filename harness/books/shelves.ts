/** The table's side of the books: a shelf for each kind of row, and the database behind them, which is asked again and again. */
import { setTimeout as delay } from 'node:timers/promises';
import type { BooksDatabase } from './database.js';
import { namedFinal } from './final-book.js';
import { namedRecord } from './record.js';
import { Shelf } from './shelf.js';
import type { TableBook, TableTally } from './table-book.js';
import type { BookOffence } from './tally.js';
import { namedRow } from './topic-book.js';

export type ShelfName = 'polls' | 'finals' | 'records';

export interface ShelvesOptions {
  /** @throws Error when nobody answers */
  readonly open: () => Promise<BooksDatabase>;
  readonly tell: (offence: BookOffence) => void;
  readonly note: (text: string) => void;
  /** So long final rows of one second may come. */
  readonly openSeconds: number;
  /** Seconds of our monotonic clock. */
  readonly now: () => number;
}

const ASK_SECONDS = 5;
/** A question costs as much as there are rows in the table: at most a twentieth of the time goes into them. */
const ASK_SHARE = 20;
/** A partition is read in order: what the table lacks of a poll when it has so many later ones whole it will not get. */
const OVERTAKEN_BY = 3;
/** ClickHouse flushes what it read after 7.5 s. */
const LATE_SECONDS = 15;

export class Shelves {
  readonly #shelves: Readonly<Record<ShelfName, Shelf>>;
  #database: BooksDatabase | undefined;
  /** Why the table did not answer, the last time that it was told. */
  #trouble = '';
  #closing = false;
  readonly #asking: Promise<void>;

  constructor(private readonly o: ShelvesOptions) {
    const { tell, openSeconds } = o;
    this.#shelves = {
      polls: new Shelf({ tell, named: namedRow, overtakenBy: OVERTAKEN_BY }, ({ polls }) => polls),
      finals: new Shelf(
        // They are put together by seconds that are none of a poll, and stand in the topic up to so many of them out of order.
        { tell: ({ poll: _, ...offence }) => tell(offence), named: namedFinal, overtakenBy: openSeconds + OVERTAKEN_BY },
        ({ finals }) => finals,
      ),
      records: new Shelf({ tell, named: namedRecord, overtakenBy: OVERTAKEN_BY }, ({ records }) => records),
    };
    this.#asking = this.#askAgainAndAgain();
  }

  /** What the topic has, and the table is to have. */
  add(name: ShelfName, ...entry: Parameters<TableBook['add']>): void {
    this.#shelves[name].book.add(...entry);
  }

  get tallies(): Readonly<Record<ShelfName, TableTally>> {
    const { polls, finals, records } = this.#shelves;
    return { polls: polls.book.tally, finals: finals.book.tally, records: records.book.tally };
  }

  /** What is not settled between topic and table. */
  get waiting(): number {
    return this.#books.reduce((sum, { pending }) => sum + pending, 0);
  }

  /** What will never be settled, since the table did not answer for too long. */
  get forgotten(): number {
    return this.#books.reduce((sum, { forgotten }) => sum + forgotten, 0);
  }

  /** Whether the table has answered at all. */
  get isOpen(): boolean {
    return this.#database !== undefined;
  }

  /** Waits until the table has all that was added. @param goesOn told how many rows the table has; `false` ends the waiting */
  async settle(goesOn: (rows: number) => boolean): Promise<void> {
    this.close();
    await this.#asking;
    while (this.waiting > 0 && goesOn(await this.#rows())) {
      await this.#ask(false);
      if (this.waiting > 0) await delay(1000);
    }
    // The limit is over for what is still apart: named one by one, and looked at once more.
    while (this.waiting > 0 && (await this.#ask(true)));
    await this.#askForLate().catch(() => {});
  }

  /** Asks no more by itself. */
  close(): void {
    this.#closing = true;
  }

  /** Messages that the database could not read; 0 where it does not answer. */
  async unreadable(): Promise<number> {
    return (await this.#database?.unreadable().catch(() => 0)) ?? 0;
  }

  get #books(): readonly TableBook[] {
    return Object.values(this.#shelves).map(({ book }) => book);
  }

  async #rows(): Promise<number> {
    return (await this.#database?.count().catch(() => 0)) ?? 0;
  }

  async #askAgainAndAgain(): Promise<void> {
    let pause = ASK_SECONDS;
    while (!this.#closing) {
      for (let waited = 0; waited < pause && !this.#closing; waited += 0.25) await delay(250);
      const began = this.o.now();
      await this.#ask(false);
      pause = Math.max(ASK_SECONDS, ASK_SHARE * (this.o.now() - began));
    }
  }

  /** A database that is down is asked again later. @returns whether it answered */
  async #ask(last: boolean): Promise<boolean> {
    try {
      this.#database ??= await this.o.open();
      for (const shelf of Object.values(this.#shelves)) await shelf.ask(this.#database, last);
      return true;
    } catch (error) {
      const trouble = (error as Error).message.split('\n')[0]?.slice(0, 300) ?? '';
      if (trouble !== this.#trouble) this.o.note(`the table did not answer: ${trouble}`);
      this.#trouble = trouble;
      return false;
    }
  }

  async #askForLate(): Promise<void> {
    const database = this.#database;
    if (database === undefined || this.#books.every(({ short }) => short.length === 0)) return;
    await delay(LATE_SECONDS * 1000);
    for (const shelf of Object.values(this.#shelves)) await shelf.askForLate(database);
  }
}
