/**
 * Sorts rows into polls and tells when a poll is whole: when a later one of the same start has begun, or its start has
 * ended. Silence alone ends none: a subject that was stopped for a while goes on with the poll it was in.
 */
import type { JudgeRow } from './row.js';

export interface Poll {
  /** Decimal text of its `poll_id`. */
  readonly id: string;
  readonly start: number;
  readonly beganNs: number;
  readonly rows: JudgeRow[];
  /** Our clock, seconds. */
  readonly firstArrival: number;
  lastArrival: number;
  /** What the target's clock was then taken to say. */
  arrivedNs: number;
  /** Largest `timestamp_ns - poll_id`. */
  spanNs: number;
  /** The last one of a start that ended: unless that was in order, nobody knows whether it is whole. */
  last: boolean;
}

/** A subject that says the same poll for ever must not fill our memory. */
const MOST_ROWS = 1_000_000;

/** A poll that is older than the newest by more than this, and agrees with the target's clock, is no late one: the clock was set back. */
const SET_BACK_NS = 60e9;

export class Polls {
  readonly #open = new Map<string, Poll>();
  readonly #finished: Poll[] = [];
  /** Newest poll of each start; an older id that is not open any more is late. */
  readonly #newest = new Map<number, number>();
  /** Rows of polls that were judged already, since last asked. */
  #lateRows = 0;

  /** Returns the polls that began with these rows. `clockNs`: what the target's clock says. */
  add(start: number, rows: readonly JudgeRow[], now: number, clockNs: number): Poll[] {
    const began: Poll[] = [];
    let poll: Poll | undefined;
    for (const row of rows) {
      if (poll?.id !== row.poll) poll = this.#open.get(row.poll) ?? this.#begin(start, row.poll, now, clockNs, began);
      if (!poll) {
        this.#lateRows++;
        continue;
      }
      poll.rows.push(row);
      poll.lastArrival = now;
      poll.arrivedNs = clockNs;
      if (row.offsetNs > poll.spanNs) poll.spanNs = row.offsetNs;
    }
    for (const open of this.#open.values()) {
      if (open.beganNs < (this.#newest.get(open.start) ?? 0) || open.rows.length > MOST_ROWS) this.#finish(open);
    }
    return began;
  }

  /** The stream of this start is over. */
  end(start: number): void {
    for (const poll of this.#open.values()) {
      if (poll.start !== start) continue;
      poll.last = true;
      this.#finish(poll);
    }
  }

  endAll(): void {
    for (const start of this.#newest.keys()) this.end(start);
  }

  /** Takes the oldest finished poll if it satisfies `ready`. */
  takeIf(ready: (poll: Poll) => boolean): Poll | undefined {
    const first = this.#finished[0];
    return first && ready(first) ? this.#finished.shift() : undefined;
  }

  takeLateRows(): number {
    const count = this.#lateRows;
    this.#lateRows = 0;
    return count;
  }

  #begin(start: number, id: string, now: number, clockNs: number, began: Poll[]): Poll | undefined {
    const beganNs = Number(id);
    const newest = this.#newest.get(start);
    if (newest !== undefined && beganNs <= newest) {
      const wasSetBack = newest - beganNs > SET_BACK_NS && Math.abs(clockNs - beganNs) < SET_BACK_NS;
      if (!wasSetBack) return undefined;
      // What was open then is over: no later poll will have a larger id for a long time.
      for (const open of this.#open.values()) if (open.start === start) this.#finish(open);
    }
    this.#newest.set(start, beganNs);
    const poll: Poll = { id, start, beganNs, rows: [], firstArrival: now, lastArrival: now, arrivedNs: clockNs, spanNs: 0, last: false };
    this.#open.set(id, poll);
    began.push(poll);
    return poll;
  }

  #finish(poll: Poll): void {
    this.#open.delete(poll.id);
    this.#finished.push(poll);
  }
}
