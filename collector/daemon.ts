/** The daemon put together: ticker -> poller -> outbox -> exporter, metrics beside it, and an orderly end. */
import { stat } from 'node:fs/promises';
import type { Registry } from 'prom-client';
import { ClosedRows } from './closed.js';
import { type Config, rotationOf } from './config.js';
import { CollectorError, EXIT, type ExitCode, Fault } from './errors.js';
import { openExporter } from './export/exporter.js';
import { serve } from './http.js';
import { type Log, rateLimited } from './log.js';
import { createMetrics } from './metrics.js';
import { discover } from './namespaces.js';
import { Books, Outbox } from './outbox.js';
import { Poller } from './poller.js';
import { openPollRecords } from './polls.js';
import { listenerFault, openConfiguredListener, openConfiguredReader } from './reading.js';
import { reconcilesAnything } from './reconcile/settings.js';
import type { Reconcilers } from './reconcile/start.js';
import { requireRights } from './rights.js';
import { startTicker } from './ticker.js';

/** How long a stop waits for the poll under way and for an exporter that does not take its rows. */
const FLUSH_LIMIT_MS = 10_000;
/** How long, after that, for everything to let go. */
const CLOSE_LIMIT_MS = 3_000;

export interface StopSignals {
  /** End in order. */
  readonly stop: AbortSignal;
  /** Do not wait for the exporter any longer. */
  readonly hurry: AbortSignal;
}

/**
 * Runs until `stop` is aborted or nothing more can be done.
 * @throws CollectorError when it can't start
 */
export async function runDaemon(config: Config, version: string, log: Log, { stop, hurry }: StopSignals): Promise<ExitCode> {
  requireRights();
  // libuv starts its four threads at the first piece of work, whenever that is. Have them now, so that the number of threads
  // says nothing but how many workers there are. (Node 20's module loader happens to start them too; that is no promise.)
  await stat('/');

  const books = new Books();
  const metrics = createMetrics(books, version);
  const warnings = rateLimited(log);
  const end = new Ending(stop);
  const exporter = await openExporter(config.export, config.format, {
    rotation: rotationOf(config),
    retried: (failure, pauseMs) => {
      metrics.retried();
      warnings('warn', 'an envelope was not taken; trying again', { cause: failure.message, pauseMs: Math.round(pauseMs) });
    },
  });
  const outbox = new Outbox(exporter, books, {
    dropped: (failure, rows) => warnings('warn', 'rows dropped', { reason: failure.reason, rows, cause: failure.message }),
    broken: (failure) => end.fail(new Fault(`export-${failure.reason}`, failure.message, '', 'infra')),
  });
  const records = await openPollRecords(config, outbox, {
    dropped: (failure) => warnings('warn', 'a record of a poll was dropped', { cause: failure.message }),
    broken: (failure) => end.fail(new Fault('polls', failure.message, '', 'infra')),
  });
  const find = () => discover(config['namespace-dirs']);
  const format = config.format === 'jsonl' ? 'jsonl' : 'protobuf';
  const closed = config.closed
    ? await ClosedRows.open({
        open: (events) => openConfiguredListener(config, version, format, events),
        find,
        push: (envelope) => outbox.push(envelope),
        failed: (error) => end.fail(listenerFault(error)),
        log: warnings,
      })
    : undefined;
  if (closed !== undefined) metrics.closed(() => closed.counters());
  const poller = new Poller({
    find,
    open: (onEnvelope) => openConfiguredReader(config, version, format, onEnvelope),
    outbox,
    announce: (namespaces) => closed?.announce(namespaces),
    metrics,
    log: warnings,
  });
  const reconcilers = reconcilesAnything(config) ? await openReconcilers(config, log, metrics.registry, stop) : undefined;
  const endpoint = config.metrics === 'off' ? undefined : await serve(config.metrics, metrics.registry, () => unready());
  const unready = () => {
    if (end.reached) return 'stopping';
    if (poller.age === undefined) return 'no poll has ended yet';
    // Jitter moves an end by up to half an interval; a poll may last one.
    const limit = Math.max(5, (3 * config.interval) / 1_000);
    const late = poller.age <= limit ? [] : [`no poll has ended for ${poller.age.toFixed(1)} s`];
    return [...late, ...(reconcilers?.unhealthy() ?? [])].join('; ');
  };

  log('info', 'started', { version, pid: process.pid, interval: `${config.interval}ms`, workers: config.workers, format: config.format });
  if (endpoint !== undefined) log('info', 'listening', { metrics: endpoint.url });
  const ticker = startTicker({
    intervalMs: config.interval,
    jitter: config.jitter,
    late: (ticks) => metrics.late(ticks),
    work: async () => {
      await poller.poll().then(records.add, (error: unknown) => end.fail(error));
    },
  });

  await end.whenReached;
  const closing = ticker.stop().then(async () => {
    await Promise.all([poller.close(), closed?.close(), reconcilers?.close()]);
    await Promise.all([outbox.flushed(), records.flushed()]);
  });
  const flushed = await within(FLUSH_LIMIT_MS, closing, hurry);
  if (!flushed) {
    // Dropping what waits gives the workers their blocks back, which ends a poll that was waiting for them.
    outbox.discard('shutdown');
    await within(CLOSE_LIMIT_MS, Promise.all([exporter.close(), closing]));
  }
  await within(CLOSE_LIMIT_MS, Promise.all([exporter.close(), records.close(), endpoint?.close()]));
  return conclude(log, books, end.failure, flushed);
}

/** Loaded only by those who reconcile anything. */
async function openReconcilers(config: Config, log: Log, registry: Registry, signal: AbortSignal): Promise<Reconcilers> {
  const [{ startReconcilers }, { reconcileFault }] = await Promise.all([import('./reconcile/start.js'), import('./reconcile/faults.js')]);
  return startReconcilers({ config, log, registry, signal }).catch((error: unknown) => {
    throw reconcileFault(error);
  });
}

function conclude(log: Log, books: Books, failure: CollectorError | undefined, flushed: boolean): ExitCode {
  if (failure !== undefined) log('error', failure.message, { code: failure.code, hint: failure.hint === '' ? undefined : failure.hint });
  const lost = (books.rowsDropped.get('shutdown') ?? 0) + books.rowsInMemory;
  if (!flushed) log('error', 'stopped before all rows were handed on', { lost });
  log('info', 'stopped', {
    rowsRead: books.rowsRead,
    rowsExported: books.rowsExported,
    rowsDropped: books.allDropped,
    rowsInMemory: books.rowsInMemory,
  });
  return failure?.exitCode ?? (flushed ? EXIT.ok : EXIT.fault);
}

/** Why the daemon ends: it was told to, or it can't go on. The first failure is the one to tell. */
class Ending {
  failure: CollectorError | undefined;
  readonly whenReached: Promise<void>;
  private reach: () => void = () => {};

  constructor(private readonly stop: AbortSignal) {
    this.whenReached = new Promise((resolve) => {
      this.reach = resolve;
    });
    if (stop.aborted) this.reach();
    else stop.addEventListener('abort', () => this.reach(), { once: true });
  }

  get reached(): boolean {
    return this.stop.aborted || this.failure !== undefined;
  }

  fail(error: unknown): void {
    this.failure ??=
      error instanceof CollectorError ? error : new Fault('internal', error instanceof Error ? error.message : String(error));
    this.reach();
  }
}

/** Whether `work` was done within the limit and before `hurry`. */
async function within(limitMs: number, work: Promise<unknown>, hurry?: AbortSignal): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const given = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
    if (hurry?.aborted === true) resolve(false);
    hurry?.addEventListener('abort', () => resolve(false), { once: true });
  });
  const done = await Promise.race([work.then(() => true), given]);
  clearTimeout(timer);
  return done;
}
