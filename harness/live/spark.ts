/** A series of any length as a row of block characters, in bounded memory: when the row is full, neighbours are joined. */

const BLOCKS = '▁▂▃▄▅▆▇█';

export class Spark {
  /** Largest value of each cell; null where nothing was known. */
  #cells: (number | null)[] = [];
  /** Seconds that a cell stands for. */
  #width = 1;
  #from: number | undefined;

  constructor(private readonly cells: number) {}

  add(at: number, value: number | null): void {
    this.#from ??= at;
    while ((at - this.#from) / this.#width >= this.cells) this.#join();
    const cell = Math.max(0, Math.floor((at - this.#from) / this.#width));
    while (this.#cells.length <= cell) this.#cells.push(null);
    const before = this.#cells[cell] ?? null;
    this.#cells[cell] = value === null ? before : Math.max(value, before ?? value);
  }

  /** From its own smallest to its own largest value; a row that never moved is flat at the bottom. */
  toString(): string {
    const known = this.#cells.filter((value) => value !== null);
    const low = Math.min(...known);
    const high = Math.max(...known);
    const block = (value: number): string =>
      BLOCKS[high > low ? Math.round(((value - low) / (high - low)) * (BLOCKS.length - 1)) : 0] ?? ' ';
    return this.#cells.map((value) => (value === null ? ' ' : block(value))).join('');
  }

  #join(): void {
    const joined: (number | null)[] = [];
    for (let i = 0; i < this.#cells.length; i += 2) {
      const [a = null, b = null] = this.#cells.slice(i, i + 2);
      joined.push(a === null || b === null ? (a ?? b) : Math.max(a, b));
    }
    this.#cells = joined;
    this.#width *= 2;
  }
}
