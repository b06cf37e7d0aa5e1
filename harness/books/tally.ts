/**
 * What the books say of each other, in numbers. Four books are kept of each poll: what the kernel had (the load's own list), what the
 * daemon read (its records of polls), what stands in the topic, what the table answers. Each is held against the one before it.
 */

/** Two neighbouring books. */
export type Border = 'kernel-daemon' | 'daemon-topic' | 'topic-table';
/** What can be wrong between two books, in rows. */
export type Wrong = 'lost' | 'duplicated' | 'changed' | 'late';

export const BORDERS: readonly Border[] = ['kernel-daemon', 'daemon-topic', 'topic-table'];
export const WRONGS: readonly Wrong[] = ['lost', 'duplicated', 'changed', 'late'];

/** Names of the invariants that offences are told under. */
export const INVARIANT_OF: Readonly<Record<Wrong, string>> = {
  lost: 'books-lost',
  duplicated: 'books-duplicated',
  changed: 'books-changed',
  late: 'books-late',
};

/** The same, of rows that a kill took though they were not in memory. */
export const INVARIANT_OF_CRASH = 'books-lost-in-crash';

/** What the judge's own invariants find, who holds the daemon's rows against the kernel's list. */
export const WRONG_OF_JUDGE: Readonly<Record<string, Wrong>> = {
  completeness: 'lost',
  'churn-completeness': 'lost',
  'no-duplicates': 'duplicated',
  addresses: 'changed',
  attribution: 'changed',
  'no-foreign-rows': 'changed',
  values: 'changed',
  freshness: 'changed',
  'final-rows': 'lost',
  'final-values': 'changed',
};

export interface Holding {
  readonly polls: number;
  readonly rows: number;
}

/** What is counted beside the rows of polls, over the whole run: each is there once, in the topic and in the table. */
export interface Line {
  /** What had to come, as far as somebody can tell: sockets that the load closed, polls that the daemon says it made. */
  readonly owed: number;
  readonly topic: number;
  /** That agree with the topic's, value for value. */
  readonly table: number;
  readonly toTopic: Readonly<Record<Wrong, number>>;
  readonly toTable: Readonly<Record<Wrong, number>>;
}

/** Lives of the daemon that are over. */
export interface Lives {
  readonly over: number;
  /** Killed before anybody had asked what they had read, and within a flush of their beginning: they owe nothing. */
  readonly unasked: number;
  /** Nobody had asked them for longer than that: what they owe nobody knows. */
  readonly unknown: number;
  /** Rows that those which ended in order say they read, that are not in the topic, and that no poll lacks by its record. */
  readonly missing: number;
}

/** The reconciliation so far, of the polls that began in the measured phase. */
export interface Tally {
  /**
   * `kernel`: sockets that had to be seen, each in each poll. `daemon`: rows that its records claim. `topic`: distinct rows. `table`:
   * rows that agree with the topic's, value for value.
   */
  readonly books: Readonly<Record<'kernel' | 'daemon' | 'topic' | 'table', Holding>>;
  readonly borders: Readonly<Record<Border, Readonly<Record<Wrong, number>>>>;
  /** Last rows of sockets that closed. */
  readonly finals: Line;
  readonly records: Line;
  readonly lives: Lives;
  /** Messages that stand in the topic again, after a retry. The table has their rows once. */
  readonly redelivered: { readonly messages: number; readonly rows: number };
  /**
   * Rows that were in the memory of a daemon that was killed; `ageSeconds`: how long at most after they were read. `beyond`: rows that were
   * not in memory and are lost all the same (life-book.ts), known once nothing more will come.
   */
  readonly lostInCrash: { readonly rows: number; readonly ageSeconds: number; readonly beyond: number };
  /** Polls, and seconds of final rows, that are not settled yet. */
  readonly pending: number;
}

/** As it stands in a stored run. Runs of earlier versions kept books of the rows of polls alone. */
export type StoredTally = Omit<Tally, LaterBook> & Partial<Pick<Tally, LaterBook>>;
type LaterBook = 'finals' | 'records' | 'lives';

export function noWrongs(): Record<Wrong, number> {
  return { lost: 0, duplicated: 0, changed: 0, late: 0 };
}

/** Of all borders of all lines together. */
export function totalOf({ borders, finals, records, lives }: Tally, wrong: Wrong): number {
  const lines = [finals, records].reduce((sum, { toTopic, toTable }) => sum + toTopic[wrong] + toTable[wrong], 0);
  return BORDERS.reduce((sum, border) => sum + borders[border][wrong], lines + (wrong === 'lost' ? lives.missing : 0));
}

/** An offence that one book finds, before it is told. */
export interface BookOffence {
  readonly border: Border;
  readonly wrong: Wrong;
  /** Absent where it is of no poll. */
  readonly poll?: string;
  /** How many rows; the detail names one of them, or says why none can be named. */
  readonly rows: number;
  readonly detail: string;
  readonly expected?: Readonly<Record<string, string>>;
  readonly observed?: Readonly<Record<string, string>>;
}
