/**
 * Between reader and exporter: finished envelopes wait here, in order, and are handed on one at a time. Bounded without a
 * limit of its own, since an envelope keeps its pool block until it is released and the reader's workers wait
 * for a free one. Keeps the books, which balance at every moment:
 * read (and recovered from an earlier run's spool) = exported + dropped + in memory + in the spool.
 */
import type { Envelope } from '../native/index.js';
import { type Exporter, ExportFailure } from './export/exporter.js';
import type { Spooling } from './export/spooling.js';

export class Books {
  rowsRead = 0;
  /** Found in the spool at the start: an earlier run read them. */
  rowsRecovered = 0;
  rowsExported = 0;
  rowsInMemory = 0;
  rowsInSpool = 0;
  envelopes = 0;
  bytesExported = 0;
  readonly rowsDropped = new Map<string, number>();
  /** Of a spool, if there is one. */
  spool: { readonly limit: number; readonly bytes: () => number } | undefined;

  drop(reason: string, rows: number): void {
    this.rowsDropped.set(reason, (this.rowsDropped.get(reason) ?? 0) + rows);
  }

  /** An envelope that the far end has. */
  acknowledged(rows: number, bytes: number): void {
    this.rowsExported += rows;
    this.bytesExported += bytes;
  }

  get allDropped(): number {
    let sum = 0;
    for (const rows of this.rowsDropped.values()) sum += rows;
    return sum;
  }
}

export interface OutboxEvents {
  /** An envelope was dropped; the next one is tried again unless the failure is final. */
  readonly dropped: (failure: ExportFailure, rows: number) => void;
  /** The exporter will never write again. Told once. */
  readonly broken: (failure: ExportFailure) => void;
}

export class Outbox {
  private readonly queue: Envelope[] = [];
  private draining: Promise<void> | undefined;
  /** Envelopes and lines that were dropped, whatever for. */
  dropped = 0;
  /** Set when nothing can or may be written any more: why the rows that still come are dropped. */
  private discarding: string | undefined;

  constructor(
    private readonly exporter: Exporter | Spooling,
    readonly books: Books,
    private readonly events: OutboxEvents,
  ) {}

  /** Takes an envelope over (or a line of no rows that must stand behind those before) and releases it once its bytes are handed on or dropped. */
  push(envelope: Envelope): void {
    this.books.rowsRead += envelope.rows;
    this.books.rowsInMemory += envelope.rows;
    if (envelope.rows > 0) this.books.envelopes++;
    if (this.discarding !== undefined) {
      this.settle(envelope, this.discarding);
      return;
    }
    this.queue.push(envelope);
    this.draining ??= this.drain();
  }

  /** Resolves when everything taken over so far is exported or dropped. */
  async flushed(): Promise<void> {
    await this.draining;
  }

  /** From now on drops what waits and what comes. A write under way stays in memory until it settles (close the exporter). */
  discard(reason: string): void {
    if (this.discarding !== undefined) return;
    this.discarding = reason;
    for (const envelope of this.queue.splice(0)) this.settle(envelope, reason);
  }

  private async drain(): Promise<void> {
    for (let envelope = this.queue.shift(); envelope !== undefined; envelope = this.queue.shift()) {
      await this.hand(envelope);
    }
    this.draining = undefined;
  }

  private async hand(envelope: Envelope): Promise<void> {
    try {
      const fate = await this.exporter.write(envelope.bytes, envelope.rows, envelope.checksum);
      if (fate === 'spooled') this.books.rowsInSpool += envelope.rows;
      else this.books.acknowledged(envelope.rows, envelope.bytes.length);
      this.settle(envelope);
    } catch (error) {
      const failure = error instanceof ExportFailure ? error : new ExportFailure('io', String(error), true);
      this.settle(envelope, this.discarding ?? failure.reason);
      this.events.dropped(failure, envelope.rows);
      if (failure.final && this.discarding === undefined) {
        this.discard(failure.reason);
        this.events.broken(failure);
      }
    }
  }

  private settle(envelope: Envelope, dropped?: string): void {
    if (dropped !== undefined) {
      this.dropped++;
      this.books.drop(dropped, envelope.rows);
    }
    this.books.rowsInMemory -= envelope.rows;
    envelope.release();
  }
}
