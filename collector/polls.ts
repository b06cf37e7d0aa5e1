/**
 * Poll-completeness records: each poll ends with one, so that a consumer can tell a whole poll from half of one. They travel beside
 * the envelopes, never in them (a reader of envelopes takes every field for a row): as lines between the lines of jsonl, told apart by
 * their `kind`, or in a file of their own.
 */

import { type Config, rotationOf } from './config.js';
import { type ExportFailure, openExporter } from './export/exporter.js';
import { Books, Outbox } from './outbox.js';
import type { Polled } from './poller.js';

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
  for (const namespace of result.namespaces) {
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
  /** Resolves when every record is written or given up. */
  flushed(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the stream that `config.polls` names.
 * @param rows where the rows go
 * @param events what became of records that could not be written
 * @throws as {@link openExporter}
 */
export async function openPollRecords(
  config: Pick<Config, 'polls' | 'format' | 'hostname' | 'rotate-bytes' | 'rotate-age' | 'rotate-keep'>,
  rows: Outbox,
  events: { readonly dropped: (failure: ExportFailure) => void; readonly broken: (failure: ExportFailure) => void },
): Promise<PollRecords> {
  const { polls, format, hostname } = config;
  if (polls === 'off' || (polls === 'auto' && format !== 'jsonl')) return { add: () => {}, flushed: async () => {}, close: async () => {} };
  const exporter = polls === 'auto' ? undefined : await openExporter(polls, 'jsonl', { rotation: rotationOf(config) });
  const outbox = exporter === undefined ? rows : new Outbox(exporter, new Books(), events);
  return {
    add(result) {
      const bytes = Buffer.from(pollRecord(hostname, result));
      outbox.push({ bytes, rows: 0, pollId: result.pollId, release: () => {} });
    },
    flushed: () => outbox.flushed(),
    close: async () => exporter?.close(),
  };
}
