/** Whole soaks in a microVM, and what is said when it panics, hangs or dies. */
import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { RunEvent } from './facts/events.js';
import { PROJECT } from './project.js';
import { startOnTerminal } from './pty.test-support.js';
import { it, type Runs } from './soak.test-support.js';
import { DEFAULT_SUBJECT } from './subject.js';

function events(runs: Runs): RunEvent[] {
  const lines = readFileSync(join(runs.latest(), 'events.ndjson'), 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as RunEvent);
}

/** Errors that the run stored. */
function errors(runs: Runs): string[] {
  return events(runs).flatMap((event) => (event.kind === 'error' ? [`${event.code}: ${event.message}`] : []));
}

/** The QEMU of this test's run: its sockets lie in a folder of its own. */
function qemu(runs: Runs): number {
  const rows = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  const row = rows.find((line) => /^\s*\d+ \S*qemu-system/.test(line) && line.includes(runs.folder));
  if (!row) throw new Error('no QEMU runs');
  return Number.parseInt(row, 10);
}

/** Stops QEMU while the kernel starts: it executes the guest's instructions by now, and three times as many come before the first sign. */
async function stopBeforeFirstSign(runs: Runs): Promise<void> {
  const spent = (): number => {
    const fields =
      readFileSync(`/proc/${qemu(runs)}/stat`, 'latin1')
        .split(') ')
        .at(-1)
        ?.split(' ') ?? [];
    return Number(fields[11]) + Number(fields[12]);
  };
  await expect.poll(spent, { timeout: 60_000, interval: 20 }).toBeGreaterThan(80);
  process.kill(qemu(runs), 'SIGSTOP');
  expect(readFileSync(join(runs.latest(), 'console.log'), 'utf8')).toBe('');
}

describe('a soak in a microVM', () => {
  it('passes, in a kernel that is not ours', async ({ runs }) => {
    const { code, stderr } = await runs.run('run', '--duration', '20s');
    expect(code, stderr).toBe(0);
    expect(runs.verdict()).toMatchObject({ verdict: 'pass', target: 'vm', subject: { starts: 1, restarts: 0 } });
    expect(readFileSync(join(runs.latest(), 'console.log'), 'utf8')).toContain('netsoak-guest');
  });

  it('lets people in while it goes on, and nobody when it is over', async ({ runs }) => {
    const run = runs.start('run', '--duration', '10m');
    await run.said('target up');
    const shell = (): SpawnSyncReturns<string> =>
      spawnSync(process.execPath, [join(PROJECT, 'dist/harness/cli.js'), 'shell', runs.latest()], {
        encoding: 'utf8',
        input: 'cat /proc/sys/kernel/hostname; pgrep -f agent/main.js >/dev/null && echo beside the agent; exit 6',
      });
    expect(shell()).toMatchObject({ status: 6, stdout: 'netsoak-guest\nbeside the agent\n' });

    const terminal = startOnTerminal(['shell', runs.latest()], runs.env, 101, 33);
    const until = (words: RegExp): Promise<void> => expect.poll(() => terminal.written(), { timeout: 60_000 }).toMatch(words);
    await until(/# $/);
    terminal.type('echo size $(stty size) on $(cat /proc/sys/kernel/hostname); set -o | grep monitor\r');
    await until(/size 33 101 on netsoak-guest\s+monitor\s+on/);
    await until(/# $/);
    terminal.type(`sh -c 'echo up; exec sleep 1000'\r`);
    await until(/\rup\r\n/);
    terminal.type('\x03');
    await until(/# $/);
    terminal.type('exit 5\r');
    expect(await terminal.finished).toBe(5);

    run.child.kill('SIGINT');
    expect((await run.finished).code).toBe(2);
    expect(runs.verdict().verdict).toBe('partial');
    expect(shell()).toMatchObject({ status: 64, stdout: '', stderr: expect.stringContaining('is over') });
  });
});

// Two at a time: they wait more than they work.
describe.concurrent('a microVM that fails', () => {
  it('blames the infrastructure for a kernel panic and names it', async ({ runs }) => {
    // The target's root may do what it likes to its own kernel (Documentation/admin-guide/sysrq.rst).
    const subject = join(runs.folder, 'panics.yaml');
    writeFileSync(subject, `extends: ${DEFAULT_SUBJECT}\nname: panics\ncommand: [sh, -c, 'sleep 1; echo c > /proc/sysrq-trigger']\n`);
    const { code } = await runs.run('run', '--duration', '20s', '--subject', subject);
    expect([code, runs.verdict().verdict]).toEqual([3, 'infra']);
    expect(errors(runs).join('\n')).toMatch(/^target-lost: .*panic/m);
  });

  it('tells a target that hangs from one that died', async ({ runs }) => {
    const run = runs.start('run', '--duration', '10m');
    await run.said('building the load');
    process.kill(qemu(runs), 'SIGSTOP');
    expect((await run.finished).code).toBe(3);
    expect(errors(runs).join('\n')).toMatch(/^agent-silent: .*hangs/m);
  });

  it('ends as infrastructure when QEMU is killed', async ({ runs }) => {
    const run = runs.start('run', '--duration', '10m');
    await run.said('target up');
    process.kill(qemu(runs), 'SIGKILL');
    expect((await run.finished).code).toBe(3);
    expect(errors(runs).join('\n')).toContain('target-lost:');
  });

  it('starts a guest that shows nothing again, and tells of it', async ({ runs }) => {
    const run = runs.start('run', '--duration', '10m');
    await run.said('starting target');
    await stopBeforeFirstSign(runs);
    await run.said('target up');
    run.child.kill('SIGKILL');
    await run.finished;
    expect(errors(runs)).toEqual([]);
    const notes = events(runs).flatMap((event) => (event.kind === 'note' ? [event.text] : []));
    expect(notes).toEqual([expect.stringMatching(/^the guest showed nothing .*QEMU does not answer; .*; started again$/)]);
  });

  it('heeds the first ^C while the guest shows nothing', async ({ runs }) => {
    const run = runs.start('run', '--duration', '10m');
    await run.said('starting target');
    await stopBeforeFirstSign(runs);
    run.child.kill('SIGINT');
    expect((await run.finished).code).toBe(2);
    const kinds = events(runs).map(({ kind }) => kind);
    expect(kinds).toContain('interrupted');
    // It was not waited for, nor started again.
    expect(kinds).not.toContain('note');
  });

  it('leaves nothing when the harness is killed while the guest boots', async ({ runs }) => {
    const run = runs.start('run', '--duration', '10m');
    await run.said('starting target');
    await expect.poll(() => runs.traces().some((trace) => trace.includes('qemu-system')), { timeout: 20_000 }).toBe(true);
    run.child.kill('SIGKILL');
    await run.finished;
  });
});
