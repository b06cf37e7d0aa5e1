/** What a long command is doing, on standard error: one line that is written over on a terminal; elsewhere a line every ten seconds. */
export class Progress {
  #saidAt = Number.NEGATIVE_INFINITY;

  tell(line: string): void {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line.slice(0, 120)}`);
    else if (performance.now() - this.#saidAt > 10_000) {
      this.#saidAt = performance.now();
      process.stderr.write(`${line}\n`);
    }
  }

  clear(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }
}
