import { describe, expect, it } from 'vitest';
import { beyondMemory, CrashBook } from './crash-book.js';

const SECOND = 1e9;

/** One life of 100 rows a second, each second a poll, scraped each half second, killed after `seconds`. */
function live(book: CrashBook, o: { seconds: number; inMemory?: number; from?: number }): void {
  const from = o.from ?? 0;
  book.began();
  for (let s = 0.5; s < o.seconds; s++) {
    const read = 100 * Math.ceil(s);
    book.told({ at: from + s, read, dropped: 0, inMemory: Math.min(read, o.inMemory ?? 0) });
  }
  book.killed(from + o.seconds, (from + o.seconds) * SECOND);
}

/** Of polls that began at these seconds. */
const arrivals = (rows: Readonly<Record<number, number>>): Map<string, number> =>
  new Map(Object.entries(rows).map(([second, count]) => [String(Number(second) * SECOND), count]));

describe('what a killed daemon owed', () => {
  it('is all that it had handed over or had on disk when it was asked last', () => {
    const book = new CrashBook(5);
    live(book, { seconds: 3 });
    const [whole] = book.lives(arrivals({ 0: 100, 1: 100, 2: 100 }));
    expect(whole).toEqual({ number: 1, owed: 300, arrived: 300 });
    const [cut] = book.lives(arrivals({ 0: 100, 1: 60 }));
    expect(cut).toMatchObject({ owed: 300, arrived: 160 });
    expect(beyondMemory(cut as never)).toBe(140);
  });

  it('is not what was in its memory', () => {
    const book = new CrashBook(5);
    live(book, { seconds: 3, inMemory: 140 });
    expect(book.lives(arrivals({ 0: 100, 1: 60 })).map(beyondMemory)).toEqual([0]);
    expect(book.lives(arrivals({ 0: 100, 1: 59 })).map(beyondMemory)).toEqual([1]);
  });

  it('is also what it had read a flush before, though it kept that in memory', () => {
    const book = new CrashBook(5);
    live(book, { seconds: 20, inMemory: 5_000 });
    // Asked at 14.5 s, when it had read 1500.
    expect(book.lives(new Map())).toEqual([{ number: 1, owed: 1_500, arrived: 0 }]);
  });

  it('is not what it gave up, which other books tell', () => {
    const book = new CrashBook(5);
    book.told({ at: 1, read: 100, dropped: 30, inMemory: 0 });
    book.killed(2, 2 * SECOND);
    expect(book.lives(new Map())[0]?.owed).toBe(70);
  });

  it('is held against the polls of that life, not of the next', () => {
    const book = new CrashBook(5);
    live(book, { seconds: 3 });
    live(book, { from: 10, seconds: 2 });
    const rows = { 0: 100, 1: 100, 2: 100, 10: 100, 11: 50, 20: 400 };
    expect(book.lives(arrivals(rows))).toEqual([
      { number: 1, owed: 300, arrived: 300 },
      { number: 2, owed: 200, arrived: 150 },
    ]);
  });

  it('is unknown when nobody asked it, whatever the life before had said', () => {
    const book = new CrashBook(5);
    book.told({ at: 1, read: 100, dropped: 0, inMemory: 0 });
    book.began();
    book.killed(2, 2 * SECOND);
    expect(book.lives(new Map())).toEqual([{ number: 1, owed: undefined, arrived: 0 }]);
    expect(book.lives(new Map()).map(beyondMemory)).toEqual([0]);
  });
});
