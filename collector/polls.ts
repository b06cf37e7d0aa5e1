/**
 * Poll-completeness records: each poll ends with one, so that a consumer can tell a whole poll from half of one. They travel beside
 * the envelopes, never in them (a reader of envelopes takes every field for a row): as lines between the lines of jsonl, told apart by
 * their `kind`, or in a topic, table or file of their own.
 */
import { type Config, rotationOf, spoolOf } from './config.js';
import { readCredentials } from './credentials.js';
import type { CredentialsConfig } from './credentials-settings.js';
import { type Delivery, type DeliveryEvents, openDelivery } from './delivery.js';
import { CollectorError } from './errors.js';
import { ExportFailure } from './export/exporter.js';
import { Books, type Outbox } from './outbox.js';
import type { Polled } from './poller.js';
import type { ExportTarget } from './targets.js';

/**
 * The record of a poll as a line of JSON with its newline. The poll is whole when `interrupted` and `skipped` are 0 and as many rows of
 * its poll_id arrived as `rows` says.
 *
 * | key | value |
 * | --- | --- |
 * | kind | `poll_end` |
 * | hostname, poll_id | as its rows have them (poll_id in decimal digits) |
 * | duration_seconds | from the start of the first dump to the end of the last |
 * | rows | read from the kernel, all of them ahead of this line |
 * | namespaces | found |
 * | interrupted | of them, read while their table changed: rows may be missing (NLM_F_DUMP_INTR) |
 * | skipped | of them, not read because of a failure, now or a short while ago |
 * | gone | of them, deleted before they were read, which is no failure |
 * | sampled_out | sockets left out by `sample`; absent without one |
 */
export function pollRecord(hostname: string, result: Polled): string {
  let interrupted = 0;
  let skipped = result.putOff;
  let gone = 0;
  for (const namespace of result.namespaces.troubles()) {
    if (namespace.interrupted) interrupted++;
    if (namespace.status === 'gone') gone++;
    else if (namespace.status !== 'ok') skipped++;
  }
  return `${JSON.stringify({
    kind: 'poll_end',
    hostname,
    poll_id: String(result.pollId),
    duration_seconds: result.durationSeconds,
    rows: result.rows,
    namespaces: result.namespaces.length + result.putOff,
    interrupted,
    skipped,
    gone,
    sampled_out: result.sampledOut,
  })}\n`;
}

export interface PollRecords {
  /** A poll that ended, whose rows are all in the outbox. Returns at once. */
  add(result: Polled): void;
  /** Records that are not handed on yet: in memory or, where they go to a far end of their own, in their spool. */
  readonly waiting: number;
  /** Resolves when every record is written or given up. */
  flushed(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the stream that `config.polls` names.
 * @param rows where the rows go
 * @param events what became of records that could not be written
 * @throws as {@link openDelivery}
 */
export async function openPollRecords(config: PollsConfig, rows: Outbox, events: PollEvents): Promise<PollRecords> {
  const { hostname } = config;
  const target = targetOf(config);
  if (target === undefined) return NO_RECORDS;
  let delivery: Delivery | undefined;
  if (target !== 'rows') {
    try {
      delivery = await openFor(config, target, events);
    } catch (error) {
      // Nobody asked for them by name, and rows do without.
      if (config.polls !== 'auto' || !(error instanceof CollectorError)) throw error;
      events.absent(error.sentence);
      return NO_RECORDS;
    }
  }
  const outbox = delivery?.outbox ?? rows;
  let waiting = 0;
  return {
    get waiting() {
      return delivery === undefined ? waiting : delivery.outbox.books.rowsInMemory + delivery.outbox.books.rowsInSpool;
    },
    add(result) {
      if (waiting >= MOST_WAITING) {
        events.dropped(new ExportFailure('full', `${waiting} records wait already`, false));
        return;
      }
      waiting++;
      const release = () => {
        waiting--;
      };
      // In books of its own a record is a row: so a spool knows how many it has, and lost.
      const counted = delivery === undefined ? 0 : 1;
      outbox.push({ bytes: Buffer.from(pollRecord(hostname, result)), rows: counted, pollId: result.pollId, release });
    },
    flushed: () => outbox.flushed(),
    close: async () => delivery?.close(),
  };
}

/** Some 300 bytes each, of three hours at one poll a second. */
const MOST_WAITING = 10_000;

type PollsConfig = Pick<
  Config,
  'export' | 'polls' | 'format' | 'hostname' | 'rotate-bytes' | 'rotate-age' | 'rotate-keep' | 'spool' | 'spool-bytes' | 'flush-bytes'
> &
  CredentialsConfig;

export interface PollEvents extends Pick<DeliveryEvents, 'broken' | 'lost' | 'noticed' | 'retried'> {
  readonly dropped: (failure: ExportFailure) => void;
  /** There will be no records, because the place for them beside the rows is not there: why, as a sentence. */
  readonly absent: (sentence: string) => void;
}

const NO_RECORDS: PollRecords = { add: () => {}, waiting: 0, flushed: async () => {}, close: async () => {} };

/** A place of their own, among the rows, or none. */
function targetOf({ polls, export: target, format }: PollsConfig): ExportTarget | 'rows' | undefined {
  if (polls === 'off') return undefined;
  if (polls !== 'auto') return polls;
  if (target.kind === 'kafka') return { ...target, topic: `${target.topic}-polls` };
  if (target.kind === 'clickhouse') return { ...target, table: `${target.table}_polls` };
  return format === 'jsonl' ? 'rows' : undefined;
}

function openFor(config: PollsConfig, target: ExportTarget, events: PollEvents): Promise<Delivery> {
  const spool = spoolOf(config);
  const parts = {
    target,
    format: 'jsonl' as const,
    rotation: rotationOf(config),
    spool: spool === undefined ? undefined : { dir: `${spool.dir}/polls`, bytes: config['spool-bytes'] - spool.bytes },
    books: new Books(),
    hostname: config.hostname,
    credentials: () => readCredentials(config),
    // One record of a poll at a time.
    longest: 0,
  };
  return openDelivery(parts, events);
}
