/** The commands that talk to a running daemon through its control socket: `ctl`, `explain` and `tail`. */
import { writeFile } from 'node:fs/promises';

import { ask, follow } from '../control/socket.js';
import { CollectorError, EXIT, type ExitCode, errnoOf, Fault, MissingRight, reasonOf, UsageError } from '../errors.js';
import type { Decision } from '../reconcile/audit.js';

/**
 * Says words to the daemon and prints its answer as JSON.
 * @throws UsageError when nobody listens or the daemon refuses, MissingRight when the socket may not be used
 */
export async function runCtl(socket: string, words: readonly string[]): Promise<ExitCode> {
  if (words.length === 0) throw new UsageError('usage', 'ctl: say what, such as "ctl status" or "ctl route list"');
  print(JSON.stringify(await say(socket, words), undefined, 2));
  return EXIT.ok;
}

/** Prints what the reconcilers decided about a key, oldest first. @throws as {@link runCtl} */
export async function runExplain(socket: string, key: string): Promise<ExitCode> {
  const decisions = (await say(socket, ['explain', key])) as readonly Decision[];
  if (decisions.length === 0)
    throw new UsageError('explain', `nothing was decided about ${JSON.stringify(key)}, or longer ago than the last thousand decisions`);
  for (const { at, reconciler, why, observed, planned, acted } of decisions) {
    const told = { observed, planned, acted: acted === '' ? 'nothing' : acted };
    print(
      `${new Date(at).toISOString()} ${reconciler} ${why}: ${Object.entries(told)
        .map(([word, value]) => `${word} ${value}`)
        .join(', ')}`,
    );
  }
  return EXIT.ok;
}

/**
 * Takes a profile from the daemon and writes it into a file that DevTools and editors open.
 * @param file '' for a name of its own in the working directory
 * @throws as {@link runCtl}; UsageError when the file can't be written
 */
export async function runProfile(socket: string, kind: string, seconds: string, file: string): Promise<ExitCode> {
  const profile = await say(socket, ['profile', kind, seconds]);
  const path = file === '' ? `netsoakd-${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}.${kind}profile` : file;
  await writeFile(path, JSON.stringify(profile)).catch((error: unknown) => {
    throw new UsageError('profile', `cannot write ${path}: ${reasonOf(error)}`, 'name another file with --output');
  });
  print(path);
  return EXIT.ok;
}

/**
 * Prints rows as the daemon reads them, until it ends or nobody takes them any more. What this reader was too slow for is told on stderr.
 * @throws as {@link runCtl}
 */
export async function runTail(socket: string, filter: string): Promise<ExitCode> {
  const left = new AbortController();
  process.stdout.on('error', () => left.abort());
  const take = (line: string, { pause, resume }: { readonly pause: () => void; readonly resume: () => void }) => {
    const lost = /^\{"kind":"lost","rows":(\d+)\}$/.exec(line)?.[1];
    if (lost !== undefined) process.stderr.write(`netsoakd: ${lost} rows lost: they came faster than they were taken\n`);
    else if (!process.stdout.write(`${line}\n`)) {
      // The daemon's queue for us fills up, and it is the daemon that decides what is lost. Lines that had come already are printed all the same.
      pause();
      if (process.stdout.listenerCount('drain') === 0) process.stdout.once('drain', resume);
    }
  };
  try {
    await follow(
      socket,
      ['tail', filter],
      (line, far) => take(line, { pause: () => far.pause(), resume: () => far.resume() }),
      left.signal,
    );
  } catch (error) {
    throw unreachable(socket, error);
  }
  return EXIT.ok;
}

async function say(socket: string, words: readonly string[]): Promise<unknown> {
  try {
    return await ask(socket, words);
  } catch (error) {
    throw unreachable(socket, error);
  }
}

/** Why a daemon could not be talked to, or what it said no with. */
function unreachable(socket: string, error: unknown): CollectorError {
  if (error instanceof CollectorError) return error;
  switch (errnoOf(error)) {
    case 'EACCES':
    case 'EPERM':
      return new MissingRight(
        'control-socket',
        `${socket} may not be used: ${reasonOf(error)}`,
        'run this as the user that netsoakd runs as, or as root',
      );
    case 'ENOENT':
    case 'ECONNREFUSED':
      return new UsageError(
        'control-socket',
        `no netsoakd listens on ${socket}: ${reasonOf(error)}`,
        'name the socket with --control-socket, as it was named to the daemon',
      );
    default:
      return new Fault('control-socket', `cannot talk to netsoakd on ${socket}: ${reasonOf(error)}`, '', 'infra');
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
