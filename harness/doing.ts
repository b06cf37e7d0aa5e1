/** SIGUSR1 asks a run that seems to stand still what it is doing; the answer goes to standard error. */

interface Doing {
  readonly describe: () => readonly string[];
  readonly say: (lines: readonly string[]) => void;
}

const toStderr = (lines: readonly string[]): void => void process.stderr.write(`${lines.join('\n')}\n`);
let now: Doing = { describe: () => ['netsoak: getting ready'], say: toStderr };

/** Node begins to listen for a debugger at this signal unless somebody else takes it (nodejs.org/api/process.html, signal events). */
export function answerSigusr1(): void {
  process.on('SIGUSR1', () => now.say(now.describe()));
}

/** From now on. The caller says what it writes with, so that an answer does not land in the middle of a picture. */
export function nowDoing(describe: () => readonly string[], say: (lines: readonly string[]) => void = toStderr): void {
  now = { describe, say };
}
