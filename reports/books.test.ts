import { expect, test } from 'vitest';
import type { StoredTally, Tally } from '../harness/books/tally.js';
import { healthyRun, withEvents } from '../harness/verdict/fake-run.test-support.js';
import { judgeRun, type StoredRun } from '../harness/verdict/load-run.js';
import { booksSection } from './books.js';
import { renderRunReport } from './run-report.js';

const none = { lost: 0, duplicated: 0, changed: 0, late: 0 };
const WELL: Tally = {
  books: {
    kernel: { polls: 60, rows: 216_000 },
    daemon: { polls: 60, rows: 217_500 },
    topic: { polls: 60, rows: 217_500 },
    table: { polls: 60, rows: 217_500 },
  },
  borders: { 'kernel-daemon': none, 'daemon-topic': none, 'topic-table': none },
  finals: { owed: 2_000, topic: 2_345, table: 2_345, toTopic: none, toTable: none },
  records: { owed: 88, topic: 90, table: 90, toTopic: none, toTable: none },
  lives: { over: 1, unasked: 0, unknown: 0, missing: 0 },
  redelivered: { messages: 0, rows: 0 },
  lostInCrash: { rows: 0, ageSeconds: 0, beyond: 0 },
  pending: 0,
};

const textOf = (run: StoredRun): string => (booksSection(run.events)?.text ?? '').replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
const withBooks = (tally: StoredTally, settled: boolean): StoredRun => withEvents(healthyRun(), { at: 71, kind: 'books', settled, tally });

test('a run without a pipeline has no table', () => {
  expect(booksSection(healthyRun().events)).toBeNull();
});

test('the table has a line for each book, held against the one above', () => {
  const text = textOf(withBooks(WELL, true));
  expect(text).toContain('Kernel 60 216,000 sockets');
  expect(text).toContain('Daemon 60 217,500 0 0 0 0 rows');
  expect(text).toContain('ClickHouse 60 217,500 0 0 0 0 rows');
  expect(text).toContain('Kernel 2,000 final rows of sockets that closed');
  expect(text).toContain('Kafka 2,345 0 0 0 0 final rows');
  expect(text).toContain('Daemon 88 records of polls');
  expect(text).toContain('ClickHouse 90 0 0 0 0 records of polls');
  expect(text).toContain('every poll of the measured phase is settled');
  expect(text).toContain('No message was delivered twice.');
});

test('a run of an earlier version has the lines that were kept then, and says what was not', () => {
  const { finals: _finals, records: _records, lives: _lives, ...older } = WELL;
  const text = textOf(withBooks(older, true));
  expect(text).toContain('ClickHouse 60 217,500 0 0 0 0 rows that agree');
  expect(text).not.toContain('final rows of sockets that closed');
  expect(text).toContain('kept no books of final rows, records of polls and lives of the daemon');
});

test('what is wrong stands where it went wrong, with rows by name', () => {
  const tally: Tally = {
    ...WELL,
    borders: { ...WELL.borders, 'kernel-daemon': { ...none, changed: 4 }, 'topic-table': { ...none, lost: 2 } },
    finals: { ...WELL.finals, toTable: { ...none, lost: 1 } },
    records: { ...WELL.records, toTopic: { ...none, lost: 3 } },
    lives: { over: 4, unasked: 1, unknown: 2, missing: 8 },
    redelivered: { messages: 3, rows: 1500 },
    lostInCrash: { rows: 12, ageSeconds: 0.4, beyond: 7 },
    pending: 5,
  };
  const run = withEvents(
    withBooks(tally, false),
    {
      at: 30,
      kind: 'offence',
      invariant: 'books-lost',
      poll: '17',
      detail: 'topic -> table: the row of socket 7 in namespace 9 is not in the table',
    },
    { at: 31, kind: 'offence', invariant: 'addresses', poll: '18', detail: 'socket 8 has addresses that are not its own' },
  );
  const text = textOf(run);
  expect(text).toContain('Daemon 60 217,500 0 0 4 0');
  expect(text).toContain('ClickHouse 60 217,500 2 0 0 0');
  expect(text).toContain('ClickHouse 2,345 1 0 0 0 final rows');
  expect(text).toContain('Kafka 90 3 0 0 0 records of polls');
  expect(text).toContain('killed before anybody asked them, within a flush of their beginning: 1 of 4.');
  expect(text).toContain('nobody could ask what they had read: 2 of 4.');
  expect(text).toContain('8 rows that the daemon says it read are not in Kafka');
  expect(text).toContain('5 polls, records or seconds of final rows are not settled');
  expect(text).toMatch(/lost 1 told .*the row of socket 7 in namespace 9 is not in the table poll 17/);
  expect(text).toMatch(/changed 1 told .*socket 8 has addresses that are not its own poll 18/);
  expect(text).toContain('3 messages with 1,500 rows stand in the topic again');
  expect(text).toContain('12 rows died in the memory of a daemon that was killed, 0.4 s at most');
  expect(text).toContain('7 rows are lost that were not in memory');
  expect(renderRunReport({ ...run, verdict: judgeRun(run) })).toContain('<section id="books">');
});
