/**
 * What a run borrows of a broker and a database that somebody else runs: topics and a database called after the run, and nothing else. It is
 * given back when the run ends, in whatever way: a shell in a session of its own waits for the end of its standard input, which the
 * kernel closes when we die, and then starts the program that gives back. So an orderly end and a SIGKILL take the same path.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { PROJECT } from '../project.js';

export interface Lent {
  readonly kafka?: { readonly brokers: readonly string[]; readonly topics: readonly string[] };
  /** With user and password. */
  readonly clickhouse?: { readonly url: string; readonly database: string };
}

/** Topics of a run: rows, and records of polls. */
export function topicsOf(id: string): readonly [rows: string, polls: string] {
  return [`netsoak-${id}`, `netsoak-${id}-polls`];
}

export function databaseOf(id: string): string {
  return `netsoak_${id.replaceAll(/\W/g, '_')}`;
}

export interface Loan {
  /** Resolves when it is given back, or can't be. */
  giveBack(): Promise<void>;
}

/** What is lent travels by a pipe: a password has no place among the words of a command. */
const WAIT = 'lent=$(cat); printf %s "$lent" | "$1" "$2"';

/** Ahead of the first thing that is made there. */
export function borrow(lent: Lent): Loan {
  const words = ['-c', WAIT, 'netsoak-lender', process.execPath, join(PROJECT, 'dist/harness/pipeline/give-back.js')];
  const child = spawn('sh', words, { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  const ended = new Promise<void>((done) => child.once('close', () => done()).once('error', () => done()));
  child.stdin.on('error', () => {});
  child.stdin.write(JSON.stringify(lent));
  return {
    giveBack: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
