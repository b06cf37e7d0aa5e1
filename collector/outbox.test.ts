import { describe, expect, it } from 'vitest';
import type { Envelope } from '../native/index.js';
import { type Exporter, ExportFailure } from './export/exporter.js';
import { Books, Outbox } from './outbox.js';

class StubbornExporter implements Exporter {
  readonly written: string[] = [];
  private waiting: { text: string; resolve: () => void; reject: (error: Error) => void }[] = [];
  write(bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => this.waiting.push({ text: bytes.toString(), resolve, reject }));
  }
  async close() {}
  get underWay() {
    return this.waiting.length;
  }
  async take() {
    const next = this.waiting.shift();
    if (next === undefined) throw new Error('no write is under way');
    this.written.push(next.text);
    next.resolve();
    await turn();
  }
  async refuse(failure: ExportFailure) {
    this.waiting.shift()?.reject(failure);
    await turn();
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

function setUp() {
  const exporter = new StubbornExporter();
  const books = new Books();
  const broken: string[] = [];
  const dropped: number[] = [];
  const outbox = new Outbox(exporter, books, {
    broken: (failure) => broken.push(failure.reason),
    dropped: (_, rows) => dropped.push(rows),
  });
  const released: string[] = [];
  const push = (text: string, rows: number) => {
    const envelope: Envelope = { bytes: Buffer.from(text), rows, pollId: 1n, release: () => released.push(text) };
    outbox.push(envelope);
  };
  const balance = () => books.rowsExported + books.allDropped + books.rowsInMemory - books.rowsRead;
  return { exporter, books, outbox, push, released, broken, dropped, balance };
}

describe('the outbox', () => {
  it('hands on one envelope at a time, in order, and releases each only when it is written', async () => {
    const { exporter, push, released, books, balance } = setUp();
    push('a', 3);
    push('b', 5);
    expect(exporter.underWay).toBe(1);
    expect(released).toEqual([]);
    expect(books.rowsInMemory).toBe(8);
    expect(balance()).toBe(0);
    await exporter.take();
    expect(released).toEqual(['a']);
    expect(exporter.underWay).toBe(1);
    expect(balance()).toBe(0);
    await exporter.take();
    expect(exporter.written).toEqual(['a', 'b']);
    expect(released).toEqual(['a', 'b']);
    expect(books).toMatchObject({ rowsRead: 8, rowsExported: 8, rowsInMemory: 0, bytesExported: 2, envelopes: 2 });
  });

  it('drops and counts what was refused, and goes on with the next', async () => {
    const { exporter, push, released, books, balance, dropped, broken } = setUp();
    push('a', 3);
    push('b', 5);
    await exporter.refuse(new ExportFailure('full', 'no space', false));
    await exporter.take();
    expect(exporter.written).toEqual(['b']);
    expect(released).toEqual(['a', 'b']);
    expect(books.rowsDropped).toEqual(new Map([['full', 3]]));
    expect(dropped).toEqual([3]);
    expect(broken).toEqual([]);
    expect(balance()).toBe(0);
  });

  it('after a final failure writes nothing more, releases everything and says so once', async () => {
    const { exporter, outbox, push, released, books, balance, broken } = setUp();
    for (const text of ['a', 'b', 'c']) push(text, 1);
    await exporter.refuse(new ExportFailure('closed', 'gone', true));
    push('d', 1);
    await outbox.flushed();
    expect(exporter.underWay).toBe(0);
    expect(released).toEqual(['a', 'b', 'c', 'd']);
    expect(books.rowsDropped).toEqual(new Map([['closed', 4]]));
    expect(broken).toEqual(['closed']);
    expect(balance()).toBe(0);
  });

  it('keeps the envelope under way when told to discard the rest, and counts it as it ends', async () => {
    const { exporter, outbox, push, released, books, balance } = setUp();
    for (const text of ['a', 'b', 'c']) push(text, 2);
    outbox.discard('shutdown');
    expect(released).toEqual(['b', 'c']);
    expect(books.rowsInMemory).toBe(2);
    expect(balance()).toBe(0);
    await exporter.take();
    expect(books).toMatchObject({ rowsExported: 2, rowsInMemory: 0 });
    push('d', 2);
    expect(released).toEqual(['b', 'c', 'a', 'd']);
    expect(books.rowsDropped).toEqual(new Map([['shutdown', 6]]));
    expect(balance()).toBe(0);
  });

  it('is flushed when the last envelope is written, not before', async () => {
    const { exporter, outbox, push } = setUp();
    push('a', 1);
    push('b', 1);
    let flushed = false;
    void outbox.flushed().then(() => {
      flushed = true;
    });
    await exporter.take();
    expect(flushed).toBe(false);
    await exporter.take();
    expect(flushed).toBe(true);
    push('c', 1);
    expect(exporter.underWay).toBe(1);
  });
});
