/**
 * Who starts a poll: the ticker at its interval, or somebody by order. One poll at a time, whoever asked for it; a tick that finds one
 * under way or waiting is late and dropped, an order waits for its turn.
 */
import { type Clock, monotonic, startTicker, type Ticker } from './ticker.js';

export interface LoopParts<Result> {
  /** 0: only by order. */
  readonly intervalMs: number;
  readonly jitter: number;
  readonly poll: () => Promise<Result>;
  readonly late: (ticks: number) => void;
  readonly clock?: Clock;
}

export class PollLoop<Result> {
  private ticker: Ticker | undefined;
  private turn: Promise<unknown> = Promise.resolve();
  private waiting = 0;
  private stopped = false;
  private pace: { readonly intervalMs: number; readonly jitter: number };

  constructor(private readonly parts: LoopParts<Result>) {
    this.pace = parts;
  }

  /** The first poll comes at once (plus jitter). */
  start(): void {
    this.tick();
  }

  /** 0 when nothing but orders start a poll. */
  get intervalMs(): number {
    return this.pace.intervalMs;
  }

  get jitter(): number {
    return this.pace.jitter;
  }

  /** Polls at once and at the new interval from then on; 0 stops the ticks. */
  setPace(intervalMs: number, jitter = this.pace.jitter): void {
    if (this.stopped) return;
    void this.ticker?.stop();
    this.pace = { intervalMs, jitter };
    this.tick();
  }

  /** One poll, as soon as those before it have ended. @throws Error when the daemon is stopping */
  now(): Promise<Result> {
    return this.exclusively(this.parts.poll);
  }

  /** So many polls one after the other, `everyMs` from start to start, or at once when one took longer. */
  async burst(polls: number, everyMs: number): Promise<Result[]> {
    const clock = this.parts.clock ?? monotonic;
    const results: Result[] = [];
    let next = clock.now();
    while (results.length < polls) {
      const wait = next - clock.now();
      if (wait > 0) await new Promise<void>((resolve) => clock.after(wait, resolve));
      next = Math.max(next, clock.now()) + everyMs;
      results.push(await this.now());
    }
    return results;
  }

  /** Runs while no poll does. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.stopped) return Promise.reject(new Error('netsoakd is stopping'));
    this.waiting++;
    const done = this.turn.then(work).finally(() => {
      this.waiting--;
    });
    this.turn = done.catch(() => {});
    return done;
  }

  /** No further poll; resolves when the one under way has ended. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all([this.ticker?.stop(), this.turn]);
  }

  private tick(): void {
    const { intervalMs, jitter } = this.pace;
    this.ticker =
      intervalMs === 0
        ? undefined
        : startTicker({
            intervalMs,
            jitter,
            late: this.parts.late,
            clock: this.parts.clock ?? monotonic,
            work: async () => {
              if (this.waiting > 0) this.parts.late(1);
              else await this.now().catch(() => {});
            },
          });
  }
}
