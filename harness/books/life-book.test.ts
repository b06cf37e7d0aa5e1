import { describe, expect, it } from 'vitest';
import { LifeBook, missingOf, type Told } from './life-book.js';

const SECOND = 1e9;

interface LifeOfTest {
  readonly seconds: number;
  readonly from?: number;
  readonly inMemory?: number;
  readonly inSpool?: number;
  /** Default: killed. */
  readonly inOrder?: boolean;
  /** Default: each half second. */
  readonly unasked?: boolean;
}

/** One life of 100 rows a second, each second a poll, asked each half second, ended after `seconds`. */
function live(book: LifeBook, { seconds, from = 0, inMemory = 0, inSpool = 0, inOrder = false, unasked = false }: LifeOfTest): void {
  book.began(from);
  for (let s = 0.5; s < seconds && !unasked; s++) {
    const polls = Math.ceil(s);
    book.told(told({ at: from + s, read: 100 * polls, polls, inMemory: Math.min(100 * polls, inMemory), inSpool }), (from + s) * SECOND);
  }
  book.ended(from + seconds, (from + seconds) * SECOND, !inOrder);
}

function told(some: Partial<Told>): Told {
  return { at: 1, read: 0, dropped: 0, inMemory: 0, inSpool: 0, polls: 0, recordsWaiting: 0, ...some };
}

/** Rows of polls that began at these seconds, each with its record. */
function arrive(book: LifeBook, rows: Readonly<Record<number, number>>): void {
  for (const [second, count] of Object.entries(rows)) {
    book.arrived(Number(second) * SECOND, 'rows', count);
    book.arrived(Number(second) * SECOND, 'records');
  }
}

const missing = (book: LifeBook): number[] => book.lives().map((life) => missingOf(life, 'rows'));

describe('what a killed daemon owed', () => {
  it('is all that it had handed over or had on disk when it was asked last', () => {
    const book = new LifeBook(5);
    live(book, { seconds: 3 });
    arrive(book, { 0: 100, 1: 60 });
    expect(book.lives()).toMatchObject([{ number: 1, killed: true, owed: { rows: 300, records: 3 }, arrived: { rows: 160, records: 2 } }]);
    expect(book.lives().map((life) => [missingOf(life, 'rows'), missingOf(life, 'records')])).toEqual([[140, 1]]);
    arrive(book, { 2: 140 });
    expect(missing(book)).toEqual([0]);
  });

  it('is not what was in its memory', () => {
    const book = new LifeBook(5);
    live(book, { seconds: 3, inMemory: 140 });
    arrive(book, { 0: 100, 1: 59 });
    expect(missing(book)).toEqual([1]);
    arrive(book, { 1: 1 });
    expect(missing(book)).toEqual([0]);
  });

  it('is also what it had read a flush before, though it kept that in memory', () => {
    const book = new LifeBook(5);
    live(book, { seconds: 20, inMemory: 5_000 });
    // Asked at 14.5 s, when it had read 1500.
    expect(book.lives()).toMatchObject([{ owed: { rows: 1_500 } }]);
  });

  it('is not what it gave up, which other books tell', () => {
    const book = new LifeBook(5);
    book.began(0);
    book.told(told({ read: 100, dropped: 30 }), SECOND);
    book.ended(2, 2 * SECOND, true);
    expect(book.lives()[0]?.owed?.rows).toBe(70);
  });

  it('is held against what was read in that life, not in the next', () => {
    const book = new LifeBook(5);
    live(book, { seconds: 3 });
    live(book, { from: 10, seconds: 2 });
    arrive(book, { 0: 100, 1: 100, 2: 100, 10: 100, 11: 50, 20: 400 });
    expect(book.lives()).toMatchObject([
      { number: 1, owed: { rows: 300 }, arrived: { rows: 300 } },
      { number: 2, owed: { rows: 200 }, arrived: { rows: 150 } },
    ]);
  });

  it('is nothing when it was killed within a flush of its beginning and nobody had asked it; what came of it is its own', () => {
    const book = new LifeBook(5);
    live(book, { seconds: 3 });
    live(book, { from: 4, seconds: 1.5, unasked: true });
    live(book, { from: 8, seconds: 2 });
    arrive(book, { 0: 300, 4: 80, 8: 200 });
    expect(book.lives()).toMatchObject([
      { number: 1, owed: { rows: 300 }, arrived: { rows: 300 } },
      { number: 2, asked: false, seconds: 1.5, owed: { rows: 0, records: 0 }, arrived: { rows: 80, records: 1 } },
      { number: 3, owed: { rows: 200 }, arrived: { rows: 200 } },
    ]);
    expect(missing(book)).toEqual([0, 0, 0]);
  });

  it('is unknown when nobody could ask it for longer than a flush', () => {
    const book = new LifeBook(5);
    live(book, { seconds: 5.1, unasked: true });
    expect(book.lives()).toMatchObject([{ asked: false, owed: undefined }]);
  });
});

describe('what a daemon that ended in order owed', () => {
  it('is all that it had read, and a record of every poll', () => {
    const book = new LifeBook(5);
    live(book, { seconds: 3, inMemory: 200, inOrder: true });
    arrive(book, { 0: 100, 1: 100 });
    expect(book.lives().map((life) => [missingOf(life, 'rows'), missingOf(life, 'records')])).toEqual([[100, 1]]);
  });

  it('is not what it left in the spool', () => {
    const book = new LifeBook(5);
    live(book, { seconds: 3, inMemory: 20, inSpool: 200, inOrder: true });
    expect(book.lives()[0]?.owed?.rows).toBe(80);
  });
});

it('knows when nobody heard of sockets that closed: from a flush before a kill until the next life was asked first', () => {
  const book = new LifeBook(5);
  live(book, { seconds: 20 });
  live(book, { from: 21, seconds: 1, unasked: true });
  live(book, { from: 23, seconds: 9, inOrder: true });
  expect(book.deaf()).toEqual([
    { fromNs: 15 * SECOND, toNs: Number.POSITIVE_INFINITY },
    { fromNs: 17 * SECOND, toNs: 25.5 * SECOND },
  ]);
});
