import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TableBook, type TableEntry, type TableRow, type TableSum } from './table-book.js';
import type { BookOffence } from './tally.js';
import { namedRow } from './topic-book.js';

const TWO_64 = 2n ** 64n;

function rowsOf(poll: number, count: number): TableEntry[] {
  return Array.from({ length: count }, (_, i) => ({
    poll: String(poll),
    netns: 1 + (i % 3),
    cookie: i + 1,
    print: (Math.imul(i + 1, 0x9e3779b1) ^ poll) >>> 0,
  }));
}

/** A table as ClickHouse would keep it, and its answers. */
class Table {
  readonly rows: TableEntry[] = [];

  sums(polls: readonly string[]): TableSum[] {
    const groups = new Map<string, TableEntry[]>();
    for (const row of this.rows.filter(({ poll }) => polls.includes(poll))) {
      const key = `${row.poll}/${row.netns}`;
      groups.set(key, [...(groups.get(key) ?? []), row]);
    }
    return [...groups.values()].map((rows) => ({
      poll: rows[0]?.poll ?? '',
      netns: rows[0]?.netns ?? 0,
      rows: rows.length,
      sockets: new Set(rows.map(({ cookie }) => cookie)).size,
      prints: rows.reduce((sum, { print }) => sum + BigInt(print), 0n),
      squares: rows.reduce((sum, { print }) => (sum + BigInt(print) ** 2n) % TWO_64, 0n),
    }));
  }

  of(poll: string): TableRow[] {
    return this.rows.filter((row) => row.poll === poll);
  }
}

class Fixture {
  readonly table = new Table();
  readonly told: BookOffence[] = [];
  readonly book = new TableBook({ tell: (offence) => this.told.push(offence), named: namedRow, overtakenBy: 3 });

  ask(last = false): void {
    const polls = this.book.questions(100);
    for (const poll of this.book.answer(polls, this.table.sums(polls), last)) this.book.rows(poll, this.table.of(poll));
  }
}

describe('the book of the table', () => {
  it('settles what agrees, and waits for what is still under way', () => {
    const f = new Fixture();
    const [first, second] = [rowsOf(1, 10), rowsOf(2, 10)];
    f.book.add('1', first);
    f.book.add('2', second);
    f.table.rows.push(...first, ...second.slice(0, 4));
    for (let i = 0; i < 5; i++) f.ask();
    expect(f.book.tally).toMatchObject({ lost: 0, agreed: { polls: 1, rows: 10 } });
    expect(f.book.pending).toBe(1);
    f.table.rows.push(...second.slice(4));
    f.ask();
    expect(f.book.tally.agreed).toEqual({ polls: 2, rows: 20 });
    expect(f.told).toEqual([]);
  });

  it('names what is lost once later polls are all there, and calls it late when it comes after all', () => {
    const f = new Fixture();
    for (const poll of [1, 2, 3, 4]) {
      const rows = rowsOf(poll, 10);
      f.book.add(String(poll), rows);
      f.table.rows.push(...(poll === 1 ? rows.slice(1) : rows));
    }
    f.ask();
    expect(f.book.tally.lost).toBe(0);
    f.ask();
    expect(f.book.tally).toMatchObject({ lost: 1, agreed: { rows: 39 } });
    expect(f.told.map(({ wrong, detail }) => [wrong, detail])).toEqual([
      ['lost', 'the row of socket 1 in namespace 1 is not in the table'],
    ]);
    f.table.rows.push(...rowsOf(1, 1));
    for (const poll of f.book.short) f.book.afterAll(poll, f.table.of(poll));
    expect(f.book.tally).toMatchObject({ lost: 0, late: 1 });
  });

  it('is not overtaken by polls without rows', () => {
    const f = new Fixture();
    f.book.add('1', rowsOf(1, 10));
    for (const poll of ['2', '3', '4', '5']) f.book.add(poll, []);
    for (let i = 0; i < 3; i++) f.ask();
    expect(f.book.tally.lost).toBe(0);
    expect(f.book.pending).toBe(1);
  });

  it('finds rows that traded their values, though every sum over a column is the same', () => {
    const f = new Fixture();
    const rows = rowsOf(1, 9);
    f.book.add('1', rows);
    const [a, , , b] = rows as [TableEntry, TableEntry, TableEntry, TableEntry];
    // Prints are linear: what one gains the other loses.
    f.table.rows.push(...rows.map((row) => (row === a ? { ...a, print: a.print + 5 } : row === b ? { ...b, print: b.print - 5 } : row)));
    f.ask();
    f.ask();
    expect(f.book.tally).toMatchObject({ changed: 2, lost: 0, agreed: { rows: 7 } });
    expect(f.told.map(({ detail }) => detail)).toEqual([
      'the row of socket 1 in namespace 1 has other values in the table than in the topic',
      'the row of socket 4 in namespace 1 has other values in the table than in the topic',
    ]);
  });

  it('finds a row that is there twice, and one that nobody sent', () => {
    const f = new Fixture();
    const rows = rowsOf(1, 6);
    f.book.add('1', rows);
    f.table.rows.push(...rows, rows[2] as TableEntry, { poll: '1', netns: 77, cookie: 1, print: 1 });
    f.ask(true);
    expect(f.book.tally).toMatchObject({ duplicated: 1, changed: 1, lost: 0, agreed: { rows: 5 } });
  });

  it('names a few rows of a poll and counts them all', () => {
    const f = new Fixture();
    f.book.add('1', rowsOf(1, 100));
    f.ask(true);
    expect(f.book.tally.lost).toBe(100);
    expect(f.told).toHaveLength(5);
    expect(f.told.reduce((sum, { rows }) => sum + rows, 0)).toBe(100);
  });

  it('does not keep polls for ever for a table that never answers, and says that it did not', () => {
    const f = new Fixture();
    for (let poll = 1; poll <= 2_010; poll++) f.book.add(String(poll), rowsOf(poll, 1));
    expect([f.book.pending, f.book.forgotten]).toEqual([2_000, 10]);
    expect(f.book.questions(1)).toEqual(['11']);
  });

  it('balances whatever the table did to the rows', () => {
    const fate = fc.constantFrom('kept', 'kept', 'kept', 'lost', 'twice', 'changed');
    fc.assert(
      fc.property(fc.array(fc.array(fate, { minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 8 }), (polls) => {
        const f = new Fixture();
        const count = { kept: 0, lost: 0, twice: 0, changed: 0 };
        polls.forEach((fates, i) => {
          const rows = rowsOf(i + 1, fates.length);
          f.book.add(String(i + 1), rows);
          rows.forEach((row, k) => {
            const what = fates[k] ?? 'kept';
            count[what]++;
            if (what !== 'lost') f.table.rows.push(what === 'changed' ? { ...row, print: (row.print + 1) >>> 0 } : row);
            if (what === 'twice') f.table.rows.push(row);
          });
        });
        f.ask(true);
        expect(f.book.pending).toBe(0);
        expect(f.book.tally).toMatchObject({
          lost: count.lost,
          duplicated: count.twice,
          changed: count.changed,
          agreed: { rows: count.kept },
        });
      }),
    );
  });
});
