/** Only its holder works. Those who want it get it in the order in which they asked, so that whoever passes it on and asks again is last. */
export class Baton {
  readonly #waiting: (() => void)[] = [];
  #held = false;

  async take(): Promise<void> {
    if (this.#held) await new Promise<void>((mine) => this.#waiting.push(mine));
    this.#held = true;
  }

  pass(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#held = false;
  }
}
