/** The tally, put together from what each book says: pure. */
import type { FinalTally } from './final-book.js';
import { type Life, missingOf } from './life-book.js';
import type { TableTally } from './table-book.js';
import { type Holding, type Line, type Lives, noWrongs, type Tally, type Wrong } from './tally.js';
import type { TopicTally } from './topic-book.js';

/** What the books say at one moment. */
export interface Reckoning {
  /** Of the judge, who holds the daemon's rows against the kernel's list. */
  readonly kernel: Holding & { readonly wrongs: Readonly<Record<Wrong, number>> };
  /** Of the judge too: ends of connections that the load closed at once, but those that nobody could hear of. */
  readonly closedByLoad: { readonly owed: number; readonly missing: number; readonly wrong: number };
  readonly topic: TopicTally;
  readonly finals: FinalTally;
  readonly records: { readonly records: number; readonly duplicated: number };
  readonly tables: Readonly<Record<'polls' | 'finals' | 'records', TableTally>>;
  /** Lives that are over, once nothing more will come of them. */
  readonly over: readonly Life[];
  readonly pending: number;
}

export function reckon({ kernel, closedByLoad, topic, finals, records, tables, over, pending }: Reckoning): Tally {
  const { polls, rows } = kernel;
  return {
    books: { kernel: { polls, rows }, daemon: topic.claimed, topic: topic.held, table: tables.polls.agreed },
    borders: {
      'kernel-daemon': kernel.wrongs,
      'daemon-topic': { lost: topic.lost, duplicated: topic.duplicated, changed: 0, late: topic.late },
      'topic-table': wrongsOf(tables.polls),
    },
    finals: {
      owed: closedByLoad.owed,
      topic: finals.rows,
      table: tables.finals.agreed.rows,
      toTopic: { lost: closedByLoad.missing, duplicated: finals.duplicated, changed: closedByLoad.wrong, late: finals.late },
      toTable: wrongsOf(tables.finals),
    },
    records: recordsOf(topic, records, tables.records, over),
    lives: livesOf(topic, over),
    redelivered: topic.redelivered,
    lostInCrash: { ...topic.lostInCrash, beyond: missing(over, 'rows', true) },
    pending,
  };
}

function recordsOf(topic: TopicTally, records: Reckoning['records'], table: TableTally, over: readonly Life[]): Line {
  // A poll that left rows and no record is missed twice: by its rows, and by what the daemon says.
  const lost = Math.max(topic.unrecorded, missing(over, 'records', true) + missing(over, 'records', false));
  return {
    owed: over.reduce((sum, { owed }) => sum + (owed?.records ?? 0), 0),
    topic: records.records,
    table: table.agreed.rows,
    toTopic: { ...noWrongs(), lost, duplicated: records.duplicated },
    toTable: wrongsOf(table),
  };
}

function livesOf(topic: TopicTally, over: readonly Life[]): Lives {
  const unasked = over.filter(({ asked }) => !asked);
  return {
    over: over.length,
    unasked: unasked.filter(({ owed }) => owed !== undefined).length,
    unknown: unasked.filter(({ owed }) => owed === undefined).length,
    // What a poll lacks by its record is counted there.
    missing: Math.max(0, missing(over, 'rows', false) - topic.lost),
  };
}

function missing(over: readonly Life[], what: 'rows' | 'records', killed: boolean): number {
  return over.reduce((sum, life) => sum + (life.killed === killed ? missingOf(life, what) : 0), 0);
}

function wrongsOf({ lost, duplicated, changed, late }: Readonly<Record<Wrong, number>>): Record<Wrong, number> {
  return { lost, duplicated, changed, late };
}
