/** What a stream of envelopes leaves through: an outbox, behind it the exporter, between the two a spool when there is one. */
import type { CredentialsSource } from './credentials.js';
import { type ExportFailure, openExporter, openFarEnd } from './export/exporter.js';
import type { Rotation } from './export/rotating.js';
import { Spool } from './export/spool/spool.js';
import { Spooling } from './export/spooling.js';
import { type Books, Outbox, type OutboxEvents } from './outbox.js';
import { type ExportTarget, isFar } from './targets.js';

export interface DeliveryParts {
  readonly target: ExportTarget;
  readonly format: 'protobufList' | 'jsonl';
  readonly rotation: Rotation | undefined;
  /** Where rows wait for a far end that is not there; absent: in memory, and polls wait too. */
  readonly spool: { readonly dir: string; readonly bytes: number } | undefined;
  readonly books: Books;
  readonly hostname: string;
  /** Bytes of the longest envelope. */
  readonly longest: number;
  readonly credentials: CredentialsSource;
}

export interface DeliveryEvents extends OutboxEvents {
  /** An envelope was not taken and will be tried again after this pause. */
  readonly retried: (failure: ExportFailure, pauseMs: number) => void;
  /** Rows of the spool that nobody will ever get. */
  readonly lost: (reason: string, rows: number) => void;
  /** Something about the spool that costs no rows, as a sentence. */
  readonly noticed: (sentence: string) => void;
}

export interface Delivery {
  readonly outbox: Outbox;
  /** Gives up what is under way. What is in the spool stays there. */
  close(): Promise<void>;
}

/** @throws CollectorError when the target, or the spool, can never be written to */
export async function openDelivery(parts: DeliveryParts, events: DeliveryEvents): Promise<Delivery> {
  const { target, format, rotation, spool, books, hostname, longest, credentials } = parts;
  const { retried } = events;
  if (spool === undefined || !isFar(target)) {
    const exporter = await openExporter(target, format, { rotation, retried, farEnd: { hostname, longest, patient: false, credentials } });
    return { outbox: new Outbox(exporter, books, events), close: () => exporter.close() };
  }
  const files = await Spool.open(spool.dir, spool.bytes, {
    lost(reason, rows) {
      books.rowsInSpool -= rows;
      books.drop(reason, rows);
      events.lost(reason, rows);
    },
    noticed: events.noticed,
  });
  books.rowsRecovered = files.rows;
  books.rowsInSpool = files.rows;
  books.spool = { limit: spool.bytes, bytes: () => files.bytes };
  try {
    const spooling = new Spooling(await openFarEnd(target, format, { hostname, longest, patient: true, credentials }), files, {
      retried,
      delivered(rows, bytes) {
        books.rowsInSpool -= rows;
        books.acknowledged(rows, bytes);
      },
      dropped(failure, rows) {
        books.rowsInSpool -= rows;
        books.drop(failure.reason, rows);
        events.dropped(failure, rows);
      },
    });
    return { outbox: new Outbox(spooling, books, events), close: () => spooling.close() };
  } catch (error) {
    await files.close();
    throw error;
  }
}
