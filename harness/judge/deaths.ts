/**
 * How namespaces die, as series: of each second the longest. A line for each was 10 of the 16 that the conductor stored a second at the usual churn,
 * and grows with it.
 */
import type { SeriesPoint } from '../facts/events.js';
import type { LedgerLine } from '../facts/ledger.js';

export class Deaths {
  #goneSeconds: number | null = null;
  #heldSeconds: number | null = null;

  line({ afterSeconds, heldSeconds }: Extract<LedgerLine, { kind: 'netns-gone' | 'netns-pinned' }>): void {
    this.#goneSeconds = Math.max(this.#goneSeconds ?? 0, afterSeconds);
    if (heldSeconds !== null) this.#heldSeconds = Math.max(this.#heldSeconds ?? 0, heldSeconds);
  }

  /** Of those told since it was taken last; nothing where there was none. Held is null where nobody could say it of any. */
  take(): SeriesPoint['v'] {
    const longest = this.#goneSeconds === null ? {} : { 'load.goneSeconds': this.#goneSeconds, 'load.heldSeconds': this.#heldSeconds };
    this.#goneSeconds = null;
    this.#heldSeconds = null;
    return longest;
  }
}
