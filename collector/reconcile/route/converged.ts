/**
 * Which wanted routes are known to be in the kernel just as wanted, and which have to be looked for. A pass costs what is open, not what
 * is wanted: of 100,000 routes that are right none is touched. Tags are generations of the desired state: a route that is put again, or
 * wanted no more, has another one.
 */
import type { IntendedRoute } from './spec.js';

export class Converged {
  /** Wanted, by key, and not known to be right. */
  readonly open = new Map<string, IntendedRoute>();
  private readonly right = new Map<number, IntendedRoute>();
  private forgotten: number[] = [];

  /** Routes that are right. */
  get size(): number {
    return this.right.size;
  }

  wanted(intended: IntendedRoute): void {
    this.open.set(intended.key, intended);
  }

  /** @param tag under which it was wanted */
  unwanted(key: string, tag: number): void {
    this.open.delete(key);
    if (this.right.delete(tag)) this.forgotten.push(tag);
  }

  isRight(tag: number): boolean {
    return this.right.has(tag);
  }

  /** A look found the route under this tag. */
  found(intended: IntendedRoute, tag: number): void {
    this.open.delete(intended.key);
    this.right.set(tag, intended);
  }

  /** The kernel has the routes under these tags no more, or has them otherwise. */
  lost(tags: Iterable<number>): void {
    for (const tag of tags) {
      const intended = this.right.get(tag);
      if (intended === undefined) continue;
      this.right.delete(tag);
      this.open.set(intended.key, intended);
    }
  }

  /** What was right by a world that has changed must be looked at anew. */
  doubt(condition: (intended: IntendedRoute) => boolean): void {
    for (const [tag, intended] of this.right) {
      if (!condition(intended)) continue;
      this.lost([tag]);
      this.forgotten.push(tag);
    }
  }

  /** Tags that the next look must bring again. */
  takeForgotten(): readonly number[] {
    const tags = this.forgotten;
    this.forgotten = [];
    return tags;
  }
}
