/** The first book: what the kernel had by the load's own list, and what the daemon's rows lack of it. The judge finds it, this adds it up: pure. */
import { noWrongs } from './tally.js';

export class KernelBook {
  #polls = 0;
  #rows = 0;
  readonly #wrongs = noWrongs();
  #closedByLoad = { owed: 0, missing: 0, wrong: 0 };

  /** @param values series of the judge at one moment: of a poll that it has judged, or of sockets that the load closed, so far */
  observe(values: Readonly<Record<string, number | null>>): void {
    const of = (name: string): number => values[name] ?? 0;
    if (values['poll.expected'] != null) {
      this.#polls++;
      this.#rows += of('poll.expected') + of('poll.churnExpected');
    }
    this.#wrongs.lost += of('poll.missing') + of('poll.churnMissing');
    this.#wrongs.duplicated += of('poll.duplicates');
    for (const name of ['misaddressed', 'misattributed', 'foreign', 'wrongValues', 'stale']) this.#wrongs.changed += of(`poll.${name}`);
    if (values['brief.made'] != null)
      this.#closedByLoad = { owed: of('brief.made') - of('brief.unheard'), missing: of('brief.missing'), wrong: of('brief.wrong') };
  }

  get kernel() {
    return { polls: this.#polls, rows: this.#rows, wrongs: this.#wrongs };
  }

  /** Ends of connections that the load closed, each of which owes a final row, but those that nobody could hear of. */
  get closedByLoad() {
    return this.#closedByLoad;
  }
}
