/** `netsoak run --detach` and `netsoak attach`: a run that goes on without the one who started it. */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { exitCodeOfAll } from './exit.js';
import { screens } from './live/screen.test-support.js';
import { type OnTerminal, startOnTerminal } from './pty.test-support.js';
import { BRIEF, it, start } from './soak.test-support.js';

describe('detached', () => {
  it('a run goes on without the one who started it; who takes it up sees it from its beginning and ends as it ends', async ({ runs }) => {
    const { code, stdout } = await runs.run('run', ...BRIEF, '--detach');
    const directory = stdout.trim();
    expect([code, realpathSync(runs.latest())]).toEqual([0, realpathSync(directory)]);
    expect(existsSync(join(directory, 'verdict.json'))).toBe(false);

    const first = start(['attach', directory]);
    await first.said('starting target host');
    first.child.kill('SIGQUIT');
    expect((await first.finished).code).toBe(0);

    const cut = start(['attach', directory]);
    await cut.said('starting target host');
    cut.child.kill('SIGKILL');
    await cut.finished;

    const last = startOnTerminal(['attach', directory], {});
    const ended = await last.finished;
    // On a busy machine a run this short may turn out otherwise than green; whatever it is, attach must say that.
    expect(ended, last.written()).toBe(exitCodeOfAll([runs.verdict()], false));
    const shown = screens(last.written()).end.everything;
    expect(shown).toContain(` ${runs.verdict().verdict.toUpperCase()}   namespace-churn`);
    if (ended === 0) expect(shown.split('\n')).toHaveLength(1);
    expect(readFileSync(join(directory, 'events.ndjson'), 'utf8')).not.toContain('interrupted');
    const late = await start(['attach', directory]).finished;
    expect([late.code, late.stderr]).toEqual([64, expect.stringContaining('is no detached run that goes on')]);
  });

  it("a run is its owner's to interrupt", async ({ runs }) => {
    const { stdout } = await runs.run('run', ...BRIEF, '--duration', '10m', '--detach', '--json');
    const owner = start(['attach', (JSON.parse(stdout) as { run: string }).run, '--json']);
    await owner.said('measuring for 10m');
    owner.child.kill('SIGINT');
    const { code, stderr, stdout: told } = await owner.finished;
    expect([code, runs.verdict().verdict], stderr).toEqual([2, 'partial']);
    expect(JSON.parse(told)).toEqual(runs.verdict());
  });

  it('a run in a VM lets people in on their terminal, who may leave, and shows them out when it ends', async ({ runs }) => {
    const { stdout } = await runs.run('run', '--duration', '10m', '--detach');
    const directory = stdout.trim();
    const owner = start(['attach', directory]);
    await owner.said('target up');
    const enter = async (): Promise<OnTerminal> => {
      const shell = startOnTerminal(['shell', directory], runs.env);
      await expect.poll(() => shell.written(), { timeout: 60_000 }).toMatch(/# $/);
      return shell;
    };
    const [leaves, stays] = [await enter(), await enter()];
    leaves.type('\x1d');
    expect(await leaves.finished).toBe(130);
    stays.type('echo still on $(cat /proc/sys/kernel/hostname)\r');
    await expect.poll(() => stays.written(), { timeout: 60_000 }).toContain('still on netsoak-guest');
    owner.child.kill('SIGINT');
    expect((await owner.finished).code).toBe(2);
    expect(await stays.finished).toBe(130);
    expect(runs.verdict().verdict).toBe('partial');
  });
});
