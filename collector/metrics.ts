/**
 * Every metric of `netsoakd`, declared once. Names follow the Prometheus conventions: base units, `_total` on
 * counters. The books are read at the moment of the scrape, all in one turn of the event loop, so that
 * read + recovered = exported + dropped + in memory + in the spool holds in every scrape.
 */
import type * as Prom from 'prom-client';
import type { DestroyCounters, NamespaceResult } from '../native/index.js';
import type { TailCounts } from './control/tail.js';
import type { Books } from './outbox.js';
import type { Polled } from './poller.js';
import { addProcessMetrics } from './process-metrics.js';
import { Counter, Gauge, Histogram, Registry } from './prom.js';

/** A poll of one namespace on an idle host to one of 10,000 on a busy one. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Why rows are dropped, each shown from the beginning. */
const DROP_REASONS = ['full', 'io', 'closed', 'refused', 'spool_full', 'corrupt', 'shutdown'] as const;

export interface Metrics {
  readonly registry: Prom.Registry;
  late(ticks: number): void;
  /** How long it took to find the namespaces, and how many processes and directories could not be looked at. */
  discovered(seconds: number, denied: number, unread: number): void;
  /** A poll that ended; `seconds` includes discovery. */
  polled(result: Polled, seconds: number): void;
  /** From now on, how many namespaces are known to be there; without it, those found for the last poll. */
  known(read: () => number): void;
  /** An envelope that the far end did not take was put off. */
  retried(): void;
  /** The configuration was read again and taken over, or refused. */
  reloaded(taken: boolean): void;
  /** From now on, how many records of polls wait to be handed on. */
  recorded(read: () => number): void;
  /** From now on, what those who watch rows got. */
  tail(read: () => TailCounts): void;
  /** From now on, the seconds from poll to poll; 0 when only orders start one. */
  paced(read: () => number): void;
  /** From now on, what the listener to closed sockets counts. */
  closed(read: () => DestroyCounters): void;
}

export function createMetrics(books: Books, version: string): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });

  new Gauge({ name: 'netsoakd_build_info', help: '1, with what is running.', labelNames: ['version', 'node'], registers }).set(
    { version, node: process.versions.node },
    1,
  );
  addProcessMetrics(registry);

  counter('netsoakd_rows_read_total', 'Rows read from the kernel.', () => books.rowsRead);
  counter('netsoakd_rows_recovered_total', 'Rows that an earlier run left in the spool.', () => books.rowsRecovered);
  counter('netsoakd_rows_exported_total', 'Rows that the far end has.', () => books.rowsExported);
  new Counter({
    name: 'netsoakd_rows_dropped_total',
    help:
      'Rows read but never handed on: full (disk), io, closed (reader gone), refused (by the far end), ' +
      'spool_full (the oldest, pushed out by newer ones), corrupt (damaged in the spool), shutdown.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      for (const reason of DROP_REASONS) this.inc({ reason }, books.rowsDropped.get(reason) ?? 0);
    },
  });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('netsoakd_rows_in_memory', 'Rows read and waiting to be handed on.', () => books.rowsInMemory);
  gauge('netsoakd_rows_in_spool', 'Rows that wait on disk for the far end.', () => books.rowsInSpool);
  gauge('netsoakd_spool_bytes', 'Bytes of the files of the spool of rows.', () => books.spool?.bytes() ?? 0);
  gauge('netsoakd_spool_limit_bytes', 'What those may grow to; 0 without a spool.', () => books.spool?.limit ?? 0);
  let waiting = () => 0;
  gauge('netsoakd_poll_records_waiting', 'Records of polls that wait to be handed on, in memory or on disk.', () => waiting());
  counter('netsoakd_envelopes_total', 'Envelopes read.', () => books.envelopes);
  counter('netsoakd_export_bytes_total', 'Bytes handed on.', () => books.bytesExported);

  const retries = new Counter({
    name: 'netsoakd_export_retries_total',
    help: 'Times that an envelope was not taken by the far end and put off.',
    registers,
  });
  const polls = new Counter({ name: 'netsoakd_polls_total', help: 'Polls that ended.', registers });
  const pollDuration = new Histogram({
    name: 'netsoakd_poll_duration_seconds',
    help: 'From the tick until every namespace is read; includes discovery and waiting for a slow exporter.',
    buckets: SECONDS,
    registers,
  });
  const discoveryDuration = new Histogram({
    name: 'netsoakd_discovery_duration_seconds',
    help: 'Finding the namespaces.',
    buckets: SECONDS,
    registers,
  });
  const lateTicks = new Counter({
    name: 'netsoakd_late_ticks_total',
    help: 'Ticks that found a poll still under way and were dropped.',
    registers,
  });
  let found = 0;
  let known = () => found;
  new Gauge({
    name: 'netsoakd_namespaces',
    help: 'Network namespaces that are there: new ones from the moment they are found, dead ones for a second at most.',
    registers,
    collect() {
      this.set(known());
    },
  });
  const putOff = new Gauge({
    name: 'netsoakd_namespaces_put_off',
    help: 'Namespaces that the last poll left out because they could not be entered of late; each is tried again within five minutes.',
    registers,
  });
  const empty = new Counter({
    name: 'netsoakd_empty_namespaces_skipped_total',
    help: 'Times that a namespace was not dumped because its statistics know no TCP socket.',
    registers,
  });
  const faults = new Counter({
    name: 'netsoakd_dump_faults_total',
    help: 'What went wrong with dumps, also when a second one made it good: interrupted, lost (ENOBUFS), truncated, malformed, silent, refused, send, receive, closed; late and stranger messages, which were passed over.',
    labelNames: ['fault'],
    registers,
  });
  const denied = new Gauge({
    name: 'netsoakd_processes_denied',
    help: 'Processes whose namespace may not be looked at (ptrace access).',
    registers,
  });
  const unread = new Counter({
    name: 'netsoakd_namespace_dir_errors_total',
    help: 'Times that a directory of namespace-dirs was there and could not be read: its bind mounts are not found.',
    registers,
  });
  const failures = new Counter({
    name: 'netsoakd_namespace_errors_total',
    help: 'Namespaces that a poll could not read. Status gone is a namespace deleted between discovery and reading: no error.',
    labelNames: ['status', 'step'],
    registers,
  });
  const interrupted = new Counter({
    name: 'netsoakd_interrupted_dumps_total',
    help: 'Dumps that the kernel called inconsistent (NLM_F_DUMP_INTR), even when repeated.',
    registers,
  });
  const duplicates = new Counter({
    name: 'netsoakd_duplicate_sockets_total',
    help: 'Sockets that the kernel sent twice in one dump; left out once.',
    registers,
  });
  const sampledOut = new Counter({
    name: 'netsoakd_sampled_out_sockets_total',
    help: 'Sockets that a poll read and left out because of `sample`.',
    registers,
  });
  const unknown = new Counter({
    name: 'netsoakd_unknown_attributes_total',
    help: 'Attributes from a kernel newer than this version: attr (unknown), tail (longer than known), short (too short).',
    labelNames: ['kind', 'type', 'length'],
    registers,
  });

  const reloads = new Counter({
    name: 'netsoakd_config_reloads_total',
    help: 'Times that the configuration was read again: taken (over) or refused.',
    labelNames: ['result'],
    registers,
  });
  for (const result of ['taken', 'refused']) reloads.inc({ result }, 0);
  const reloadedWell = new Gauge({
    name: 'netsoakd_config_last_reload_successful',
    help: '0 when the configuration that was read last was refused and an older one is in force.',
    registers,
  });
  reloadedWell.set(1);

  return {
    registry,
    reloaded(taken) {
      reloads.inc({ result: taken ? 'taken' : 'refused' });
      reloadedWell.set(taken ? 1 : 0);
    },
    recorded: (read) => {
      waiting = read;
    },
    tail: (read) => addTailMetrics(registers, read),
    paced: (read) => {
      new Gauge({
        name: 'netsoakd_poll_interval_seconds',
        help: 'From the start of a poll to that of the next; 0: polls are made by order only.',
        registers,
        collect() {
          this.set(read());
        },
      });
    },
    retried: () => retries.inc(),
    late: (ticks) => lateTicks.inc(ticks),
    discovered(seconds, processesDenied, directoriesUnread) {
      discoveryDuration.observe(seconds);
      denied.set(processesDenied);
      unread.inc(directoriesUnread);
    },
    polled(result, seconds) {
      polls.inc();
      pollDuration.observe(seconds);
      found = result.namespaces.length + result.putOff;
      putOff.set(result.putOff);
      empty.inc(result.skippedEmpty);
      for (const [fault, times] of Object.entries(result.faults)) faults.inc({ fault }, times);
      duplicates.inc(result.duplicates);
      sampledOut.inc(result.sampledOut ?? 0);
      for (const namespace of result.namespaces.troubles()) count(namespace);
      for (const [key, times] of Object.entries(result.unknown)) {
        const [kind = '', type = '', length = ''] = key.split(':');
        unknown.inc({ kind, type, length }, times);
      }
    },
    known: (read) => {
      known = read;
    },
    closed: (read) => addClosedMetrics(registers, read),
  };

  function count({ status, step, interrupted: torn }: NamespaceResult): void {
    if (torn) interrupted.inc();
    if (status !== 'ok') failures.inc({ status, step });
  }
}

function addTailMetrics(registers: Prom.Registry[], read: () => TailCounts): void {
  new Gauge({
    name: 'netsoakd_tail_clients',
    help: 'Clients that watch rows as they come (netsoakd tail).',
    registers,
    collect() {
      this.set(read().watchers);
    },
  });
  new Counter({
    name: 'netsoakd_tail_rows_total',
    help: 'Rows handed to clients that watch.',
    registers,
    collect() {
      this.reset();
      this.inc(read().sent);
    },
  });
  new Counter({
    name: 'netsoakd_tail_rows_lost_total',
    help: 'Rows that clients were too slow for: theirs alone, the export has them.',
    registers,
    collect() {
      this.reset();
      this.inc(read().lost);
    },
  });
}

/** Only with closed = true: without a listener there is nothing to count. */
function addClosedMetrics(registers: Prom.Registry[], read: () => DestroyCounters): void {
  new Counter({
    name: 'netsoakd_closed_events_total',
    help: 'Notifications of closed sockets, by what became of them: row, filtered, sampled_out, unknown_namespace, undecoded, dropped.',
    labelNames: ['outcome'],
    registers,
    collect() {
      const { rows, filtered, sampledOut, unknownNamespace, undecoded, dropped } = read();
      const outcomes = { row: rows, filtered, sampled_out: sampledOut, unknown_namespace: unknownNamespace, undecoded, dropped };
      this.reset();
      for (const [outcome, events] of Object.entries(outcomes)) this.inc({ outcome }, events);
    },
  });
  new Counter({
    name: 'netsoakd_closed_events_lost_total',
    help: 'Notifications of closed sockets that the kernel dropped because nobody read them in time: nothing brings them back.',
    registers,
    collect() {
      this.reset();
      this.inc(read().lost);
    },
  });
  new Gauge({
    name: 'netsoakd_closed_namespaces',
    help: 'Namespaces whose closed sockets are listened to.',
    registers,
    collect() {
      this.set(read().namespaces);
    },
  });
}
