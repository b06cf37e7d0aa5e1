/**
 * The one door through which a namespace is written to. Tasks run one after the other in the order of asking, and every single message is
 * checked in the same turn of the event loop in which it is handed to the kernel's queue: still wanted, same epoch, not switched off.
 * So a withdrawal that was asked for after a reinstallation is also done after it, and no lock is held across a system call.
 */
import type { Answer, Rtnl } from '../../native/rtnl/index.js';
import type { Clock } from '../ticker.js';
import { TokenBucket } from './limits.js';
import type { Outcome } from './model.js';

/** A task's way to the kernel. */
export interface Send {
  (message: Uint8Array): Promise<Answer>;
  /** Several at once, which may not depend on one another: each gets an answer of its own, whatever became of the others. */
  all(messages: readonly Uint8Array[]): Promise<readonly Answer[]>;
}

export interface Task<T = Outcome> {
  /** Writes that it is made of, for the rate; 1 unless said. */
  readonly writes?: number;
  /** Asked before every message. False ends the task as `superseded`. */
  stillWanted(): boolean;
  run(send: Send): Promise<T>;
}

/** Outcomes of a task that did not come to its end. */
type Ended = Extract<Outcome, { kind: 'superseded' | 'error' }>;

export interface WriterOptions {
  readonly rtnl: Pick<Rtnl, 'change'>;
  readonly clock: Clock;
  /** Tasks a second after a burst; 0 is unlimited. */
  readonly rate: number;
  readonly burst: number;
}

class Superseded extends Error {}

export class Writer {
  private tail: Promise<unknown> = Promise.resolve();
  private readonly bucket: TokenBucket;
  private closed = false;
  /** Messages handed to the kernel so far. */
  written = 0;

  constructor(private readonly options: WriterOptions) {
    this.bucket = new TokenBucket(options.rate, options.burst, options.clock.now());
  }

  enqueue<T = Outcome>(task: Task<T>): Promise<T | Ended> {
    const result = this.tail.then(() => this.perform(task));
    this.tail = result;
    return result;
  }

  /** Resolves when everything asked for so far is done; what has not begun by then ends as superseded. */
  async close(): Promise<void> {
    this.closed = true;
    await this.tail;
  }

  private async perform<T>(task: Task<T>): Promise<T | Ended> {
    const { clock, rtnl } = this.options;
    const wanted = () => !this.closed && task.stillWanted();
    if (!wanted()) return { kind: 'superseded' };
    const { writes = 1 } = task;
    for (let wait = this.bucket.take(clock.now(), writes); wait > 0; wait = this.bucket.take(clock.now(), writes)) {
      await new Promise<void>((resolve) => clock.after(wait, resolve));
      if (!wanted()) return { kind: 'superseded' };
    }
    const all = async (messages: readonly Uint8Array[]) => {
      if (!wanted()) throw new Superseded();
      this.written += messages.length;
      return rtnl.change(messages);
    };
    const send: Send = Object.assign(async (message: Uint8Array) => ((await all([message])) as readonly [Answer])[0], { all });
    try {
      return await task.run(send);
    } catch (error) {
      if (error instanceof Superseded) return { kind: 'superseded' };
      return { kind: 'error', errno: '', detail: error instanceof Error ? error.message : String(error) };
    }
  }
}
