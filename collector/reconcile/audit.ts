/** The last thousand decisions, to answer "who touched this, when, and why" (`netsoakd explain KEY`). */

export interface Decision {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly reconciler: string;
  readonly key: string;
  /** What led to it: a trigger, a command, an event. */
  readonly why: string;
  readonly observed: string;
  readonly planned: string;
  /** What was done and how it ended; '' when nothing was. */
  readonly acted: string;
}

export class Audit {
  private readonly ring: Decision[] = [];
  private next = 0;

  constructor(
    private readonly size = 1_000,
    private readonly now: () => number = Date.now,
  ) {}

  record(decision: Omit<Decision, 'at'>): void {
    const entry = { at: this.now(), ...decision };
    if (this.ring.length < this.size) this.ring.push(entry);
    else this.ring[this.next] = entry;
    this.next = (this.next + 1) % this.size;
  }

  /** Decisions about a key, oldest first. */
  explain(key: string): readonly Decision[] {
    return this.all().filter((decision) => decision.key === key);
  }

  all(): readonly Decision[] {
    return this.ring.length < this.size ? [...this.ring] : [...this.ring.slice(this.next), ...this.ring.slice(0, this.next)];
  }
}
