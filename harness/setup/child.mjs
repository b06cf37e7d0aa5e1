/**
 * Children of the set-up: their output is shown on one moving line where there is a terminal, and kept for the
 * moment when one fails. ^C reaches them with us (they are in our process group); a SIGTERM that only we got is
 * passed on. We end after them, so nothing of the set-up outlives it.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { Problem } from './problem.mjs';

/** The first lines of a failure tell its cause (npm, g++), the last ones how it ended. */
const FIRST_LINES = 12;
const LAST_LINES = 12;
const live = process.stdout.isTTY === true;

/**
 * Runs a command to its end.
 * @param {string[]} command program and arguments
 * @param {{ cwd?: string, env?: Record<string, string>, cure: string, owner?: 'infra' | 'harness' }} options
 *   `cure` and `owner` are told when it fails; a missing program is always the machine's lack
 */
export async function runStep(command, options) {
  const { status, said } = await runChild(command, options);
  if (status === 0) return;
  console.error(said.map((line) => `  | ${line}`).join('\n'));
  if (status === null) throw new Problem(`${command[0]} could not be started`, [`install it, or put it on PATH`]);
  throw new Problem(`\`${command.join(' ')}\` ended with ${status}`, [options.cure], options.owner);
}

/** Like {@link runStep}, but a failure is the caller's to judge. `status` is null when the program is missing. */
export async function runChild([program, ...args], { cwd, env } = {}) {
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines = lineKeeper(FIRST_LINES, LAST_LINES);
  const show = (chunk) => {
    lines.add(chunk);
    if (live) process.stdout.write(`\r\x1b[K  ${lines.last().slice(0, (process.stdout.columns ?? 80) - 4)}`);
  };
  child.stdout.setEncoding('utf8').on('data', show);
  child.stderr.setEncoding('utf8').on('data', show);
  child.once('error', (error) => lines.add(`${error.message}\n`));
  const status = await ended(child, () => live && process.stdout.write('\r\x1b[K'));
  return { status, said: lines.all() };
}

/** Runs a command whose output is for the reader as it stands. */
export function runInView([program, ...args], cwd) {
  return ended(spawn(program, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] }), () => {});
}

/** Waits for a child's end while passing signals on to it. A signal ends us too, once the child is gone. */
function ended(child, tidy) {
  return new Promise((resolve) => {
    let interrupted;
    const passOn = (signal) => {
      interrupted = signal;
      child.kill(signal);
    };
    process.on('SIGINT', passOn).on('SIGTERM', passOn).on('SIGHUP', passOn);
    const settle = (status) => {
      process.off('SIGINT', passOn).off('SIGTERM', passOn).off('SIGHUP', passOn);
      tidy();
      if (interrupted !== undefined) {
        console.error(`netsoak: stopped by ${interrupted}; the next call goes on from here`);
        process.exit(128 + constants.signals[interrupted]);
      }
      resolve(status);
    };
    child.once('error', () => settle(null));
    child.once('close', (code, signal) => settle(code ?? 128 + constants.signals[signal]));
  });
}

/** The first and the last lines of a stream that comes in pieces; says how many it left out between them. */
export function lineKeeper(firstCount, lastCount) {
  const first = [];
  let last = [];
  let leftOut = 0;
  let rest = '';
  const keep = (line) => {
    if (line.trim() === '') return;
    if (first.length < firstCount) first.push(line);
    else last.push(line);
    if (last.length > lastCount) {
      last = last.slice(1);
      leftOut++;
    }
  };
  return {
    add(chunk) {
      const pieces = (rest + chunk).split(/\r\n|[\r\n]/);
      rest = pieces.pop();
      pieces.forEach(keep);
    },
    all() {
      keep(rest);
      rest = '';
      return [...first, ...(leftOut > 0 ? [`(${leftOut} lines left out)`] : []), ...last];
    },
    last: () => rest || last.at(-1) || first.at(-1) || '',
  };
}
