/** Where a detached run and its owners find each other. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** In the environment of a detached harness: its folder, in which it listens and tells which run directory it made. */
export const FOLDER_VARIABLE = 'NETSOAK_DETACHED';
export const DETACHED_FOLDER = 'netsoak-detached-';

export const socketIn = (folder: string): string => join(folder, 'owner');
export const logIn = (folder: string): string => join(folder, 'log');

/** Says in both places where the other one is: a socket's path must be short, a run directory's need not be. */
export function introduce(folder: string, runDirectory: string): void {
  writeFileSync(join(runDirectory, POINTER), `${folder}\n`);
  writeFileSync(join(folder, 'run'), `${runDirectory}\n`);
}

export function runOf(folder: string): string | undefined {
  const text = read(join(folder, 'run'));
  // Seen while it is being written.
  return text?.endsWith('\n') ? text.trim() : undefined;
}

/** The folder of the harness that a run was detached with; undefined when it was not, or is over. */
export function folderOf(runDirectory: string): string | undefined {
  return read(join(runDirectory, POINTER))?.trim();
}

/** The run is over: nobody can take it up any more. */
export function partWith(runDirectory: string): void {
  rmSync(join(runDirectory, POINTER), { force: true });
}

const POINTER = '.detached';

const read = (file: string): string | undefined => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);
