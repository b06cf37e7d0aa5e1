/** How often, how many, how soon again: token bucket, backoff, fights, and the cap on deletions. All pure; time is given. */

/** Lets `burst` through at once and `rate` a second after that. Rate 0 is unlimited. */
export class TokenBucket {
  private tokens: number;
  private last: number;

  constructor(
    private readonly rate: number,
    private readonly burst: number,
    now: number,
  ) {
    this.tokens = burst;
    this.last = now;
  }

  /** Takes tokens: 0, or the milliseconds to wait before asking again. More than the burst are lent, and paid back by those who come after. */
  take(now: number, count = 1): number {
    if (this.rate === 0) return 0;
    this.tokens = Math.min(this.burst, this.tokens + ((now - this.last) * this.rate) / 1_000);
    this.last = now;
    const due = Math.max(1, Math.min(count, this.burst));
    if (this.tokens >= due) {
      this.tokens -= count;
      return 0;
    }
    return Math.ceil(((due - this.tokens) * 1_000) / this.rate);
  }
}

/** When a key that failed may be tried again: 1 s, 2 s, 4 s ... up to 60 s. */
export class Backoff {
  private readonly failures = new Map<string, { count: number; at: number }>();

  constructor(
    private readonly firstMs = 1_000,
    private readonly mostMs = 60_000,
  ) {}

  failed(key: string, now: number): void {
    const count = (this.failures.get(key)?.count ?? 0) + 1;
    this.failures.set(key, { count, at: now + Math.min(this.mostMs, this.firstMs * 2 ** (count - 1)) });
  }

  /** Whether the key may be tried now. */
  ready(key: string, now: number): boolean {
    return (this.failures.get(key)?.at ?? now) <= now;
  }

  succeeded(key: string): void {
    this.failures.delete(key);
  }

  /** Something changed that may unblock this key: try at once, and if it fails again, wait as long as before. */
  wake(key: string): void {
    const failure = this.failures.get(key);
    if (failure !== undefined) failure.at = Number.NEGATIVE_INFINITY;
  }

  /** The earliest time after now at which a waiting key becomes ready. */
  next(now: number): number | undefined {
    let earliest: number | undefined;
    for (const { at } of this.failures.values()) if (at > now && (earliest === undefined || at < earliest)) earliest = at;
    return earliest;
  }
}

/** Someone removes what we put back, again and again: more than `limit` repairs within `windowMs` make a fight. */
export class Fights {
  private readonly repairs = new Map<string, number[]>();

  constructor(
    private readonly limit = 5,
    private readonly windowMs = 600_000,
    private readonly firstMs = 1_000,
  ) {}

  repaired(key: string, now: number): void {
    const recent = (this.repairs.get(key) ?? []).filter((at) => at > now - this.windowMs);
    recent.push(now);
    this.repairs.set(key, recent);
  }

  fought(key: string, now: number): boolean {
    return this.count(key, now) > this.limit;
  }

  /** Whether a repair would come too soon after the last one: 2 s, 4 s ... up to the window, once it is a fight. */
  ready(key: string, now: number): boolean {
    return now >= this.readyAt(key, now);
  }

  /** When the next repair may be made. */
  readyAt(key: string, now: number): number {
    const over = this.count(key, now) - this.limit;
    if (over <= 0) return now;
    return (this.repairs.get(key)?.at(-1) ?? now) + Math.min(this.windowMs, this.firstMs * 2 ** over);
  }

  forget(key: string): void {
    this.repairs.delete(key);
  }

  private count(key: string, now: number): number {
    return (this.repairs.get(key) ?? []).filter((at) => at > now - this.windowMs).length;
  }
}

export interface BlastRadius {
  /** Deletions a pass may make, 0 for any number. */
  readonly maxDeletes: number;
  /** Part of what was observed that a pass may delete, 0 for all. */
  readonly maxFraction: number;
}

/** How many of `planned` deletions a pass may make. At least one, so that a small table heals too. */
export function allowedDeletes({ maxDeletes, maxFraction }: BlastRadius, planned: number, observed: number): number {
  const byCount = maxDeletes === 0 ? planned : maxDeletes;
  const byFraction = maxFraction === 0 ? planned : Math.max(1, Math.floor(observed * maxFraction));
  return Math.min(planned, byCount, byFraction);
}
