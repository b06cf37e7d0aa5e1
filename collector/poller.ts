/**
 * One poll: find the namespaces, have them read, keep account. A namespace that fails is counted and
 * holds up nothing: the reader's workers go on with the next one.
 */
import type { Envelope, NamespaceList, NamespaceRef, PollResult, Reader } from '../native/index.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';
import type { Discovery } from './namespaces.js';
import type { Outbox } from './outbox.js';
import { Patience } from './patience.js';
import { requireOneReadable } from './rights.js';

export interface PollerParts {
  readonly find: () => Promise<Discovery>;
  /** Opens the reader; envelopes go to the callback. */
  readonly open: (onEnvelope: (envelope: Envelope) => void) => Reader;
  readonly outbox: Pick<Outbox, 'push'>;
  /** Told of every namespace that was found, before they are read. */
  readonly announce?: (namespaces: NamespaceList) => void;
  /** Told of one that was found and is no more. */
  readonly gone?: (namespace: NamespaceRef) => void;
  readonly metrics: Pick<Metrics, 'discovered' | 'polled'>;
  readonly log: Log;
  /** Seconds, monotonic. */
  readonly now?: () => number;
}

/** A poll with what it left out on purpose. */
export interface Polled extends PollResult {
  /** Namespaces that could not be entered of late and were not tried again yet; they are not in `namespaces`. */
  readonly putOff: number;
}

export class Poller {
  private reader: Reader;
  private readonly now: () => number;
  private arrived = 0;
  private lastEnd: number | undefined;
  private readonly patience: Patience;

  constructor(private readonly parts: PollerParts) {
    this.now = parts.now ?? (() => performance.now() / 1_000);
    this.patience = new Patience(this.now);
    this.reader = this.open(parts.open);
  }

  private open(open: PollerParts['open']): Reader {
    return open((envelope) => {
      this.arrived += envelope.rows;
      this.parts.outbox.push(envelope);
    });
  }

  /** Goes on with another reader. Not while a poll is under way. @throws whatever `open` throws; then nothing has changed */
  async reopen(open: PollerParts['open']): Promise<void> {
    const before = this.reader;
    this.reader = this.open(open);
    await before.close();
  }

  /**
   * Reads every namespace once; its envelopes are in the outbox when this resolves.
   * @throws MissingRight when no namespace may be entered; whatever the reader rejects with
   */
  async poll(): Promise<Polled> {
    const began = this.now();
    const { namespaces, denied, unread } = await this.parts.find();
    const found = this.now();
    this.parts.metrics.discovered(found - began, denied, unread.length);
    for (const { path, errno } of unread) this.parts.log('warn', 'a directory of namespace-dirs can not be read', { path, errno });
    this.parts.announce?.(namespaces);
    this.arrived = 0;
    const due = this.patience.due(namespaces);
    const read = await this.reader.poll(due);
    const result: Polled = { ...read, putOff: namespaces.length - due.length };
    this.lastEnd = this.now();
    this.parts.metrics.polled(result, this.lastEnd - began);
    this.report(result, due);
    requireOneReadable(result.namespaces);
    return result;
  }

  /** Seconds since a poll ended; undefined before the first. */
  get age(): number | undefined {
    return this.lastEnd === undefined ? undefined : this.now() - this.lastEnd;
  }

  close(): Promise<void> {
    return this.reader.close();
  }

  private report(result: PollResult, namespaces: NamespaceList): void {
    const { log } = this.parts;
    if (this.arrived !== result.rows) {
      log('error', 'the reader counts other rows than it handed over', { counted: result.rows, arrived: this.arrived });
    }
    // Those that are read again after a failure are few, and only then all are looked at.
    for (const outcome of this.patience.isWaiting ? result.namespaces : result.namespaces.troubles()) {
      const { index, status, step, errno, detail } = outcome;
      const namespace = namespaces.at(index);
      if (namespace === undefined) continue;
      this.patience.note(namespace, outcome);
      if (status === 'ok') continue;
      const { name, path } = namespace;
      if (status === 'gone') this.parts.gone?.(namespace);
      // Deleted while it was looked for: everyday life of a host with containers.
      if (status === 'gone') log('debug', 'namespace gone', { name, path });
      else log('warn', `a namespace could not be read: ${status} at ${step}`, { name, path, errno, detail });
    }
    log('debug', 'polled', { namespaces: namespaces.length, rows: result.rows, seconds: result.durationSeconds });
  }
}
