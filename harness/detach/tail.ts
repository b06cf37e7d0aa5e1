/** Reads the lines that a file gets while it grows, each once and whole: what is being written stays until its end is there. */
import { closeSync, openSync, readSync } from 'node:fs';

export class Tail {
  #offset = 0;
  #rest = Buffer.alloc(0);

  constructor(private readonly file: string) {}

  /** Values of the lines that are new since the last call. A file that is not there yet has none. */
  read<T>(): T[] {
    let fd: number;
    try {
      fd = openSync(this.file, 'r');
    } catch {
      return [];
    }
    try {
      for (;;) {
        const chunk = Buffer.alloc(1 << 20);
        const count = readSync(fd, chunk, 0, chunk.length, this.#offset);
        if (count === 0) break;
        this.#offset += count;
        this.#rest = Buffer.concat([this.#rest, chunk.subarray(0, count)]);
      }
    } finally {
      closeSync(fd);
    }
    const end = this.#rest.lastIndexOf('\n') + 1;
    const lines = this.#rest.toString('utf8', 0, end).split('\n').filter(Boolean);
    this.#rest = this.#rest.subarray(end);
    return lines.map((line) => JSON.parse(line) as T);
  }
}
