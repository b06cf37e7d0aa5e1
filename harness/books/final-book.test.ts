import { describe, expect, it } from 'vitest';
import { FinalBook } from './final-book.js';
import type { BookRow } from './print.js';
import type { BookOffence } from './tally.js';

/** Read so many tenths of a second after 1970. */
function final(cookie: number, tenths: number, netns = 1): BookRow {
  return { poll: '0', netns, cookie, kind: 2, print: cookie, stampNs: BigInt(tenths) * 100_000_000n };
}

class Fixture {
  readonly closed: [second: string, cookies: unknown[]][] = [];
  readonly told: BookOffence[] = [];
  readonly book = new FinalBook({
    closed: (second, rows) => this.closed.push([second, rows.map(({ cookie }) => cookie)]),
    tell: (offence) => this.told.push(offence),
    openSeconds: 3,
  });
}

describe('the book of final rows', () => {
  it('hands on a second once nothing more of it can come, oldest first, and the rest at the end', () => {
    const f = new Fixture();
    f.book.add([final(1, 101), final(2, 95), final(3, 109)]);
    f.book.add([final(4, 138)]);
    expect(f.closed).toEqual([['9', [2]]]);
    f.book.add([final(5, 140)]);
    expect(f.closed).toEqual([
      ['9', [2]],
      ['10', [1, 3]],
    ]);
    f.book.finish();
    expect(f.closed.slice(2)).toEqual([
      ['13', [4]],
      ['14', [5]],
    ]);
    expect(f.book.tally).toEqual({ rows: 5, duplicated: 0, late: 0 });
    expect(f.told).toEqual([]);
  });

  it('names a socket that closes twice, whenever it does, and says which of the rows is one too many', () => {
    const f = new Fixture();
    expect(f.book.add([final(1, 100), final(1, 100), final(1, 100, 2)])).toEqual([true, false, true]);
    expect(f.book.add([final(1, 500)])).toEqual([false]);
    expect(f.book.tally).toMatchObject({ rows: 2, duplicated: 2 });
    expect(f.told.map(({ wrong, poll, detail }) => [wrong, poll, detail])).toEqual([
      ['duplicated', undefined, 'the final row of socket 1 in namespace 1 stands in the topic twice'],
      ['duplicated', undefined, 'the final row of socket 1 in namespace 1 stands in the topic twice'],
    ]);
  });

  it('calls late what comes after its second was handed on', () => {
    const f = new Fixture();
    f.book.add([final(1, 100), final(2, 200), final(3, 100)]);
    f.book.add([final(4, 100)]);
    expect(f.book.tally).toEqual({ rows: 4, duplicated: 0, late: 1 });
    expect(f.told.map(({ detail }) => detail)).toEqual(['the final row of socket 4 in namespace 1 came 10 s after it was read']);
  });
});
