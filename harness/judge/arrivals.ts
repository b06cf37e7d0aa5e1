/**
 * Rows on their way into the judge, in their order. After a step of the target's clock they may overtake the ledger's first word of it, and would be
 * taken for late ones or for ones of another day; so those that do not agree with the clock wait a moment for it.
 */
import type { JudgeRow } from './row.js';

/** The ledger's lines come once a second, later from a slow target. */
const STEP_TOLD_SECONDS = 3;

/** Rows of one envelope. */
export interface Arrival {
  readonly start: number;
  readonly rows: readonly JudgeRow[];
  /** When they came, seconds of our clock. */
  readonly now: number;
  readonly way: 'live' | 'held';
  /** Whether the measured phase went on then. */
  readonly measured: boolean;
}

export class Arrivals {
  readonly #waiting: Arrival[] = [];

  /** @param offNs further than this from the target's clock no poll begins */
  constructor(
    private readonly offNs: number,
    private readonly clockNs: (now: number) => number,
  ) {}

  push(arrival: Arrival): void {
    this.#waiting.push(arrival);
  }

  /** The oldest, if it agrees with the clock or has waited for long enough. */
  take(now: number): Arrival | undefined {
    const [first] = this.#waiting;
    return first && (now - first.now >= STEP_TOLD_SECONDS || this.#agrees(first)) ? this.#waiting.shift() : undefined;
  }

  /** Nothing more will be heard that they could wait for. */
  takeAll(): Arrival[] {
    return this.#waiting.splice(0);
  }

  #agrees({ rows, now, way }: Arrival): boolean {
    // Those that were held may have begun long ago.
    if (way === 'held') return true;
    const clockNs = this.clockNs(now);
    return [rows[0], rows.at(-1)].every((row) => row === undefined || Math.abs(Number(row.poll) - clockNs) < this.offNs);
  }
}
