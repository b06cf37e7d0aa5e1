/** `netsoak shell` in a real VM, as a person on a terminal uses it; how a script does: shell-command.long.test.ts. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startOnTerminal } from './pty.test-support.js';

let temporary: string;
beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), 'netsoak-shell-'));
});
afterEach(async () => {
  const traces = (): string[] => [
    ...readdirSync(temporary),
    ...execFileSync('ps', ['-eo', 'args='], { encoding: 'utf8' })
      .split('\n')
      .filter((args) => args.includes(temporary)),
  ];
  await expect.poll(traces, { timeout: 10_000 }).toEqual([]);
  rmSync(temporary, { recursive: true });
});

it('is a terminal of the right size with job control, and gives ours back', async () => {
  const shell = startOnTerminal(['shell'], { TMPDIR: temporary }, 101, 33);
  const until = (words: string | RegExp): Promise<void> => expect.poll(() => shell.written(), { timeout: 60_000 }).toMatch(words);
  await until(/# $/);
  shell.type('echo size $(stty size), $(tty), $TERM; set -o | grep monitor\r');
  await until(/size 33 101, \/dev\/pts\/0, xterm-256color\s+monitor\s+on/);
  await until(/# $/);
  // It tells that it is up from where ^C reaches it; one that comes while bash forks ends the line and leaves the child, which bash then waits for.
  shell.type(`sh -c 'echo up; exec sleep 1000'\r`);
  await until(/\rup\r\n/);
  shell.type('\x03');
  await until(/# $/);
  shell.type('echo status $?\r');
  await until('status 130');
  await until(/# $/);
  shell.type('exit 5\r');
  expect(await shell.finished).toBe(5);
});
