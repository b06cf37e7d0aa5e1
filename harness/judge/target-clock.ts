/**
 * What the target's clock (CLOCK_REALTIME, nanoseconds) says now, told from the time stamps of the ledger as they
 * arrive. A line is never early, so the largest difference to our own clock is the best; two windows of 15 s let the
 * estimate follow a guest whose clock runs slow.
 */
const WINDOW_SECONDS = 15;
const SET_BACK_NS = 60e9;

export class TargetClock {
  #current = Number.NEGATIVE_INFINITY;
  #former = Number.NEGATIVE_INFINITY;
  #turnsAt = Number.NEGATIVE_INFINITY;

  /** `wallNs` stands in until the first line: on `host` it is the same clock, in a guest about the same. */
  constructor(private readonly wallNs: () => number) {}

  hear(targetNs: number, now: number): void {
    if (now >= this.#turnsAt) {
      this.#former = this.#current;
      this.#current = Number.NEGATIVE_INFINITY;
      this.#turnsAt = now + WINDOW_SECONDS;
    }
    const offset = targetNs - now * 1e9;
    // Whoever sets a clock back by more than a line can be late means it.
    if (offset < Math.max(this.#current, this.#former) - SET_BACK_NS) {
      this.#former = Number.NEGATIVE_INFINITY;
      this.#current = offset;
    }
    this.#current = Math.max(this.#current, offset);
  }

  /** @param now seconds of our monotonic clock */
  at(now: number): number {
    const offset = Math.max(this.#current, this.#former);
    return offset === Number.NEGATIVE_INFINITY ? this.wallNs() : offset + now * 1e9;
  }
}
