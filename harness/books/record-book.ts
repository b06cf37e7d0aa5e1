/** Records of polls as they stand in their topic: pure. Each poll ends once. */
import { namedRecord, type PollRecord } from './record.js';
import type { BookOffence } from './tally.js';

export class RecordBook {
  readonly #prints = new Map<string, number>();
  #duplicated = 0;

  constructor(private readonly tell: (offence: BookOffence) => void) {}

  /** @returns whether it is the first of its poll. One that stands there again with the same values was delivered again. */
  add(record: PollRecord): boolean {
    const known = this.#prints.get(record.poll);
    if (known === undefined) {
      this.#prints.set(record.poll, record.print);
      return true;
    }
    if (known !== record.print) {
      this.#duplicated++;
      const detail = `${namedRecord(record)} stands in the topic again, with other values`;
      this.tell({ border: 'daemon-topic', wrong: 'duplicated', poll: record.poll, rows: 1, detail });
    }
    return false;
  }

  get tally(): { readonly records: number; readonly duplicated: number } {
    return { records: this.#prints.size, duplicated: this.#duplicated };
  }
}
