import { describe, expect, it } from 'vitest';
import type { JudgeRow } from '../judge/row.js';
import { FinalBook, namedFinal } from './final-book.js';
import { LifeBook } from './life-book.js';
import type { BookRow } from './print.js';
import { type Reckoning, reckon } from './reckon.js';
import { namedRecord, RECORD_ENTRY } from './record.js';
import { RecordBook } from './record-book.js';
import { TableBook, type TableEntry } from './table-book.js';
import { noWrongs, type Tally, totalOf, WRONGS } from './tally.js';
import { namedRow, TopicBook } from './topic-book.js';

const SECOND = 1e9;
const POLLS = [1, 2, 3, 4, 5];

/** What somebody drops on the way. */
interface Dropped {
  readonly record?: 'before the topic' | 'before the table';
  readonly final?: 'before the topic' | 'before the table';
  /** A whole poll with its record, of which nothing is left that could tell. */
  readonly poll?: true;
}

/** A run of five polls of three rows, a record and two final rows each, through every book, by a daemon that ends in order. */
function run(dropped: Dropped = {}): Tally {
  const told: string[] = [];
  const tell = ({ detail }: { detail: string }): void => void told.push(detail);
  const tables = {
    polls: new TableBook({ tell, named: namedRow, overtakenBy: 3 }),
    finals: new TableBook({ tell, named: namedFinal, overtakenBy: 3 }),
    records: new TableBook({ tell, named: namedRecord, overtakenBy: 3 }),
  };
  const topic = new TopicBook({ counts: () => true, closed: ({ id, entries }) => tables.polls.add(id, entries), tell, flushSeconds: 5 });
  const finals = new FinalBook({ closed: (second, rows) => tables.finals.add(second, rows), tell, openSeconds: 1 });
  const records = new RecordBook(tell);
  const lives = new LifeBook(5);
  lives.began(0);
  const isDropped = (what: 'record' | 'final', poll: number, where: string): boolean => poll === 3 && dropped[what] === where;
  const inTable: Record<keyof typeof tables, Map<string, TableEntry[]>> = { polls: new Map(), finals: new Map(), records: new Map() };
  for (const second of POLLS) {
    const poll = String(second * SECOND);
    const row = (cookie: number, kind: number): BookRow => ({
      poll,
      netns: 1,
      cookie,
      kind,
      print: cookie,
      stampNs: BigInt(second * SECOND),
    });
    const polled = [row(1, 1), row(2, 1), row(3, 1)];
    const closed = [row(10 * second, 2), row(10 * second + 1, 2)];
    const sent = isDropped('final', second, 'before the topic') ? closed.slice(1) : closed;
    const print = second;
    inTable.polls.set(poll, polled);
    inTable.finals.set(String(second), isDropped('final', second, 'before the table') ? closed.slice(1) : sent);
    if (!isDropped('record', second, 'before the table')) inTable.records.set(poll, [{ ...RECORD_ENTRY, poll, print }]);
    if (dropped.poll && second === 3) continue;
    topic.message(
      poll,
      polled,
      polled.map(() => ({ state: 1 }) as JudgeRow),
    );
    lives.arrived(Number(poll), 'rows', 3 + sent.length);
    finals.add(sent);
    if (isDropped('record', second, 'before the topic')) continue;
    records.add({ poll, rows: 3, durationSeconds: 0.1, print });
    topic.record({ poll, rows: 3, durationSeconds: 0.1, print });
    lives.arrived(Number(poll), 'records');
    tables.records.add(poll, [{ ...RECORD_ENTRY, poll, print }]);
  }
  lives.told({ at: 6, read: 25, dropped: 0, inMemory: 0, inSpool: 0, polls: 5, recordsWaiting: 0 }, 6 * SECOND);
  lives.ended(7, 7 * SECOND, false);
  topic.finish();
  finals.finish();
  for (const what of ['polls', 'finals', 'records'] as const) {
    const book = tables[what];
    for (const id of book.answer(book.questions(100), [], true)) book.rows(id, inTable[what].get(id) ?? []);
  }
  const tallies: Reckoning['tables'] = { polls: tables.polls.tally, finals: tables.finals.tally, records: tables.records.tally };
  return reckon({
    kernel: { polls: 5, rows: 15, wrongs: noWrongs() },
    closedByLoad: { owed: 0, missing: 0, wrong: 0 },
    topic: topic.tally,
    finals: finals.tally,
    records: records.tally,
    tables: tallies,
    over: lives.lives(),
    pending: 0,
  });
}

const totals = (tally: Tally) => Object.fromEntries(WRONGS.map((wrong) => [wrong, totalOf(tally, wrong)]));

describe('the tally', () => {
  it('is clean, line for line, when everything arrives', () => {
    const tally = run();
    expect(totals(tally)).toEqual({ lost: 0, duplicated: 0, changed: 0, late: 0 });
    expect(tally.books.table.rows).toBe(15);
    expect(tally.finals).toMatchObject({ topic: 10, table: 10 });
    expect(tally.records).toMatchObject({ owed: 5, topic: 5, table: 5 });
    expect(tally.lives).toEqual({ over: 1, unasked: 0, unknown: 0, missing: 0 });
  });

  it.each<[string, Dropped, Partial<Tally>]>([
    ['a record that never reached its topic', { record: 'before the topic' }, { records: expect.objectContaining({ topic: 4, table: 4 }) }],
    ['a record that never reached the table', { record: 'before the table' }, { records: expect.objectContaining({ topic: 5, table: 4 }) }],
    ['a final row that never reached the topic', { final: 'before the topic' }, { lives: expect.objectContaining({ missing: 1 }) }],
    [
      'a final row that never reached the table',
      { final: 'before the table' },
      { finals: expect.objectContaining({ topic: 10, table: 9 }) },
    ],
  ])('counts %s as one that is lost', (_, dropped, where) => {
    const tally = run(dropped);
    expect(totals(tally)).toEqual({ lost: 1, duplicated: 0, changed: 0, late: 0 });
    expect(tally).toMatchObject(where);
  });

  it('counts a poll of which nothing is left, row by row and its record, by what the daemon says it read', () => {
    const tally = run({ poll: true });
    expect(tally.lives.missing).toBe(3 + 2);
    expect(tally.records.toTopic.lost).toBe(1);
  });
});
