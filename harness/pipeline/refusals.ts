/**
 * What a database refused because it had reached its memory bound, looked at again and again: pure. A query that was refused is asked again,
 * and messages are read again, so one refusal costs nothing but must be told; a database that refuses and does not get on any more has fallen.
 */

export interface Look {
  /** Since the database was started. */
  readonly refused: number;
  /** Rows that came into the table. */
  readonly rows: number;
  /** The last refusal in its own words. */
  readonly words: string;
}

/** Looks in a row, five seconds apart, at each of which it had refused again and the table had not grown. */
const STUCK_LOOKS = 8;

export class Refusals {
  #last: Look = { refused: 0, rows: -1, words: '' };
  #looks = 0;

  /** @returns what is to be told, if anything; `stuck`: it does not get on */
  look(now: Look): { readonly words: string; readonly stuck: boolean } | undefined {
    const before = this.#last;
    this.#last = now;
    // One that was started again counts anew.
    const refused = now.refused < before.refused ? now.refused : now.refused - before.refused;
    this.#looks = refused > 0 && now.rows === before.rows ? this.#looks + 1 : 0;
    if (refused === 0) return undefined;
    return { words: `ClickHouse refused ${refused} times for lack of memory: ${now.words}`, stuck: this.#looks >= STUCK_LOOKS };
  }
}
