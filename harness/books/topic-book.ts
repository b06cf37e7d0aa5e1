/**
 * What stands in the topic, held against what the daemon says it read: pure. Messages come in the order of their partition; a poll is
 * closed when its record and as many rows are there, and handed on, oldest first, since a later reader needs that order.
 *
 * Delivery is at least once: a message that stands there again, byte for byte, was sent again and is counted apart. The same row in two
 * different messages, or twice in one, was made twice by the daemon.
 */
import { PARTIAL_STATES } from '../judge/checks.js';
import type { JudgeRow } from '../judge/row.js';
import type { BookRow } from './print.js';
import type { PollRecord } from './record.js';
import type { BookOffence } from './tally.js';

/** A poll that nothing more is expected of. */
export interface ClosedPoll {
  readonly id: string;
  readonly beganNs: number;
  /** What its record claims; undefined when none came. */
  readonly claimed: number | undefined;
  readonly entries: readonly BookRow[];
  readonly rows: readonly JudgeRow[];
  /** It is the last of a life of the daemon that did not end in order. */
  readonly torn: boolean;
}

export interface TopicTally {
  readonly lost: number;
  readonly duplicated: number;
  readonly late: number;
  readonly claimed: { readonly polls: number; readonly rows: number };
  readonly held: { readonly polls: number; readonly rows: number };
  readonly redelivered: { readonly messages: number; readonly rows: number };
  readonly lostInCrash: { readonly rows: number; readonly ageSeconds: number };
  readonly unrecorded: number;
}

export interface TopicBookOptions {
  /** Whether a poll counts; undefined while nobody can know. */
  readonly counts: (beganNs: number) => boolean;
  readonly closed: (poll: ClosedPoll) => void;
  readonly tell: (offence: BookOffence) => void;
  /** How long before a crash a poll may have ended whose rows died in memory. */
  readonly flushSeconds: number;
}

interface OpenPoll {
  readonly id: string;
  readonly beganNs: number;
  record: PollRecord | undefined;
  readonly entries: BookRow[];
  readonly rows: JudgeRow[];
  /** Rows that share the identity of one of those, and may. */
  readonly others: JudgeRow[];
  /** Where each stands among the entries. */
  readonly identities: Map<string, number>;
  /** Rows beyond the first of an identity. */
  copies: number;
}

/** Polls that became whole after it: one of which still rows are missing will not get them any more, since order is kept. */
const OVERTAKEN_BY = 3;
/** Messages that are remembered, to know them again: at 500 rows each some ten million rows. */
const REMEMBERED_MESSAGES = 20_000;
const REMEMBERED_POLLS = 2_000;
/** Two clocks lie between a crash and the news of it. */
const CLOCK_SLACK_SECONDS = 2;

export class TopicBook {
  /** Ascending by their beginning. */
  readonly #open: OpenPoll[] = [];
  readonly #byId = new Map<string, OpenPoll>();
  readonly #records = new Map<string, PollRecord>();
  /** Rows that were still missing when the poll was closed. */
  readonly #closed = new Map<string, { missing: number; readonly counts: boolean }>();
  #digests = new Set<string>();
  #olderDigests = new Set<string>();
  readonly #crashes: number[] = [];
  #lost = 0;
  #duplicated = 0;
  #late = 0;
  #claimed = { polls: 0, rows: 0 };
  #held = { polls: 0, rows: 0 };
  #redelivered = { messages: 0, rows: 0 };
  #inCrash = { rows: 0, ageSeconds: 0 };
  #unrecorded = 0;

  constructor(private readonly o: TopicBookOptions) {}

  /**
   * A message with rows of polls. @param digest of its bytes @param entries and `rows` are the same rows in the same order
   * @param finals how many rows it has besides, which are for others to look at
   * @returns whether it is a first delivery
   */
  message(digest: string, entries: readonly BookRow[], rows: readonly JudgeRow[], finals = 0): boolean {
    if (this.#digests.has(digest) || this.#olderDigests.has(digest)) {
      this.#redelivered = { messages: this.#redelivered.messages + 1, rows: this.#redelivered.rows + entries.length + finals };
      return false;
    }
    this.#remember(digest);
    for (const [i, entry] of entries.entries()) {
      const row = rows[i];
      if (row !== undefined) this.#row(entry, row);
    }
    this.#close(false);
    return true;
  }

  record(record: PollRecord): void {
    if (this.#records.has(record.poll) || this.#closed.has(record.poll)) return;
    this.#records.set(record.poll, record);
    // Also of a poll without rows, or whose rows are still under way.
    (this.#byId.get(record.poll) ?? this.#begin(record.poll)).record = record;
    this.#close(false);
  }

  /** The daemon was killed at this moment of the target's clock. */
  crash(ns: number): void {
    this.#crashes.push(ns);
  }

  /** Rows that somebody else found to have died with the daemon, so long after they were read. */
  lostInCrash(rows: number, ageSeconds: number): void {
    this.#inCrash = { rows: this.#inCrash.rows + rows, ageSeconds: Math.max(this.#inCrash.ageSeconds, ageSeconds) };
  }

  /** Nothing more will come: closes what is left. */
  finish(): void {
    this.#close(true);
  }

  get pending(): number {
    return this.#open.reduce((count, { beganNs }) => count + (this.o.counts(beganNs) ? 1 : 0), 0);
  }

  get tally(): TopicTally {
    return {
      lost: this.#lost,
      duplicated: this.#duplicated,
      late: this.#late,
      claimed: this.#claimed,
      held: this.#held,
      redelivered: this.#redelivered,
      lostInCrash: this.#inCrash,
      unrecorded: this.#unrecorded,
    };
  }

  #row(entry: BookRow, row: JudgeRow): void {
    const closed = this.#closed.get(entry.poll);
    if (closed !== undefined) {
      this.#afterwards(entry, closed);
      return;
    }
    const poll = this.#byId.get(entry.poll) ?? this.#begin(entry.poll);
    const identity = `${entry.netns}/${entry.cookie}`;
    const first = poll.identities.get(identity);
    if (first === undefined) {
      poll.identities.set(identity, poll.entries.length);
      poll.entries.push(entry);
      poll.rows.push(row);
      return;
    }
    // Of rows that it takes for one the table keeps the last.
    poll.entries[first] = entry;
    poll.copies++;
    // A request and the socket that is made of it have one cookie: two rows, and no fault.
    if (PARTIAL_STATES.has(row.state) || PARTIAL_STATES.has(poll.rows[first]?.state ?? 0)) poll.others.push(row);
    else if (this.o.counts(poll.beganNs)) {
      this.#duplicated++;
      this.#offence('duplicated', entry.poll, 1, `${namedRow(entry)} stands in the topic twice`);
    }
  }

  /** A row of a poll that was closed: one of those that were missing, or one too many. */
  #afterwards(entry: BookRow, closed: { missing: number; readonly counts: boolean }): void {
    if (!closed.counts) return;
    if (closed.missing > 0) {
      closed.missing--;
      this.#lost--;
      this.#late++;
      this.#offence('late', entry.poll, 1, `${namedRow(entry)} came after ${OVERTAKEN_BY} later polls were whole`);
    } else {
      this.#duplicated++;
      this.#offence('duplicated', entry.poll, 1, `${namedRow(entry)} came again after its poll was whole`);
    }
  }

  #begin(id: string): OpenPoll {
    const poll: OpenPoll = {
      id,
      beganNs: Number(id),
      record: this.#records.get(id),
      entries: [],
      rows: [],
      others: [],
      identities: new Map(),
      copies: 0,
    };
    this.#byId.set(id, poll);
    const later = this.#open.findIndex(({ beganNs }) => beganNs > poll.beganNs);
    this.#open.splice(later < 0 ? this.#open.length : later, 0, poll);
    return poll;
  }

  #close(all: boolean): void {
    for (;;) {
      const first = this.#open[0];
      if (first === undefined || !(all || isWhole(first) || this.#isOvertaken())) return;
      this.#open.shift();
      this.#byId.delete(first.id);
      this.#records.delete(first.id);
      this.#settle(first);
    }
  }

  #isOvertaken(): boolean {
    let whole = 0;
    for (const poll of this.#open.slice(1)) {
      // Records have a topic of their own: a poll without rows is whole by its record alone, which says nothing of the rows before it.
      if (poll.entries.length > 0 && isWhole(poll) && ++whole >= OVERTAKEN_BY) return true;
    }
    return false;
  }

  #settle(poll: OpenPoll): void {
    const counts = this.o.counts(poll.beganNs);
    const arrived = poll.entries.length + poll.copies;
    const missing = Math.max(0, (poll.record?.rows ?? 0) - arrived);
    const crash = missing > 0 || poll.record === undefined ? this.#crashOf(poll) : undefined;
    if (counts) {
      this.#held = { polls: this.#held.polls + 1, rows: this.#held.rows + poll.entries.length };
      if (poll.record !== undefined) this.#claimed = { polls: this.#claimed.polls + 1, rows: this.#claimed.rows + poll.record.rows };
      if (crash !== undefined) {
        this.lostInCrash(missing, crash);
      } else if (poll.record === undefined) {
        this.#unrecorded++;
        this.#offence(
          'lost',
          poll.id,
          0,
          `the poll has ${arrived} rows in the topic and no record of its end, and nobody killed the daemon`,
        );
      } else if (missing > 0) {
        this.#lost += missing;
        this.#offence(
          'lost',
          poll.id,
          missing,
          `${missing} of the ${poll.record.rows} rows that the daemon read in this poll are not in the topic`,
        );
      } else if (arrived > poll.record.rows + poll.copies) {
        const more = arrived - poll.copies - poll.record.rows;
        this.#duplicated += more;
        this.#offence(
          'duplicated',
          poll.id,
          more,
          `${more} rows more than the ${poll.record.rows} that the daemon read in this poll are in the topic`,
        );
      }
    }
    this.#closed.set(poll.id, { missing: crash === undefined ? missing : 0, counts });
    if (this.#closed.size > REMEMBERED_POLLS) this.#closed.delete(this.#closed.keys().next().value as string);
    const { id, beganNs, record, entries } = poll;
    const rows = [...poll.rows, ...poll.others];
    this.o.closed({ id, beganNs, claimed: record?.rows, entries, rows, torn: crash !== undefined });
  }

  /** Seconds between the end of a poll and the crash that took what it lacks; undefined when none explains it. */
  #crashOf({ beganNs, record }: OpenPoll): number | undefined {
    const endNs = beganNs + (record?.durationSeconds ?? 0) * 1e9;
    const ages = this.#crashes.map((ns) => (ns - endNs) / 1e9).filter((age) => age >= -CLOCK_SLACK_SECONDS && age <= this.o.flushSeconds);
    return ages.length === 0 ? undefined : Math.max(0, Math.min(...ages));
  }

  #remember(digest: string): void {
    this.#digests.add(digest);
    if (this.#digests.size < REMEMBERED_MESSAGES) return;
    this.#olderDigests = this.#digests;
    this.#digests = new Set();
  }

  #offence(wrong: 'lost' | 'duplicated' | 'late', poll: string, rows: number, detail: string): void {
    this.o.tell({ border: 'daemon-topic', wrong, poll, rows, detail });
  }
}

function isWhole({ record, entries, copies }: OpenPoll): boolean {
  return record !== undefined && entries.length + copies >= record.rows;
}

export function namedRow({ netns, cookie }: Pick<BookRow, 'netns' | 'cookie'>): string {
  return `the row of socket ${cookie} in namespace ${netns}`;
}
