/**
 * Were the churned namespaces seen at all? Of those that lived long enough inside the measured phase for a poll to
 * fall wholly into their life, how many had a row under their right name. Also forgets namespaces that are long gone, so that
 * twelve hours of churn take no more memory than a minute.
 */
import type { SeriesPoint } from '../facts/events.js';
import type { LedgerState, Space } from './ledger-state.js';

/** Two intervals hold one whole poll wherever it starts; half a one for the reading itself. */
const INTERVALS_TO_BE_FOUND = 2.5;
/** Rows of a dead namespace that arrive later than this are strangers. */
const REMEMBERED_INTERVALS = 20;

export class ChurnCoverage {
  #eligible = 0;
  #seen = 0;
  #dead: Space[] = [];

  constructor(private readonly intervalNs: number) {}

  /** All polls that began before `ns` have been judged. */
  settle(ledger: LedgerState, ns: number, measure: { readonly fromNs: number; readonly toNs: number }): void {
    for (const space of ledger.takeDeletedBefore(ns)) {
      const whole = space.bornNs >= measure.fromNs && space.deletedNs <= measure.toNs;
      if (whole && space.deletedNs - space.bornNs >= INTERVALS_TO_BE_FOUND * this.intervalNs) {
        this.#eligible++;
        if (space.seen) this.#seen++;
      }
      this.#dead.push(space);
    }
    const keep = this.#dead.findIndex((space) => space.deletedNs >= ns - REMEMBERED_INTERVALS * this.intervalNs);
    for (const space of this.#dead.splice(0, keep < 0 ? this.#dead.length : keep)) ledger.forget(space);
  }

  series(): SeriesPoint['v'] {
    return { 'churn.eligible': this.#eligible, 'churn.seen': this.#seen };
  }
}
