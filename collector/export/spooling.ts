/**
 * Keeps rows for a far end that does not take them, on disk. An envelope goes to the far end as long as that acknowledges; one that it
 * did not take, or not soon enough, goes to the spool, and so does every one behind it until the spool is empty again: order is kept, and
 * polls wait for the disk at most, never for the far end. Delivery is at least once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from './backoff.js';
import { type Exporter, ExportFailure } from './exporter.js';
import type { RetryOptions } from './retrying.js';
import type { Spool } from './spool/spool.js';

/** How long an envelope may hold up those behind it before the spool takes them all. */
const SLOW_MS = 2_000;

export interface SpoolingOptions extends RetryOptions {
  /** A record of the spool was acknowledged. */
  readonly delivered: (rows: number, bytes: number) => void;
  /** A record of the spool was given up: the far end refuses it. */
  readonly dropped: (failure: ExportFailure, rows: number) => void;
  readonly slowMs?: number;
}

interface UnderWay {
  /** Of the record in the spool. */
  readonly name: string;
  readonly attempt: Promise<ExportFailure | undefined>;
}

export class Spooling {
  private readonly closing = new AbortController();
  private readonly random: () => number;
  private readonly pause: (ms: number, signal: AbortSignal) => Promise<unknown>;
  /** An envelope that goes to the far end past the spool lives here, since its block must go back before a slow one is taken. */
  private copy = Buffer.alloc(0);
  private direct: Promise<unknown> | undefined;
  private draining: Promise<void> | undefined;

  constructor(
    private readonly inner: Exporter,
    readonly spool: Spool,
    private readonly options: SpoolingOptions,
  ) {
    this.random = options.random ?? Math.random;
    this.pause = options.pause ?? ((ms, signal) => sleep(ms, undefined, { signal }));
    // Rows of an earlier run come first.
    if (!spool.empty) this.drain();
  }

  /**
   * Hands on one envelope, behind the one before; one at a time.
   * @param checksum its CRC-32, when somebody took it already
   * @returns whether the far end has it, or the spool
   * @throws ExportFailure when neither has: the far end refuses it, or it could not be spooled
   */
  write(envelope: Buffer, rows: number, checksum?: number): Promise<'acknowledged' | 'spooled'> {
    const fate = this.take(envelope, rows, checksum);
    this.direct = fate.catch(() => {});
    return fate;
  }

  /** What the far end has not taken stays in the spool. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.inner.close();
    await this.direct;
    await this.draining;
    await this.spool.close();
  }

  private async take(envelope: Buffer, rows: number, checksum: number | undefined): Promise<'acknowledged' | 'spooled'> {
    if (this.closing.signal.aborted) throw new ExportFailure('closed', 'the spool is closed', true);
    if (this.draining !== undefined) {
      await this.spool.append(envelope, rows, checksum);
      // The last record was acknowledged while this one was written.
      this.drain();
      return 'spooled';
    }
    if (this.copy.length < envelope.length) this.copy = Buffer.allocUnsafeSlow(envelope.length);
    envelope.copy(this.copy);
    const attempt = this.attempt(this.copy.subarray(0, envelope.length), rows);
    const timer = new AbortController();
    const slow = sleep(this.options.slowMs ?? SLOW_MS, 'slow' as const, { signal: timer.signal }).catch(() => 'slow' as const);
    const outcome = await Promise.race([attempt, slow]);
    timer.abort();
    if (outcome === undefined) return 'acknowledged';
    if (outcome !== 'slow' && outcome.reason !== 'unreachable' && !this.closing.signal.aborted) throw outcome;
    let name: string;
    try {
      name = await this.spool.append(envelope, rows, checksum);
    } catch (error) {
      // A slow one is still read from the copy, and may yet be taken.
      if ((await attempt) === undefined) return 'acknowledged';
      throw error;
    }
    this.drain({ name, attempt });
    return 'spooled';
  }

  /** What became of handing it to the far end. */
  private attempt(envelope: Buffer, rows: number): Promise<ExportFailure | undefined> {
    return this.inner.write(envelope, rows).then(
      () => undefined,
      (error: unknown) => (error instanceof ExportFailure ? error : new ExportFailure('unreachable', String(error), false)),
    );
  }

  /** @param first the record that is already on its way */
  private drain(first?: UnderWay): void {
    this.draining ??= this.deliver(first);
  }

  private async deliver(first: UnderWay | undefined): Promise<void> {
    for (let tries = 0; ; ) {
      const record = await this.spool.head();
      if (record === undefined) {
        // An append may have ended since the spool was found empty, and relies on us.
        if (!this.spool.empty) continue;
        // What is under way reads the copy, which the next envelope will overwrite.
        await first?.attempt;
        first = undefined;
        if (!this.spool.empty) continue;
        this.draining = undefined;
        return;
      }
      const { name, envelope, rows } = record;
      const underWay = await first?.attempt;
      // The spool may have pushed out the record that was under way: then this is another one.
      const failure = first?.name === name ? underWay : await this.attempt(envelope, rows);
      first = undefined;
      if (failure === undefined) {
        tries = 0;
        // Both books in one turn of the event loop.
        const done = this.spool.done();
        this.options.delivered(rows, envelope.length);
        await done;
      } else if (this.closing.signal.aborted) return;
      else if (failure.reason === 'unreachable') {
        const pauseMs = backoffMs(tries++, this.random());
        this.options.retried(failure, pauseMs);
        await this.pause(pauseMs, this.closing.signal).catch(() => {});
        if (this.closing.signal.aborted) return;
      } else {
        tries = 0;
        const done = this.spool.done();
        this.options.dropped(failure, rows);
        await done;
      }
    }
  }
}
