/** What became of the namespaces of a poll. */
import type { NamespaceResult } from './index.js';

/**
 * In the order in which they were handed in. Made one at a time: as objects all at once, those of ten thousand namespaces live through a
 * collection of garbage and make the heap grow, at every poll.
 */
export class NamespaceResults implements Iterable<NamespaceResult> {
  /**
   * @param length how many namespaces
   * @param make the result of one
   * @param rows rows of one, without making its result
   * @param isTrouble whether one was not read, or interrupted; also without
   */
  constructor(
    readonly length: number,
    private readonly make: (index: number) => NamespaceResult,
    readonly rows: (index: number) => number,
    private readonly isTrouble: (index: number) => boolean,
  ) {}

  static of(results: readonly NamespaceResult[]): NamespaceResults {
    const at = (index: number) => results[index] as NamespaceResult;
    return new NamespaceResults(
      results.length,
      at,
      (index) => at(index).rows,
      (index) => at(index).status !== 'ok' || at(index).interrupted,
    );
  }

  at(index: number): NamespaceResult | undefined {
    const from = index < 0 ? this.length + index : index;
    return from >= 0 && from < this.length ? this.make(from) : undefined;
  }

  /** Those that were not read, or only in part: few, on a host that is well. */
  troubles(): readonly NamespaceResult[] {
    const found: NamespaceResult[] = [];
    for (let index = 0; index < this.length; index++) if (this.isTrouble(index)) found.push(this.make(index));
    return found;
  }

  *[Symbol.iterator](): Generator<NamespaceResult> {
    for (let index = 0; index < this.length; index++) yield this.make(index);
  }
}
