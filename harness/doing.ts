/** SIGUSR1 asks a run that seems to stand still what it is doing; the answer goes to standard error. */

interface Doing {
  readonly describe: () => readonly string[];
  readonly say: (lines: readonly string[]) => void;
}

const toStderr = (lines: readonly string[]): void => void process.stderr.write(`${lines.join('\n')}\n`);
const now = new Map<string, Doing>([['', { describe: () => ['netsoak: getting ready'], say: toStderr }]]);

function answer(): void {
  for (const { describe, say } of now.values()) say(describe());
}

/**
 * Node begins to listen for a debugger at this signal unless somebody else takes it (nodejs.org/api/process.html, signal events). Commands that
 * run others' work (`mutants`) come here once a run; one answer is enough.
 */
export function answerSigusr1(): void {
  if (!process.listeners('SIGUSR1').includes(answer)) process.on('SIGUSR1', answer);
}

/**
 * From now on. The caller says what it writes with, so that an answer does not land in the middle of a picture, and who it is where two
 * things go on side by side.
 */
export function nowDoing(describe: () => readonly string[], say: (lines: readonly string[]) => void = toStderr, who = ''): void {
  if (who !== '') now.delete('');
  now.set(who, { describe, say });
}
