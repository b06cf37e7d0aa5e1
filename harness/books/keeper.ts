/**
 * Keeps the books of a run beside the judge: reads the topics, gives the judge each poll once it is whole, asks the table, and tells how
 * they stand. All decisions are made by topic-book.ts and table-book.ts.
 */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { EnvelopeSplitter } from '../judge/framing.js';
import type { Judge, Output } from '../judge/judge.js';
import type { RowDecoder } from '../judge/row.js';
import { beyondMemory, CrashBook } from './crash-book.js';
import { BooksDatabase } from './database.js';
import type { RowPrinter } from './print.js';
import { TableBook } from './table-book.js';
import { type BookOffence, INVARIANT_OF, INVARIANT_OF_CRASH, noWrongs, type Tally, totalOf } from './tally.js';
import { type ClosedPoll, type PollRecord, TopicBook } from './topic-book.js';
import { TopicReader } from './topic-reader.js';

/** Where the rows go, as it is called beside the target. */
export interface BooksPlaces {
  readonly kafka: string;
  readonly topic: string;
  readonly clickhouse: string;
  readonly database: string;
  readonly table: string;
}

/** Rows, of this process alone. */
export interface DaemonBooks {
  readonly read: number;
  readonly dropped: number;
  readonly inMemory: number;
}

export interface KeeperOptions {
  readonly intervalSeconds: number;
  readonly judge: Judge;
  readonly decoder: RowDecoder;
  readonly printer: RowPrinter;
  /** See print.ts. */
  readonly printInSql: string;
  readonly output: (output: Output) => void;
  /** Seconds of our monotonic clock. */
  readonly now: () => number;
}

/** Offences told in full, of each kind at each border; the rest is counted. */
const TOLD_OFFENCES = 20;
const ASK_SECONDS = 5;
/** A question costs as much as there are rows in the table: at most a twentieth of the time goes into them. */
const ASK_SHARE = 20;
const ASK_POLLS = 300;
const EVENT_SECONDS = 60;
/** ClickHouse flushes what it read after 7.5 s. */
const LATE_SECONDS = 15;
/** What is true of the measured phase as a whole is stamped with a moment inside it, though it is known only after its end. */
const BEFORE_END_SECONDS = 0.5;

export class Keeper {
  readonly #topic: TopicBook;
  readonly #table = new TableBook((offence) => this.#tell(offence));
  readonly #crashes: CrashBook;
  readonly #reader: TopicReader;
  readonly #told = new Map<string, number>();
  readonly #kernel = { polls: 0, rows: 0, wrongs: noWrongs() };
  /** Polls of a killed daemon that have no record: what they lack only the judge knows. */
  readonly #torn = new Set<string>();
  #database: BooksDatabase | undefined;
  #start = 1;
  #beyond = 0;
  #endedAt: number | undefined;
  #eventAt = 0;
  #closing = false;
  /** Why the table did not answer, the last time that it was told. */
  #trouble = '';
  readonly #asking: Promise<void>;
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly places: BooksPlaces,
    private readonly o: KeeperOptions,
  ) {
    const flushSeconds = 2 * o.intervalSeconds + 3;
    this.#crashes = new CrashBook(flushSeconds);
    this.#topic = new TopicBook({
      counts: (beganNs) => o.judge.counts(beganNs),
      closed: (poll) => this.#closed(poll),
      tell: (offence) => this.#tell(offence),
      flushSeconds,
    });
    this.#reader = new TopicReader({
      broker: places.kafka,
      topic: places.topic,
      rows: (value) => this.#rows(value),
      record: (value) => this.#record(value),
    });
    this.#reader.start();
    this.#asking = this.#askAgainAndAgain();
    this.#timer = setInterval(() => this.#sample(), 1000);
  }

  /** The daemon was killed just now. */
  crash(): void {
    const now = this.o.now();
    const ns = this.o.judge.targetNs(now);
    this.#topic.crash(ns);
    this.#crashes.killed(now, ns);
  }

  /** A process of the daemon began. */
  began(): void {
    this.#crashes.began();
  }

  /** What the daemon's own books say now. */
  told(books: DaemonBooks): void {
    this.#crashes.told({ at: this.o.now(), ...books });
  }

  measureEnded(): void {
    this.#endedAt = this.o.now();
  }

  /** What the judge finds, on its way out: the border between kernel and daemon is its own. */
  observe(output: Output): void {
    if (!('series' in output)) return;
    const v = output.series;
    const of = (name: string): number => v[`poll.${name}`] ?? 0;
    if (v['poll.expected'] !== undefined) {
      this.#kernel.polls++;
      this.#kernel.rows += of('expected') + of('churnExpected');
    }
    const { wrongs } = this.#kernel;
    wrongs.lost += of('missing') + of('churnMissing');
    wrongs.duplicated += of('duplicates');
    wrongs.changed += of('misaddressed') + of('misattributed') + of('foreign') + of('wrongValues') + of('stale');
  }

  /** What a poll that was torn by the end of the daemon lacks. */
  torn(poll: string, missing: number): void {
    if (this.#torn.delete(poll)) this.#topic.lostInCrash(missing, 0);
  }

  /**
   * Reads all that is there, and waits until the table has it. The judge is to be finished after it.
   * @param limits seconds without any progress, and in all
   */
  async settle(limits: { readonly still: number; readonly most: number }): Promise<void> {
    const { now } = this.o;
    const last = now() + limits.most;
    let until = now() + limits.still;
    let rows = 0;
    const goesOn = (seen: number): boolean => {
      if (seen !== rows) until = now() + limits.still;
      rows = seen;
      return now() < Math.min(until, last);
    };
    while (!(await this.#reader.isCaughtUp().catch(() => false)) && goesOn(this.#topic.tally.held.rows)) await delay(200);
    this.#topic.finish();
    this.#holdCrashes();
    this.#closing = true;
    await this.#asking;
    while (this.#table.pending > 0 && goesOn(await this.#rowsInTable())) {
      await this.#ask(false);
      if (this.#table.pending > 0) await delay(1000);
    }
    // The limit is over for what is still apart: named one by one, and looked at once more.
    while (this.#table.pending > 0 && (await this.#ask(true)));
    if (this.#table.short.length > 0) await this.#askForLate().catch(() => {});
  }

  #holdCrashes(): void {
    for (const life of this.#crashes.lives(this.#topic.arrivals)) {
      if (life.owed === undefined) this.#note(`life ${life.number} of the daemon was killed before it was asked what it had handed over`);
      const beyond = beyondMemory(life);
      this.#beyond += beyond;
      if (beyond === 0) continue;
      const detail = `daemon -> topic: before kill ${life.number} the daemon had ${life.owed} rows handed over or on disk, and ${beyond} of them are not in the topic`;
      this.o.output({ event: { kind: 'offence', invariant: INVARIANT_OF_CRASH, detail } });
    }
  }

  async #rowsInTable(): Promise<number> {
    return (await this.#database?.count().catch(() => 0)) ?? 0;
  }

  /** The last word, also without {@link settle}. */
  async end(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#timer);
    await this.#reader.end();
    const unreadable = await this.#database?.unreadable().catch(() => 0);
    if (unreadable) this.#note(`ClickHouse could not read ${unreadable} messages; its table of errors has them`);
    this.#sample();
    const settled = this.#database !== undefined && this.#tally.pending === 0;
    this.#series({ 'books.settled': settled ? 1 : 0 });
    this.#event(settled);
  }

  #rows(value: Buffer): void {
    const digest = createHash('sha1').update(value).digest('base64');
    try {
      for (const envelope of new EnvelopeSplitter().push(value)) {
        const entries = this.o.printer.read(envelope);
        const { polled, closed } = this.o.decoder.decode(envelope);
        this.#topic.message(
          digest,
          entries.filter(({ kind }) => kind !== 2),
          polled,
        );
        if (closed.length > 0) this.o.judge.closedRows(this.#start, closed, this.o.now());
      }
    } catch (error) {
      this.o.judge.unreadable(this.#start, `a message of the topic is no envelope: ${(error as Error).message}`);
    }
  }

  #record(value: Buffer): void {
    for (const line of value.toString().split('\n').filter(Boolean)) {
      const record = JSON.parse(line) as { poll_id: string; rows: number; duration_seconds: number };
      const kept: PollRecord = { poll: record.poll_id, rows: record.rows, durationSeconds: record.duration_seconds };
      this.#topic.record(kept);
    }
  }

  #closed(poll: ClosedPoll): void {
    const { judge, now } = this.o;
    if (poll.torn && poll.claimed === undefined) this.#torn.add(poll.id);
    judge.rows(this.#start, poll.rows, now(), 'held');
    if (poll.torn) judge.endOfStart(this.#start++, 0);
    if (judge.counts(poll.beganNs)) this.#table.add(poll.id, poll.entries);
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
    const { clickhouse, database, table } = this.places;
    try {
      this.#database ??= await BooksDatabase.open(clickhouse, `${database}.${table}`, this.o.printInSql);
      const polls = this.#table.questions(ASK_POLLS);
      const apart = polls.length === 0 ? [] : this.#table.answer(polls, await this.#database.sums(polls), last);
      for (const poll of apart) this.#table.rows(poll, await this.#database.rows(poll));
      return true;
    } catch (error) {
      const trouble = (error as Error).message.split('\n')[0]?.slice(0, 300) ?? '';
      if (trouble !== this.#trouble) this.#note(`the table did not answer: ${trouble}`);
      this.#trouble = trouble;
      return false;
    }
  }

  async #askForLate(): Promise<void> {
    await delay(LATE_SECONDS * 1000);
    for (const poll of this.#table.short) this.#table.afterAll(poll, (await this.#database?.rows(poll)) ?? []);
  }

  get #tally(): Tally {
    const topic = this.#topic.tally;
    const table = this.#table.tally;
    return {
      books: { kernel: this.#kernel, daemon: topic.claimed, topic: topic.held, table: table.agreed },
      borders: {
        'kernel-daemon': this.#kernel.wrongs,
        'daemon-topic': { lost: topic.lost, duplicated: topic.duplicated, changed: 0, late: topic.late },
        'topic-table': { lost: table.lost, duplicated: table.duplicated, changed: table.changed, late: table.late },
      },
      redelivered: topic.redelivered,
      lostInCrash: { ...topic.lostInCrash, beyond: this.#beyond },
      unrecorded: topic.unrecorded,
      pending: this.#topic.pending + this.#table.pending + this.#table.forgotten,
    };
  }

  #sample(): void {
    const tally = this.#tally;
    this.#series({
      'books.rows': tally.books.table.rows,
      'books.polls': tally.books.table.polls,
      'books.lost': totalOf(tally, 'lost') + tally.unrecorded,
      'books.duplicated': totalOf(tally, 'duplicated'),
      'books.changed': totalOf(tally, 'changed'),
      'books.late': totalOf(tally, 'late'),
      'books.lostInCrash': tally.lostInCrash.rows,
      'books.crashLossSeconds': tally.lostInCrash.ageSeconds,
      'books.lostBeyondCrash': tally.lostInCrash.beyond,
      'books.redelivered': tally.redelivered.rows,
      'books.pending': tally.pending,
    });
    if (this.o.now() - this.#eventAt >= EVENT_SECONDS) this.#event(false);
  }

  #event(settled: boolean): void {
    this.#eventAt = this.o.now();
    const { books, ...rest } = this.#tally;
    const { polls, rows } = books.kernel;
    this.o.output({ event: { kind: 'books', settled, tally: { ...rest, books: { ...books, kernel: { polls, rows } } } } });
  }

  #series(series: Readonly<Record<string, number>>): void {
    if (this.#endedAt === undefined) this.o.output({ series });
    else this.o.output({ series, ageSeconds: Number((this.o.now() - this.#endedAt + BEFORE_END_SECONDS).toFixed(3)) });
  }

  #tell({ border, wrong, poll, detail, expected, observed }: BookOffence): void {
    const key = `${border}/${wrong}`;
    const told = (this.#told.get(key) ?? 0) + 1;
    this.#told.set(key, told);
    if (told > TOLD_OFFENCES) return;
    const words = `${border.replace('-', ' -> ')}: ${detail}`;
    this.o.output({
      event: {
        kind: 'offence',
        invariant: INVARIANT_OF[wrong],
        poll,
        detail: words,
        ...(expected && { expected }),
        ...(observed && { observed }),
      },
    });
  }

  #note(text: string): void {
    this.o.output({ event: { kind: 'note', text } });
  }
}
