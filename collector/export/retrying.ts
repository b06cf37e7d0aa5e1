/**
 * Tries an envelope again until the far end takes it, in order: the next one waits. Delivery is at least once, since a far end may
 * have taken what it could not acknowledge. Nothing is copied: what waits stays in the reader's pool, which bounds it in bytes, and when
 * that is full polls wait too (and are counted late).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from './backoff.js';
import { type Exporter, ExportFailure } from './exporter.js';

export interface RetryOptions {
  /** An envelope was not taken and will be tried again after this pause. */
  readonly retried: (failure: ExportFailure, pauseMs: number) => void;
  /** 0 to 1, as Math.random. */
  readonly random?: () => number;
  /** Resolves after so many milliseconds; rejects when aborted. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

export class Retrying implements Exporter {
  private readonly closing = new AbortController();
  private readonly random: () => number;
  private readonly pause: (ms: number, signal: AbortSignal) => Promise<unknown>;

  constructor(
    private readonly inner: Exporter,
    private readonly options: RetryOptions,
  ) {
    this.random = options.random ?? Math.random;
    this.pause = options.pause ?? ((ms, signal) => sleep(ms, undefined, { signal }));
  }

  async write(envelope: Buffer, rows: number): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.inner.write(envelope, rows);
      } catch (error) {
        if (!(error instanceof ExportFailure) || error.reason !== 'unreachable') throw error;
        const pauseMs = backoffMs(attempt, this.random());
        if (!this.closing.signal.aborted) this.options.retried(error, pauseMs);
        await this.pause(pauseMs, this.closing.signal).catch(() => {});
        if (this.closing.signal.aborted) throw new ExportFailure('closed', error.message, true);
      }
    }
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.inner.close();
  }
}
