/** A terminal small enough for a test: what is on its screen after what was written, and what has scrolled away above. */

/** Understands what the views write and no more; anything else is an error of the test. */
export class FakeTerminal {
  readonly isTTY = true;
  /** Lines that scrolled off the top. */
  readonly scrolled: string[] = [];
  #lines: string[] = [''];
  #row = 0;
  #column = 0;
  #listeners: (() => void)[] = [];

  constructor(
    public columns: number,
    public rows: number,
  ) {}

  write(text: string): boolean {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what terminals are told by
    for (const [token, , count, command] of text.matchAll(/(\x1b\[([\d;]*)([A-Za-z]))|[^\x1b]|\x1b/gu)) {
      if (command === undefined) this.#put(token);
      else if (command === 'A') this.#row = Math.max(0, this.#row - Number(count || 1));
      else if (command === 'H' && count === '') this.#row = this.#column = 0;
      else if (command === 'J' && count === '') this.#lines = [...this.#lines.slice(0, this.#row), this.#line().slice(0, this.#column)];
      else if (command !== 'm') throw new Error(`the terminal of this test does not know ${JSON.stringify(token)}`);
    }
    return true;
  }

  on(_event: 'resize', listener: () => void): void {
    this.#listeners.push(listener);
  }

  off(_event: 'resize', listener: () => void): void {
    this.#listeners = this.#listeners.filter((one) => one !== listener);
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    for (const listener of this.#listeners) listener();
  }

  /** Lines on the screen, without the empty ones at its end. */
  get screen(): string[] {
    return this.#lines
      .map((line) => line.trimEnd())
      .join('\n')
      .trimEnd()
      .split('\n');
  }

  get everything(): string {
    return [...this.scrolled, ...this.screen].join('\n');
  }

  #put(character: string): void {
    if (character === '\r') this.#column = 0;
    else if (character === '\n') this.#down();
    else {
      if (this.#column === this.columns) this.#down();
      const line = [...this.#line().padEnd(this.#column)];
      line[this.#column] = character;
      this.#lines[this.#row] = line.join('');
      this.#column++;
    }
  }

  /** With onlcr, as every terminal has it, a new line begins at its left. */
  #down(): void {
    this.#column = 0;
    this.#row++;
    if (this.#row < this.rows) return;
    this.scrolled.push(this.#lines.shift() ?? '');
    this.#row--;
  }

  #line(): string {
    while (this.#lines.length <= this.#row) this.#lines.push('');
    return this.#lines[this.#row] ?? '';
  }
}

/** What a terminal shows in the end, and every picture that was on it on the way. */
export function screens(written: string): { end: FakeTerminal; pictures: string[] } {
  const terminal = new FakeTerminal(110, 40);
  const pictures: string[] = [];
  // Each picture is one write, which begins with the way back up.
  for (const [i, part] of written.split('\r\x1b[').entries()) {
    terminal.write(i === 0 ? part : `\r\x1b[${part}`);
    pictures.push(terminal.everything);
  }
  return { end: terminal, pictures };
}
