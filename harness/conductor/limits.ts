/**
 * How long a target is waited for, by how slow it is: for its first words, for its next ones, for its healing, for its end. Whoever is waited for
 * in vain is the infrastructure's, and where its machine stands is said.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { NetsoakError } from '../errors.js';
import type { TargetKind } from '../facts/plan.js';

/** Heartbeats come once a second; a target under a storm of work may miss some. */
const LEAST_SILENCE_SECONDS = 15;
const MOST_SILENCE_SECONDS = 90;
/** For the steps after the measured phase too: a scenario's last one may take down thousands of namespaces. */
const HEAL_SECONDS = 100;
const END_SECONDS = 10;
/** Limits are multiplied by how slow a target is; a machine on which nobody comes to a turn must not have a run wait for weeks. */
const MOST_SLOWDOWN = 200;
const LAST_WORDS = 'console.log in the run directory has the last words of its kernel';

export interface LimitsOptions {
  readonly target: TargetKind;
  /** Expected slowness of the target before it could be measured. */
  readonly expectedSlowdown: number;
  /** Ends all waiting. */
  readonly signal: AbortSignal;
  /** Where the machine stands, as a clause to be appended; empty where the target is none. */
  readonly whereabouts: () => Promise<string>;
}

export class Limits {
  #slowdown: number;
  #heardAt = Date.now();
  /** The target is held from outside: that it says nothing is meant so. */
  #held = 0;
  #gaveUp = false;

  constructor(private readonly o: LimitsOptions) {
    this.#slowdown = o.expectedSlowdown;
  }

  /** How many times slower than this machine. */
  get slowdown(): number {
    return this.#slowdown;
  }

  /** @param ratio of the same work inside to outside */
  measured(ratio: number): void {
    this.#slowdown = Math.min(MOST_SLOWDOWN, Math.max(1, Number(ratio.toFixed(1))));
  }

  /** When it was heard last, in milliseconds since the epoch. */
  get heardAt(): number {
    return this.#heardAt;
  }

  heard(): void {
    this.#heardAt = Date.now();
  }

  /** Until the returned function is called, its silence is meant so. */
  hold(): () => void {
    this.#held++;
    return () => {
      this.heard();
      this.#held--;
    };
  }

  get bootSeconds(): number {
    return this.o.target === 'host' ? 30 : Math.ceil(20 + 5 * this.#slowdown);
  }

  /** For an end in order; a target that was given up is not waited for. */
  get endSeconds(): number {
    return this.#gaveUp ? 0 : END_SECONDS * this.#factor;
  }

  /**
   * Resolves with an error when healing takes too long. Stopping subject, relay and load has a limit each in the agent, {@link HEAL_SECONDS} of this
   * slowness; whatever hangs beyond all of them (a load that blocks on a ledger nobody reads) must not hold the run.
   */
  async healing(since: string): Promise<NetsoakError> {
    const limit = HEAL_SECONDS * this.#factor;
    await delay(limit * 1000, undefined, { ref: false, signal: this.o.signal });
    return new NetsoakError('infra', 'heal-timeout', `the target did not heal within ${limit} s of ${since}`, 'it was ended by force');
  }

  /** Rejects when nothing was heard from the agent for too long: a hang, not an end. */
  async silence(): Promise<never> {
    const limit = Math.min(MOST_SILENCE_SECONDS, Math.max(LEAST_SILENCE_SECONDS, 3 * this.#slowdown)) * 1000;
    for (;;) {
      await delay(1000, undefined, { ref: false, signal: this.o.signal });
      if (this.#held === 0 && Date.now() - this.#heardAt > limit)
        await this.#giveUp('agent-silent', `the agent sent no heartbeat for ${limit / 1000} s: the target hangs`);
    }
  }

  /** Rejects after so many seconds, unless what was waited for came in time. */
  late(seconds: number, code: string, sentence: string): { readonly rejected: Promise<never>; inTime(): void } {
    const inTime = new AbortController();
    const waited = delay(seconds * 1000, undefined, { ref: false, signal: AbortSignal.any([this.o.signal, inTime.signal]) });
    return { rejected: waited.then(() => this.#giveUp(code, sentence)), inTime: () => inTime.abort() };
  }

  get #factor(): number {
    return Math.max(1, this.#slowdown / 4);
  }

  async #giveUp(code: string, sentence: string): Promise<never> {
    this.#gaveUp = true;
    throw new NetsoakError('infra', code, `${sentence}${await this.o.whereabouts()}`, LAST_WORDS);
  }
}
