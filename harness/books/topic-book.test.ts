import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JudgeRow } from '../judge/row.js';
import type { BookRow } from './print.js';
import type { BookOffence } from './tally.js';
import { type ClosedPoll, TopicBook } from './topic-book.js';

const SECOND = 1e9;

function entry(poll: number, cookie: number, netns = 1): BookRow {
  return { poll: String(poll), netns, cookie, kind: 1, print: cookie, stampNs: 0n };
}

/** A book, and messages as a broker would deliver them. */
class Fixture {
  readonly closed: ClosedPoll[] = [];
  readonly told: BookOffence[] = [];
  readonly book: TopicBook;
  #messages = 0;

  constructor(counts: (beganNs: number) => boolean = () => true) {
    this.book = new TopicBook({ counts, closed: (p) => this.closed.push(p), tell: (o) => this.told.push(o), flushSeconds: 5 });
  }

  message(entries: readonly BookRow[], state = 1, digest = `m${this.#messages++}`): void {
    this.book.message(
      digest,
      entries,
      entries.map(() => ({ state }) as JudgeRow),
    );
  }

  /** A whole poll of `rows` rows, of which the first `sent` are sent. */
  poll(poll: number, rows: number, sent = rows): void {
    if (sent > 0) this.message(Array.from({ length: sent }, (_, i) => entry(poll, i + 1)));
    this.record(poll, rows);
  }

  record(poll: number, rows: number): void {
    this.book.record({ poll: String(poll), rows, durationSeconds: 0.1, print: 0 });
  }
}

describe('the book of the topic', () => {
  it('closes a poll when its record and all of its rows are there, whichever comes last', () => {
    const f = new Fixture();
    f.record(1, 3);
    f.message([entry(1, 1), entry(1, 2)]);
    expect(f.closed).toEqual([]);
    f.message([entry(1, 3), entry(2, 1)]);
    f.record(2, 1);
    expect(f.closed.map(({ id, rows, claimed }) => [id, rows.length, claimed])).toEqual([
      ['1', 3, 3],
      ['2', 1, 1],
    ]);
    expect(f.book.tally).toMatchObject({ lost: 0, duplicated: 0, claimed: { polls: 2, rows: 4 }, held: { polls: 2, rows: 4 } });
    expect(f.told).toEqual([]);
  });

  it('takes a message that stands there again for a second delivery, not for rows that were made twice', () => {
    const f = new Fixture();
    f.message([entry(1, 1), entry(1, 2)], 1, 'same');
    f.message([entry(1, 1), entry(1, 2)], 1, 'same');
    f.record(1, 2);
    f.message([entry(1, 1), entry(1, 2)], 1, 'same');
    expect(f.book.tally).toMatchObject({ redelivered: { messages: 2, rows: 4 }, duplicated: 0, held: { rows: 2 } });
  });

  it('names a row that is there twice, in one message or in another', () => {
    const f = new Fixture();
    f.message([entry(1, 1), entry(1, 2), entry(1, 2)]);
    f.message([entry(1, 1)]);
    f.record(1, 4);
    expect(f.book.tally).toMatchObject({ duplicated: 2, lost: 0 });
    expect(f.told.map(({ detail }) => detail)).toEqual([
      'the row of socket 2 in namespace 1 stands in the topic twice',
      'the row of socket 1 in namespace 1 stands in the topic twice',
    ]);
  });

  it('lets a request share the cookie of the socket that is made of it', () => {
    const f = new Fixture();
    f.message([entry(1, 1), entry(1, 1)], 12);
    f.record(1, 2);
    expect(f.book.tally).toMatchObject({ duplicated: 0, lost: 0 });
    expect(f.closed[0]).toMatchObject({ entries: [entry(1, 1)], rows: [{ state: 12 }, { state: 12 }] });
  });

  it('gives a poll up once three later ones are whole, and takes what comes then for late', () => {
    const f = new Fixture();
    f.poll(1, 5, 3);
    f.poll(2, 5);
    f.poll(3, 5);
    expect(f.book.tally.lost).toBe(0);
    f.poll(4, 5);
    expect(f.book.tally.lost).toBe(2);
    expect(f.closed.map(({ id }) => id)).toEqual(['1', '2', '3', '4']);
    f.message([entry(1, 4)]);
    expect(f.book.tally).toMatchObject({ lost: 1, late: 1 });
    f.message([entry(2, 1)]);
    expect(f.book.tally).toMatchObject({ lost: 1, late: 1, duplicated: 1 });
  });

  it('counts rows beyond what the daemon read', () => {
    const f = new Fixture();
    f.message([entry(1, 1), entry(1, 2), entry(1, 3)]);
    f.record(1, 2);
    expect(f.book.tally).toMatchObject({ duplicated: 1, lost: 0 });
  });

  it('tells what died in memory from what was lost, by when the poll had ended', () => {
    const f = new Fixture();
    f.poll(1 * SECOND, 5, 4);
    f.poll(20 * SECOND, 5, 2);
    f.message([entry(21 * SECOND, 1)]);
    f.book.crash(21.5 * SECOND);
    for (const poll of [30, 31, 32]) f.poll(poll * SECOND, 1);
    expect(f.book.tally).toMatchObject({ lost: 1, lostInCrash: { rows: 3, ageSeconds: 1.4 }, unrecorded: 0 });
    expect(f.closed.map(({ torn }) => torn)).toEqual([false, true, true, false, false, false]);
  });

  it('says of a poll without a record that it has none, when nobody killed the daemon', () => {
    const f = new Fixture();
    f.message([entry(1, 1)]);
    f.book.finish();
    expect(f.book.tally).toMatchObject({ unrecorded: 1, lost: 0 });
    expect(f.told[0]?.detail).toContain('no record of its end');
  });

  it('hands on what does not count, and does not count it', () => {
    const f = new Fixture((beganNs) => beganNs > 1);
    f.poll(1, 5, 2);
    f.poll(2, 1);
    f.book.finish();
    expect(f.closed.map(({ id }) => id)).toEqual(['1', '2']);
    expect(f.book.tally).toMatchObject({ lost: 0, claimed: { polls: 1, rows: 1 } });
  });

  it('lets polls without rows overtake nobody: their records say nothing of rows that are under way', () => {
    const f = new Fixture();
    for (const [poll, rows] of [
      [1, 1],
      [2, 0],
      [3, 0],
      [4, 0],
    ] as const)
      f.record(poll, rows);
    f.message([entry(1, 1)]);
    expect(f.book.tally).toMatchObject({ lost: 0, late: 0, held: { polls: 4, rows: 1 } });
  });

  it('adds up, however messages are cut, repeated and mixed with records', () => {
    const run = fc.record({
      polls: fc.array(fc.record({ rows: fc.integer({ min: 0, max: 30 }), drops: fc.integer({ min: 0, max: 3 }) }), {
        minLength: 1,
        maxLength: 12,
      }),
      size: fc.integer({ min: 1, max: 12 }),
      repeats: fc.array(fc.nat(20), { maxLength: 5 }),
      recordsFirst: fc.boolean(),
    });
    fc.assert(
      fc.property(run, ({ polls, size, repeats, recordsFirst }) => {
        const f = new Fixture();
        const rows = polls.flatMap((p, i) => Array.from({ length: Math.max(0, p.rows - p.drops) }, (_, k) => entry(i + 1, k + 1)));
        const messages = Array.from({ length: Math.ceil(rows.length / size) }, (_, i) => rows.slice(i * size, (i + 1) * size));
        const records = () => {
          for (const [i, p] of polls.entries()) f.record(i + 1, p.rows);
        };
        if (recordsFirst) records();
        let again = 0;
        for (const [i, message] of messages.entries()) {
          f.message(message, 1, `d${i}`);
          if (repeats.includes(i)) again += message.length;
          if (repeats.includes(i)) f.message(message, 1, `d${i}`);
        }
        if (!recordsFirst) records();
        f.book.finish();
        const { lost, late, duplicated, claimed, held, redelivered } = f.book.tally;
        expect(held.rows + lost).toBe(claimed.rows);
        expect(held.rows).toBe(rows.length - late);
        expect([duplicated, redelivered.rows]).toEqual([0, again]);
        expect(f.closed.map(({ beganNs }) => beganNs)).toEqual(f.closed.map(({ beganNs }) => beganNs).toSorted((a, b) => a - b));
      }),
    );
  });
});
