/** `netsoak shell` as a script uses it, and how one leaves a guest that hangs. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { PROJECT } from './project.js';
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

it('runs what it reads, hands on all of its output, and ends with its status', async () => {
  const child = spawn(process.execPath, [join(PROJECT, 'dist/harness/cli.js'), 'shell'], { env: { ...process.env, TMPDIR: temporary } });
  child.stdin.end('cat /proc/sys/kernel/hostname; pwd; echo oops >&2; seq 1 60000; exit 7');
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  expect(await new Promise((done) => child.once('close', done))).toBe(7);
  const numbers = Array.from({ length: 60_000 }, (_, i) => String(i + 1));
  expect(output).toBe(`${['netsoak-guest', PROJECT, 'oops', ...numbers].join('\n')}\n`);
});

it('ends at once when told by ^], whatever the guest does', async () => {
  const shell = startOnTerminal(['shell'], { TMPDIR: temporary });
  await expect.poll(() => shell.written(), { timeout: 60_000 }).toContain('^] ends it');
  await expect.poll(() => shell.written(), { timeout: 60_000 }).toMatch(/# $/);
  shell.type('\x1d');
  expect(await shell.finished).toBe(130);
});

it('ends with its terminal', async () => {
  const shell = startOnTerminal(['shell'], { TMPDIR: temporary });
  await expect.poll(() => shell.written(), { timeout: 60_000 }).toMatch(/# $/);
  shell.hangUp();
  await expect.poll(() => shell.isAlive(), { timeout: 10_000 }).toBe(false);
});
