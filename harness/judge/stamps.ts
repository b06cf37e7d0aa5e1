/**
 * Do a subject's time stamps tell the target's time? A stamp lies before its arrival, and of several polls in a row one at least comes at once:
 * what all of them are late by is the clock of the subject, not the way. The row stamped last in what came first is taken, since a poll may take
 * its time to begin sending.
 */
import type { Poll } from './polls.js';

/** Two clocks and a slow guest lie between a stamp and its arrival; the ledger tells the target's clock within a fraction of a second. */
const SLACK_SECONDS = 1;
/** Polls in a row that are late before it is the clock; a subject that is stopped or starved is late a few times. */
const WINDOW = 10;

export class Stamps {
  readonly #late: number[] = [];
  readonly #slackNs: number;

  constructor(intervalNs: number) {
    this.#slackNs = SLACK_SECONDS * 1e9 + intervalNs;
  }

  /**
   * What is wrong with the stamps of a poll of which the first rows have just arrived, or undefined.
   * @param spanNs from the poll's beginning to the latest stamp among those rows
   * @param clockNs what the target's clock says now
   */
  judge({ id, beganNs, spanNs }: Pick<Poll, 'id' | 'beganNs' | 'spanNs'>, clockNs: number): string | undefined {
    if (this.#late.push(clockNs - beganNs - spanNs) > WINDOW) this.#late.shift();
    const aheadNs = beganNs - clockNs;
    if (aheadNs > this.#slackNs) return `poll ${id} is stamped ${seconds(aheadNs)} ahead of the target's clock`;
    const least = Math.min(...this.#late);
    if (this.#late.length < WINDOW || least <= this.#slackNs) return undefined;
    return `poll ${id} and the ${WINDOW - 1} before it are stamped ${seconds(least)} and more behind the target's clock`;
  }
}

function seconds(ns: number): string {
  return `${(ns / 1e9).toFixed(1)} s`;
}
