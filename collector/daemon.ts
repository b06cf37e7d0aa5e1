/** The daemon put together: ticker -> poller -> outbox -> exporter, metrics beside it, and an orderly end. */
import { stat } from 'node:fs/promises';
import type { Registry } from 'prom-client';
import type { Envelope } from '../native/index.js';
import { ClosedRows } from './closed.js';
import { type Config, rotationOf, spoolOf } from './config.js';
import { serveControl } from './control/socket.js';
import { Tail } from './control/tail.js';
import { controlWords } from './control/words.js';
import { checkCredentials, readCredentials } from './credentials.js';
import { openDelivery } from './delivery.js';
import { CollectorError, EXIT, type ExitCode, Fault } from './errors.js';
import { serve } from './http.js';
import { type Log, type Logger, rateLimited } from './log.js';
import { PollLoop } from './loop.js';
import { createMetrics } from './metrics.js';
import { Books } from './outbox.js';
import { Poller } from './poller.js';
import { openPollRecords } from './polls.js';
import { listenerFault, openConfiguredListener, openConfiguredReader } from './reading.js';
import { reconcilesAnything } from './reconcile/settings.js';
import type { Reconcilers } from './reconcile/start.js';
import { Reloader } from './reload.js';
import { dropRights, missingRights, requireRights } from './rights.js';
import { NamespaceWatch } from './watch.js';

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

export interface DaemonOptions extends StopSignals {
  readonly config: Config;
  /** Flags and file, read again. @throws CollectorError */
  readonly readConfig: () => Promise<Config>;
  /** Calls whenever the configuration is to be read again. */
  readonly onReload: (reload: () => void) => void;
  readonly version: string;
  readonly log: Logger;
}

/**
 * Runs until `stop` is aborted or nothing more can be done.
 * @throws CollectorError when it can't start
 */
export async function runDaemon({ config, readConfig, onReload, version, log, stop, hurry }: DaemonOptions): Promise<ExitCode> {
  requireRights();
  // libuv starts its four threads at the first piece of work, whenever that is. Have them now, so that the number of threads
  // says nothing but how many workers there are. (Node 20's module loader happens to start them too; that is no promise.)
  await stat('/');
  for (const sentence of missingRights(config)) log('warn', sentence);
  // Before anything is opened: what will be out of reach later shall fail now.
  dropRights(config, log);
  await checkCredentials(config);

  const books = new Books();
  const metrics = createMetrics(books, version);
  const warnings = rateLimited(log);
  const end = new Ending(stop);
  const delivery = await openDelivery(
    {
      target: config.export,
      format: config.format,
      rotation: rotationOf(config),
      spool: spoolOf(config),
      books,
      hostname: config.hostname,
      longest: config['flush-bytes'],
      credentials: () => readCredentials(config),
    },
    {
      retried: (failure, pauseMs) => {
        metrics.retried();
        warnings('warn', 'an envelope was not taken; trying again', { cause: failure.message, pauseMs: Math.round(pauseMs) });
      },
      dropped: (failure, rows) => warnings('warn', 'rows dropped', { reason: failure.reason, rows, cause: failure.message }),
      broken: (failure) => end.fail(new Fault(`export-${failure.reason}`, failure.message, '', 'infra')),
      lost: (reason, rows) => warnings('warn', 'rows of the spool are lost', { reason, rows }),
      noticed: (sentence) => warnings('warn', sentence),
    },
  );
  const { outbox } = delivery;
  if (books.rowsRecovered > 0) log('info', 'rows of an earlier run wait in the spool', { rows: books.rowsRecovered });
  const records = await openPollRecords(config, outbox, {
    dropped: (failure) => warnings('warn', 'a record of a poll was dropped', { cause: failure.message }),
    broken: (failure) => end.fail(new Fault('polls', failure.message, '', 'infra')),
    absent: (sentence) => log('warn', 'polls leave no records', { cause: sentence }),
    retried: (failure) => warnings('warn', 'a record of a poll was not taken; trying again', { cause: failure.message }),
    lost: () => warnings('warn', 'records of polls in the spool are lost'),
    noticed: (sentence) => warnings('warn', sentence),
  });
  metrics.recorded(() => records.waiting);
  const watchIn = (dirs: readonly string[]) =>
    new NamespaceWatch({ dirs, ...(config.closed ? { eager: true, appeared: (namespaces) => closed?.announce(namespaces) } : {}) });
  let watch = watchIn(config['namespace-dirs']);
  metrics.known(() => watch.size);
  const find = () => watch.find();
  const format = config.format === 'jsonl' ? 'jsonl' : 'protobuf';
  const tail = new Tail(format);
  metrics.tail(() => tail.counts);
  const intake = {
    push(envelope: Envelope) {
      tail.show(envelope.bytes);
      outbox.push(envelope);
    },
  };
  let closed: ClosedRows | undefined;
  closed = config.closed
    ? await ClosedRows.open({
        open: (events) => openConfiguredListener(config, version, format, events),
        find,
        push: intake.push,
        failed: (error) => end.fail(listenerFault(error)),
        log: warnings,
      })
    : undefined;
  if (closed !== undefined) metrics.closed(() => closed.counters());
  const readerOf = (settings: Config) => (onEnvelope: (envelope: Envelope) => void) =>
    openConfiguredReader(settings, version, format, onEnvelope);
  const poller = new Poller({
    find,
    open: readerOf(config),
    outbox: intake,
    announce: (namespaces) => closed?.announce(namespaces),
    gone: (namespace) => watch.gone(namespace),
    metrics,
    log: warnings,
  });
  const reconcilers = reconcilesAnything(config) ? await openReconcilers(config, log, metrics.registry, stop) : undefined;
  const unready = () => {
    if (end.reached) return 'stopping';
    return [...latePoll(poller.age, loop.intervalMs), ...(reconcilers?.unhealthy() ?? [])].join('; ');
  };
  const loop = new PollLoop({
    intervalMs: config.interval,
    jitter: config.jitter,
    late: metrics.late,
    async poll() {
      const result = await poller.poll().catch((error: unknown) => {
        end.fail(error);
        throw error;
      });
      records.add(result);
      return result;
    },
  });
  const endpoint = config.metrics === 'off' ? undefined : await serve(config.metrics, metrics.registry, unready);
  metrics.paced(() => loop.intervalMs / 1_000);
  const reloader = new Reloader({
    running: config,
    async read() {
      const next = await readConfig();
      await checkCredentials(next);
      return next;
    },
    loop,
    reopen: (next) => poller.reopen(readerOf(next)),
    lookIn(dirs) {
      watch.close();
      watch = watchIn(dirs);
    },
    reconcilers,
    reloaded: metrics.reloaded,
    log,
  });
  const status = () => ({
    version,
    pid: process.pid,
    unready: unready(),
    intervalMs: loop.intervalMs,
    rows: rowsOf(books),
    tail: tail.counts,
  });
  const control =
    config['control-socket'] === ''
      ? undefined
      : await serveControl(
          config['control-socket'],
          controlWords({ loop, status, reload: () => reloader.reload(), tail: (filter) => tail.open(filter), reconcilers }),
        );
  // Refusals are logged where they happen.
  onReload(() => void reloader.reload().catch(() => {}));

  log('info', 'started', { version, pid: process.pid, interval: `${config.interval}ms`, workers: config.workers, format: config.format });
  if (endpoint !== undefined) log('info', 'listening', { metrics: endpoint.url });

  loop.start();

  await end.whenReached;
  watch.close();
  const closing = Promise.all([loop.stop(), control?.close()]).then(async () => {
    await Promise.all([poller.close(), closed?.close(), reconcilers?.close()]);
    await Promise.all([outbox.flushed(), records.flushed()]);
  });
  let flushed = await within(FLUSH_LIMIT_MS, closing, hurry);
  if (!flushed) {
    const before = outbox.dropped;
    // Dropping what waits gives the workers their blocks back, which ends a poll that was waiting for them.
    outbox.discard('shutdown');
    // A second signal may find nothing that waits: then nothing was lost by it.
    flushed = (await within(CLOSE_LIMIT_MS, Promise.all([delivery.close(), closing]))) && outbox.dropped === before;
  }
  await within(CLOSE_LIMIT_MS, Promise.all([delivery.close(), records.close(), endpoint?.close()]));
  return conclude(log, books, end.failure, flushed);
}

/** What is wrong with the age of the last poll, nothing when polls are made by order only. */
function latePoll(age: number | undefined, intervalMs: number): readonly string[] {
  if (age === undefined) return ['no poll has ended yet'];
  // Jitter moves an end by up to half an interval; a poll may last one.
  const limit = intervalMs === 0 ? Number.POSITIVE_INFINITY : Math.max(5, (3 * intervalMs) / 1_000);
  return age <= limit ? [] : [`no poll has ended for ${age.toFixed(1)} s`];
}

/** Loaded only by those who reconcile anything. */
async function openReconcilers(config: Config, log: Log, registry: Registry, signal: AbortSignal): Promise<Reconcilers> {
  const [{ startReconcilers }, { reconcileFault }] = await Promise.all([import('./reconcile/start.js'), import('./reconcile/faults.js')]);
  return startReconcilers({ config, log, registry, signal }).catch((error: unknown) => {
    throw reconcileFault(error);
  });
}

function rowsOf(books: Books) {
  const { rowsRead, rowsExported, allDropped: rowsDropped, rowsInMemory, rowsRecovered, rowsInSpool } = books;
  const spooled = books.spool === undefined ? {} : { rowsRecovered, rowsInSpool };
  return { rowsRead, rowsExported, rowsDropped, rowsInMemory, ...spooled };
}

function conclude(log: Log, books: Books, failure: CollectorError | undefined, flushed: boolean): ExitCode {
  if (failure !== undefined) log('error', failure.message, { code: failure.code, hint: failure.hint === '' ? undefined : failure.hint });
  const lost = (books.rowsDropped.get('shutdown') ?? 0) + books.rowsInMemory;
  if (!flushed) log('error', 'stopped before all rows were handed on', { lost });
  log('info', 'stopped', rowsOf(books));
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
