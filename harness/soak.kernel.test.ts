/** Whole soaks on target `host`: the real subject is green, each planted fault is red by its own name, and nothing is left behind. */

import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { MUTANTS, mutantFile } from './mutants.js';
import { it, Runs, signalOf, start } from './soak.test-support.js';

/** Enough for every fault to show: more rows than the flush cap, some dozen polls, two namespaces a tick. */
const SHORT = ['--target', 'host', '--duration', '12s', '--set', 'namespaces=40', '--set', 'flushRows=100', '--seed', '1'];
/** One of each kind that can be seen: of the process, of its life, of which rows there are, of what is in them. All: mutants.long.test.ts. */
const QUICK = ['thread-leak', 'crash', 'drop-after-flush', 'aliased-addresses'];

describe('a soak of netsoakd', () => {
  it('passes, twice at the same time, and derives the same verdict and report again from what it stored', async ({ runs }) => {
    const other = new Runs();
    const both = [runs.run('run', ...SHORT), other.run('run', ...SHORT)];
    for (const { code, stderr } of await Promise.all(both)) expect(code, stderr).toBe(0);
    expect(runs.verdict()).toMatchObject({ verdict: 'pass', subject: { starts: 1, restarts: 0 } });
    expect(runs.verdict().reached.filter((r) => r.count < r.required)).toEqual([]);
    expect(readFileSync(join(runs.latest(), 'report.html'), 'utf8')).toContain('namespace-churn');
    other.remove();

    const stored = ['verdict.json', 'report.html', 'junit.xml', 'summary.md'].map((name) => [
      name,
      readFileSync(join(runs.latest(), name), 'utf8'),
    ]);
    for (const [name] of stored) rmSync(join(runs.latest(), name ?? ''));
    expect((await start(['report', runs.latest()]).finished).code).toBe(0);
    expect(stored.map(([name]) => [name, readFileSync(join(runs.latest(), name ?? ''), 'utf8')])).toEqual(stored);
  });

  it('is unknown, not green, when the load is too small to show a fault', async ({ runs }) => {
    const { code } = await runs.run('run', ...SHORT, '--set', 'namespaces=12');
    expect([code, runs.verdict().verdict]).toEqual([2, 'unknown']);
    expect(runs.verdict().reason).toContain('steady namespaces');
  });
});

// Two at a time: they wait more than they work.
describe.concurrent('a planted fault', () => {
  it.for(MUTANTS.filter(({ name }) => QUICK.includes(name)))('$name fails by $caughtBy', async ({ name, caughtBy }, { runs }) => {
    const { code, stderr } = await runs.run('run', ...SHORT, '--subject', mutantFile(name));
    expect(code, stderr).toBe(1);
    const failed = runs
      .verdict()
      .invariants.filter((i) => i.verdict === 'fail')
      .map((i) => i.name);
    expect(failed.filter((invariant) => caughtBy.includes(invariant))).not.toEqual([]);
  });
});

describe.concurrent('a run that does not reach its end', () => {
  it('is partial after one ^C, healed, with a report', async ({ runs }) => {
    const run = runs.start('run', ...SHORT);
    await run.said('measuring');
    run.child.kill('SIGINT');
    expect((await run.finished).code).toBe(2);
    expect(runs.verdict()).toMatchObject({ verdict: 'partial', subject: { restarts: 0 } });
    expect(existsSync(join(runs.latest(), 'report.html'))).toBe(true);
  });

  it('ends at once with 130 after the second ^C', async ({ runs }) => {
    const run = runs.start('run', ...SHORT);
    await run.said('measuring');
    run.child.kill('SIGINT');
    await run.said('interrupted');
    run.child.kill('SIGINT');
    expect((await run.finished).code).toBe(130);
  });

  it('can still be reported when the harness was killed, and leaves nothing running', async ({ runs }) => {
    const run = runs.start('run', ...SHORT);
    await run.said('measuring');
    await delay(2000);
    run.child.kill('SIGKILL');
    await run.finished;
    const { code, stdout } = await start(['verdict', runs.latest(), '--json']).finished;
    expect([code, JSON.parse(stdout).verdict]).toEqual([2, 'partial']);
    expect((await start(['report', runs.latest()]).finished).code).toBe(0);
  });

  it('blames the machine, not the subject, when the load is killed', async ({ runs }) => {
    const run = runs.start('run', ...SHORT);
    await run.said('measuring');
    const events = readFileSync(join(runs.latest(), 'events.ndjson'), 'utf8');
    expect(events).toContain('load-start');
    signalOf(run.child.pid ?? 0, /^\S*netsoak-load /, 'SIGKILL');
    expect((await run.finished).code).toBe(3);
    expect(runs.verdict().verdict).toBe('infra');
  });

  it('keeps its verdict when the disk fills up', async ({ runs }) => {
    const disk = join(runs.folder, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'small-disk', disk]);
    try {
      const run = start(['run', ...SHORT, '--out', disk]);
      await run.said('measuring');
      fillUp(join(disk, 'filler'));
      const { code, stderr } = await run.finished;
      expect(code, stderr).toBe(3);
      expect(stderr).toContain('no space left');
      expect(JSON.parse(readFileSync(join(disk, 'latest/verdict.json'), 'utf8')).verdict).toBe('infra');
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});

/** Writes until nothing more goes in. */
function fillUp(file: string): void {
  const fd = openSync(file, 'w');
  try {
    for (;;) writeSync(fd, Buffer.alloc(4096));
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
  } finally {
    closeSync(fd);
  }
}
