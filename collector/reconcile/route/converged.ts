/**
 * Which wanted routes are known to be in the kernel just as wanted, and which have to be looked for. A pass costs what is open, not what
 * is wanted: of 100,000 routes that are right none is touched. Tags are generations of the desired state: a route that is put again, or
 * wanted no more, has another one.
 */
import { STRIDE } from '../diff.js';
import type { IntendedRoute } from './spec.js';

export class Converged {
  /** Wanted, by key, and not known to be right. */
  readonly open = new Map<string, IntendedRoute>();
  private readonly right = new Paged<IntendedRoute>();
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

  /** The kernel has the routes under these tags no more, or has them otherwise. Yields, since that may be all of them. */
  *losing(tags: Iterable<number>): Generator<undefined, void> {
    let count = 0;
    for (const tag of tags) {
      this.lost(tag);
      if (++count % STRIDE === 0) yield;
    }
  }

  /** What was right by a world that has changed must be looked at anew. */
  doubt(condition: (intended: IntendedRoute) => boolean): void {
    for (const [tag, intended] of this.right.entries()) {
      if (!condition(intended)) continue;
      this.lost(tag);
      this.forgotten.push(tag);
    }
  }

  /** Tags that the next look must bring again. */
  takeForgotten(): readonly number[] {
    const tags = this.forgotten;
    this.forgotten = [];
    return tags;
  }
  private lost(tag: number): void {
    const intended = this.right.get(tag);
    if (intended === undefined) return;
    this.right.delete(tag);
    this.open.set(intended.key, intended);
  }
}

/** A map of whole numbers in small pieces: one of 65,536 entries is copied by the next, which holds the event loop for 5 ms. */
class Paged<T> {
  private readonly pages = new Map<number, Map<number, T>>();
  size = 0;

  has(key: number): boolean {
    return this.pages.get(pageOf(key))?.has(key) ?? false;
  }

  get(key: number): T | undefined {
    return this.pages.get(pageOf(key))?.get(key);
  }

  set(key: number, value: T): void {
    const number = pageOf(key);
    const page = this.pages.get(number) ?? new Map<number, T>();
    this.pages.set(number, page);
    this.size -= page.size;
    page.set(key, value);
    this.size += page.size;
  }

  delete(key: number): boolean {
    const number = pageOf(key);
    const page = this.pages.get(number);
    if (page?.delete(key) !== true) return false;
    this.size--;
    if (page.size === 0) this.pages.delete(number);
    return true;
  }

  *entries(): Generator<[number, T]> {
    for (const page of this.pages.values()) yield* page;
  }
}

const pageOf = (key: number): number => Math.floor(key / 4096);
