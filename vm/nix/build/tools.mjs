/**
 * What the builders of the flake's derivations share. A derivation's attributes are the environment of its builder;
 * what it makes goes to `out`.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readlinkSync, realpathSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// The home that Nix gives its builders must not exist; without a sandbox a program that keeps something there would make it.
if (process.env.HOME === '/homeless-shelter') {
  process.env.HOME = join(tmpdir(), 'home');
  mkdirSync(process.env.HOME, { recursive: true });
}

/** The value of an attribute. */
export function attribute(name) {
  const value = process.env[name];
  if (value === undefined) throw new Error(`the derivation has no attribute ${name}`);
  return value;
}

/** Runs a program in view of the build's log; throws when it fails. */
export function run(command, options = {}) {
  const [program, ...args] = command;
  const { status, signal, error } = spawnSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options });
  if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status ?? signal ?? error?.message}`);
}

/** Copies a tree out of the store, where nothing may be written, into one that can be. */
export function copyTree(from, to, wanted = () => true) {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (!wanted(source)) continue;
    if (entry.isDirectory()) copyTree(source, target, wanted);
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else {
      copyFileSync(source, target);
      chmodSync(target, executable(source) ? 0o755 : 0o644);
    }
  }
}

function executable(path) {
  return (statSync(path).mode & 0o100) !== 0;
}

/**
 * A copy of the project in which tests can run: sources and what was compiled are copied, packages are links, in a
 * folder of our own because Vite writes beside them.
 */
export function workingCopy(project, to) {
  copyTree(project, to, (path) => path !== join(project, 'node_modules'));
  const packages = realpathSync(join(project, 'node_modules'));
  mkdirSync(join(to, 'node_modules'));
  for (const name of readdirSync(packages)) symlinkSync(join(packages, name), join(to, 'node_modules', name));
}

/** Where a check may write; nothing of it is kept. */
export function scratch() {
  const folder = join(tmpdir(), 'scratch');
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** What a program prints, without its last line feed. */
export function output([program, ...args]) {
  return execFileSync(program, args, { encoding: 'utf8' }).trimEnd();
}
