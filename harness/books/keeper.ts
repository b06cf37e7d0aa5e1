/**
 * Keeps the books of a run beside the judge: reads the topics, gives the judge each poll once it is whole, has the table asked, and tells how
 * they stand. All decisions are made by the books: of the kernel, of the topic, of final rows, of records, of lives, of the table.
 */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { EnvelopeSplitter } from '../judge/framing.js';
import type { Judge, Output } from '../judge/judge.js';
import type { JudgeRow, RowDecoder } from '../judge/row.js';
import { BooksDatabase } from './database.js';
import { FinalBook } from './final-book.js';
import { KernelBook } from './kernel-book.js';
import { type Life, LifeBook, missingOf, type Told } from './life-book.js';
import { type BookRow, FINAL, type RowPrinter } from './print.js';
import { reckon } from './reckon.js';
import { RECORD_ENTRY, recordOf } from './record.js';
import { RecordBook } from './record-book.js';
import { Shelves } from './shelves.js';
import { type BookOffence, INVARIANT_OF, INVARIANT_OF_CRASH, type Tally, totalOf } from './tally.js';
import { type ClosedPoll, TopicBook } from './topic-book.js';
import { TopicReader } from './topic-reader.js';

/** Where the rows go, as it is called beside the target. */
export interface BooksPlaces {
  readonly kafka: string;
  readonly topic: string;
  readonly clickhouse: string;
  readonly database: string;
  readonly table: string;
}

/** What a scrape of the daemon says of its own books. */
export type DaemonBooks = Omit<Told, 'at'>;

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
const EVENT_SECONDS = 60;
/** A row of a namespace that the listener to closed sockets does not know yet waits so long in it. */
const UNKNOWN_NAMESPACE_SECONDS = 2;

export class Keeper {
  readonly #topic: TopicBook;
  readonly #finals: FinalBook;
  readonly #records = new RecordBook((offence) => this.#tell(offence));
  readonly #lives: LifeBook;
  readonly #shelves: Shelves;
  readonly #reader: TopicReader;
  readonly #told = new Map<string, number>();
  readonly #kernel = new KernelBook();
  /** Polls of a killed daemon that have no record: what they lack only the judge knows. */
  readonly #torn = new Set<string>();
  #start = 1;
  #over: readonly Life[] = [];
  #isOver = false;
  #eventAt = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(
    places: BooksPlaces,
    private readonly o: KeeperOptions,
  ) {
    const flushSeconds = 2 * o.intervalSeconds + 3;
    this.#lives = new LifeBook(flushSeconds);
    const tell = (offence: BookOffence): void => this.#tell(offence);
    this.#topic = new TopicBook({
      counts: (beganNs) => o.judge.counts(beganNs),
      closed: (poll) => this.#closed(poll),
      tell,
      flushSeconds,
    });
    const openSeconds = flushSeconds + UNKNOWN_NAMESPACE_SECONDS;
    this.#finals = new FinalBook({ closed: (second, rows) => this.#shelves.add('finals', second, rows), tell, openSeconds });
    const { clickhouse, database, table } = places;
    this.#shelves = new Shelves({
      open: () => BooksDatabase.open(clickhouse, `${database}.${table}`, o.printInSql),
      tell,
      note: (text) => this.#note(text),
      openSeconds,
      now: o.now,
    });
    o.judge.hold();
    this.#reader = new TopicReader({
      broker: places.kafka,
      topic: places.topic,
      rows: (value) => this.#rows(value),
      record: (value) => this.#record(value),
    });
    this.#reader.start();
    this.#timer = setInterval(() => this.#sample(), 1000);
  }

  /** A process of the daemon began just now. */
  began(): void {
    this.#lives.began(this.o.now());
  }

  /** It ended just now: in order, or it was killed. */
  ended(killed: boolean): void {
    const now = this.o.now();
    const ns = this.o.judge.targetNs(now);
    if (killed) this.#topic.crash(ns);
    this.#lives.ended(now, ns, killed);
  }

  told(books: DaemonBooks): void {
    const now = this.o.now();
    this.#lives.told({ at: now, ...books }, this.o.judge.targetNs(now));
  }

  measureEnded(): void {
    this.#isOver = true;
  }

  /** What the judge finds, on its way out: the border between kernel and daemon is its own. */
  observe(output: Output): void {
    if ('series' in output) this.#kernel.observe(output.series);
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
    this.#finals.finish();
    this.#holdLives();
    await this.#shelves.settle(goesOn);
  }

  #holdLives(): void {
    this.#over = this.#lives.lives();
    for (const { fromNs, toNs } of this.#lives.deaf()) this.o.judge.deaf(fromNs, toNs);
    for (const life of this.#over) {
      const { number, killed, asked, owed, arrived, seconds } = life;
      const lasted = `life ${number} of the daemon ended after ${seconds.toFixed(1)} s`;
      if (owed === undefined)
        this.#note(`${lasted}, and nobody had been able to ask it what it had read: what it owes the topic is not known`);
      else if (!asked)
        this.#note(
          `${lasted}, killed before it was asked and within a flush: it owes nothing, ${arrived.rows} of its rows are in the topic`,
        );
      const missing = missingOf(life, 'rows');
      if (missing === 0) continue;
      const detail = killed
        ? `daemon -> topic: when it was killed, life ${number} of the daemon had ${owed?.rows} rows handed over or on disk, and ${missing} of them are not in the topic`
        : `daemon -> topic: life ${number} of the daemon ended in order and says that it read ${owed?.rows} rows, ${missing} of which are not in the topic`;
      this.o.output({ event: { kind: 'offence', invariant: killed ? INVARIANT_OF_CRASH : INVARIANT_OF.lost, detail } });
    }
  }

  /** The last word, also without {@link settle}. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    this.#shelves.close();
    await this.#reader.end();
    const unreadable = await this.#shelves.unreadable();
    if (unreadable > 0) this.#note(`ClickHouse could not read ${unreadable} messages; its table of errors has them`);
    this.#sample();
    const { pending, lives } = this.#tally;
    const settled = this.#shelves.isOpen && pending === 0 && lives.unknown === 0;
    this.#series({ 'books.settled': settled ? 1 : 0 });
    this.#event(settled);
  }

  #rows(value: Buffer): void {
    const digest = createHash('sha1').update(value).digest('base64');
    try {
      for (const envelope of new EnvelopeSplitter().push(value)) {
        const entries = this.o.printer.read(envelope);
        const { polled, closed } = this.o.decoder.decode(envelope);
        const finals = entries.filter(({ kind }) => kind === FINAL);
        const rows = finals.length === 0 ? entries : entries.filter(({ kind }) => kind !== FINAL);
        if (!this.#topic.message(digest, rows, polled, finals.length)) continue;
        for (const { poll } of rows) this.#lives.arrived(Number(poll), 'rows');
        this.#final(finals, closed);
      }
    } catch (error) {
      this.o.judge.unreadable(this.#start, `a message of the topic is no envelope: ${(error as Error).message}`);
    }
  }

  /** @param rows and `closed` are the same rows in the same order */
  #final(rows: readonly BookRow[], closed: readonly JudgeRow[]): void {
    if (rows.length === 0) return;
    for (const { stampNs } of rows) this.#lives.arrived(Number(stampNs), 'rows');
    const first = this.#finals.add(rows);
    this.o.judge.closedRows(
      this.#start,
      closed.filter((_, i) => first[i]),
      this.o.now(),
    );
  }

  #record(value: Buffer): void {
    for (const line of value.toString().split('\n').filter(Boolean)) {
      const record = recordOf(line);
      if (!this.#records.add(record)) continue;
      const { poll, print } = record;
      this.#lives.arrived(Number(poll), 'records');
      this.#shelves.add('records', poll, [{ ...RECORD_ENTRY, poll, print }]);
      this.#topic.record(record);
    }
  }

  #closed(poll: ClosedPoll): void {
    const { judge, now } = this.o;
    if (poll.torn && poll.claimed === undefined) this.#torn.add(poll.id);
    judge.rows(this.#start, poll.rows, now(), 'held');
    if (poll.torn) judge.endOfStart(this.#start++, 0, 'lost');
    if (judge.counts(poll.beganNs)) this.#shelves.add('polls', poll.id, poll.entries);
  }

  get #tally(): Tally {
    return reckon({
      kernel: this.#kernel.kernel,
      closedByLoad: this.#kernel.closedByLoad,
      topic: this.#topic.tally,
      finals: this.#finals.tally,
      records: this.#records.tally,
      tables: this.#shelves.tallies,
      over: this.#over,
      pending: this.#topic.pending + this.#shelves.waiting + this.#shelves.forgotten,
    });
  }

  #sample(): void {
    const tally = this.#tally;
    this.#series({
      'books.rows': tally.books.table.rows,
      'books.polls': tally.books.table.polls,
      'books.lost': totalOf(tally, 'lost'),
      'books.finalRows': tally.finals.table,
      'books.records': tally.records.table,
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
    this.o.output({ event: { kind: 'books', settled, tally: this.#tally } });
  }

  #series(series: Readonly<Record<string, number>>): void {
    this.o.output(this.#isOver ? { series, ofPhase: true } : { series });
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
        ...(poll !== undefined && { poll }),
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
