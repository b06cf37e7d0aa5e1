/**
 * How long to wait for a subject. Time in which the machine did not let it run does not count: a subject that has the processors and is not
 * ready has failed, one that waits for them has not. Nor does a run wait for ever on such a machine; then it is the machine that failed.
 */
import { NetsoakError } from '../errors.js';

/** By the clock, of the limit: below the limits of the steps (scenario-process.ts), which would blame the subject. */
const MOST_LIMITS = 5;
/**
 * Part of the limit for which it must have been over before the subject is blamed. A guest whose host let it stand still finds the time gone at
 * once, and hears only then, from outside, why: that account comes once a second.
 */
const SECOND_THOUGHTS = 1 / 8;

export class Patience {
  readonly #from: { readonly at: number; readonly starved: number };
  #lateSince: number | undefined;

  /**
   * @param starvedSeconds for how long it was starved, since whenever; asked often
   * @param mostLimits the end by the clock, in limits
   */
  constructor(
    readonly limitSeconds: number,
    private readonly starvedSeconds: () => number,
    private readonly mostLimits: number = MOST_LIMITS,
    private readonly now: () => number = () => performance.now() / 1000,
  ) {
    this.#from = { at: now(), starved: starvedSeconds() };
  }

  /** Whose fault it is that it was waited for too long; undefined as long as it was not. To be asked again and again. */
  get over(): 'product' | 'infra' | undefined {
    const now = this.now();
    const passed = now - this.#from.at;
    if (passed - this.starved < this.limitSeconds) this.#lateSince = undefined;
    else this.#lateSince ??= now;
    if (this.#lateSince !== undefined && now - this.#lateSince >= SECOND_THOUGHTS * this.limitSeconds) return 'product';
    return passed >= this.mostLimits * this.limitSeconds ? 'infra' : undefined;
  }

  /** Seconds of it in which the subject was starved. */
  get starved(): number {
    return this.starvedSeconds() - this.#from.starved;
  }

  /** Of a wait that is over. @param what `the subject was not ready (http://...)` */
  error(code: string, what: string, hint: string): NetsoakError {
    const starved = Math.round(this.starved);
    if (this.over === 'infra')
      return new NetsoakError(
        'infra',
        'starved',
        `${what} within ${this.mostLimits * this.limitSeconds} s, of which it waited ${starved} s for processors that others had`,
        'the machine is overloaded: run it again when less runs beside it',
      );
    const more = starved > 0 ? `, not counting ${starved} s in which it waited for processors that others had` : '';
    return new NetsoakError('product', code, `${what} within ${this.limitSeconds} s${more}`, hint);
  }
}
