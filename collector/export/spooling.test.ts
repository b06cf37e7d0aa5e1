/** What becomes of envelopes while a far end comes, goes and dawdles. */
import fs from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import type { Envelope } from '../../native/index.js';
import { Books, Outbox } from '../outbox.js';
import { ExportFailure } from './exporter.js';
import { newSpoolDir, openSpool, removeSpools } from './spool/spool.test-support.js';
import { Spooling } from './spooling.js';

afterEach(removeSpools);

const DOWN = new ExportFailure('unreachable', 'not there', false);

/** A far end with a switch, that holds on to what it is asked when told to. */
class Far {
  state: 'up' | 'down' | 'slow' | 'refusing' = 'up';
  readonly taken: string[] = [];
  private readonly waiting: (() => void)[] = [];
  private closed = false;

  async write(bytes: Buffer): Promise<void> {
    if (this.state === 'slow') await new Promise<void>((resolve) => this.waiting.push(resolve));
    if (this.closed) throw new ExportFailure('closed', 'closed', true);
    if (this.state === 'down') throw DOWN;
    if (this.state === 'refusing') throw new ExportFailure('refused', 'no', false);
    this.taken.push(bytes.toString());
  }

  become(state: Far['state']): void {
    this.state = state;
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.become(this.state);
  }
}

async function setUp(dir = newSpoolDir(), state: Far['state'] = 'up', limit = 1 << 20) {
  const far = new Far();
  far.state = state;
  const books = new Books();
  const { spool } = await openSpool(dir, limit, (reason, rows) => {
    books.rowsInSpool -= rows;
    books.drop(reason, rows);
  });
  books.rowsRecovered = spool.rows;
  books.rowsInSpool = spool.rows;
  let retries = 0;
  const spooling = new Spooling(far, spool, {
    slowMs: 20,
    pause: () => new Promise((resolve) => setTimeout(resolve, 5)),
    retried: () => {
      retries++;
    },
    delivered(rows, bytes) {
      books.rowsInSpool -= rows;
      books.acknowledged(rows, bytes);
    },
    dropped(failure, rows) {
      books.rowsInSpool -= rows;
      books.drop(failure.reason, rows);
    },
  });
  const outbox = new Outbox(spooling, books, { dropped: () => {}, broken: () => {} });
  const released: string[] = [];
  const push = (text: string, rows = 1) => {
    const bytes = Buffer.from(text);
    const release = () => {
      released.push(text);
      bytes.fill('#');
    };
    outbox.push({ bytes, rows, pollId: 1n, release } satisfies Envelope);
  };
  const balanced = () =>
    books.rowsRead + books.rowsRecovered === books.rowsExported + books.rowsInMemory + books.rowsInSpool + books.allDropped &&
    books.rowsInSpool === spool.rows;
  const until = async (done: () => boolean) => {
    while (!done()) {
      expect(balanced()).toBe(true);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { far, books, spool, spooling, outbox, push, released, balanced, until, retries: () => retries, dir };
}

describe('spooling', () => {
  it('leaves the disk alone while the far end takes everything', async () => {
    const { far, books, push, outbox, spool, spooling, balanced } = await setUp();
    const before = spool.bytes;
    for (const text of ['a', 'b', 'c']) push(text, 2);
    await outbox.flushed();
    expect(far.taken).toEqual(['a', 'b', 'c']);
    expect(spool.bytes).toBe(before);
    expect(books).toMatchObject({ rowsExported: 6, rowsInSpool: 0, rowsInMemory: 0, bytesExported: 3 });
    expect(balanced()).toBe(true);
    await spooling.close();
  });

  it('gives blocks back through an outage, and delivers everything in order when it is over', async () => {
    const { far, books, push, outbox, released, until, spooling, retries } = await setUp();
    push('a');
    await outbox.flushed();
    far.become('down');
    for (const text of ['b', 'c', 'd']) push(text, 5);
    await outbox.flushed();
    expect(released).toEqual(['a', 'b', 'c', 'd']);
    expect(books).toMatchObject({ rowsInMemory: 0, rowsInSpool: 15, rowsExported: 1 });
    await until(() => retries() > 2);
    far.become('up');
    push('e', 7);
    await until(() => books.rowsExported === 23);
    expect(far.taken).toEqual(['a', 'b', 'c', 'd', 'e']);
    await until(() => books.rowsInSpool === 0);
    push('f');
    await until(() => books.rowsExported === 24);
    expect(far.taken.at(-1)).toBe('f');
    await spooling.close();
  });

  it('keeps the order through many outages with rows coming all the time', async () => {
    const { far, books, push, until, spooling } = await setUp();
    const texts = Array.from({ length: 300 }, (_, index) => `row ${index}`);
    for (const [index, text] of texts.entries()) {
      push(text);
      if (index % 37 === 5) far.become('down');
      if (index % 37 === 20) far.become('up');
      if (index % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    far.become('up');
    await until(() => books.rowsExported === 300);
    expect(far.taken).toEqual(texts);
    await spooling.close();
  });

  it('lets a slow envelope go to the spool so that those behind it do not wait, and never sends it twice for that', async () => {
    const { far, books, push, outbox, released, until, spooling } = await setUp();
    far.become('slow');
    for (const text of ['a', 'b', 'c']) push(text, 3);
    await outbox.flushed();
    expect(released).toEqual(['a', 'b', 'c']);
    expect(books).toMatchObject({ rowsInSpool: 9, rowsInMemory: 0 });
    far.become('up');
    await until(() => books.rowsExported === 9);
    expect(far.taken).toEqual(['a', 'b', 'c']);
    await spooling.close();
  });

  it('delivers what was under way when the spool pushed it out, and then the newest', async () => {
    const { far, books, push, outbox, until, spooling } = await setUp(undefined, 'slow', 1_000);
    push('a');
    await outbox.flushed();
    const rest = Array.from({ length: 9 }, (_, index) => String(index).padEnd(200, '.'));
    for (const text of rest) push(text);
    await outbox.flushed();
    const dropped = books.rowsDropped.get('spool_full') as number;
    expect(dropped).toBeGreaterThan(0);
    far.become('up');
    await until(() => books.rowsInSpool === 0);
    expect(books.rowsExported).toBe(10 - dropped);
    expect(far.taken).toEqual(['a', ...rest.slice(dropped)]);
    await spooling.close();
  });

  it('keeps what an outage left for the next start, which sends it ahead of new rows', async () => {
    const first = await setUp(undefined, 'down');
    for (const text of ['a', 'b']) first.push(text, 4);
    await first.outbox.flushed();
    await first.spooling.close();
    expect(first.balanced()).toBe(true);
    expect(first.books.rowsInSpool).toBe(8);
    const second = await setUp(first.dir, 'up');
    expect(second.books).toMatchObject({ rowsRecovered: 8, rowsInSpool: 8 });
    second.push('c');
    await second.until(() => second.books.rowsExported === 9);
    expect(second.far.taken).toEqual(['a', 'b', 'c']);
    await second.spooling.close();
  });

  it('puts an envelope that was under way into the spool when it is closed', async () => {
    const { far, books, push, outbox, spooling, dir, balanced } = await setUp(undefined, 'slow');
    push('a', 6);
    const closed = spooling.close();
    await outbox.flushed();
    await closed;
    expect(far.taken).toEqual([]);
    expect(books).toMatchObject({ rowsInSpool: 6, rowsInMemory: 0 });
    expect(balanced()).toBe(true);
    const again = await setUp(dir, 'up');
    await again.until(() => again.books.rowsExported === 6);
    expect(again.far.taken).toEqual(['a']);
    await again.spooling.close();
  });

  it('drops what the far end refuses, in the spool or not, and goes on', async () => {
    const { far, books, push, outbox, until, spooling } = await setUp(undefined, 'refusing');
    push('a', 2);
    await outbox.flushed();
    far.become('down');
    push('b', 3);
    await outbox.flushed();
    far.become('refusing');
    await until(() => books.rowsInSpool === 0);
    far.become('up');
    push('c');
    await until(() => books.rowsExported === 1);
    expect(far.taken).toEqual(['c']);
    expect(books.rowsDropped).toEqual(new Map([['refused', 5]]));
    await spooling.close();
  });

  it('drops what it can neither send nor spool, counts it, and recovers with the disk', async () => {
    const { far, books, push, outbox, until, spooling, dir } = await setUp(undefined, 'down');
    // No name can be made in the folder any more, and as root no mode bits would forbid it.
    fs.renameSync(dir, `${dir}-away`);
    push('a', 2);
    await outbox.flushed();
    expect(books.rowsDropped).toEqual(new Map([['io', 2]]));
    fs.renameSync(`${dir}-away`, dir);
    push('b', 3);
    await outbox.flushed();
    expect(books).toMatchObject({ rowsInSpool: 3, rowsInMemory: 0 });
    far.become('up');
    await until(() => books.rowsExported === 3);
    expect(far.taken).toEqual(['b']);
    await spooling.close();
  });

  it('refuses to write once it is closed', async () => {
    const { spooling } = await setUp();
    await spooling.close();
    await expect(spooling.write(Buffer.from('a'), 1)).rejects.toMatchObject({ reason: 'closed', final: true });
  });
});
