/** `netsoak run` as people use it: on a terminal, asked with a signal, on a full disk. CI jobs: run-command.long.test.ts; detached ones: attach-command.long.test.ts. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { screens } from './live/screen.test-support.js';
import { mutantFile } from './mutants.js';
import { startOnTerminal } from './pty.test-support.js';
import { BRIEF, it, start } from './soak.test-support.js';

describe.concurrent('on a terminal', () => {
  it('a green run is a moving picture, answers SIGUSR1, and ends as one line', async ({ runs }) => {
    const run = startOnTerminal(['run', ...BRIEF, '--out', runs.folder, '--keep'], runs.env);
    await expect.poll(() => run.written(), { timeout: 60_000 }).toContain('measuring for 6s');
    run.kill('SIGUSR1');
    expect(await run.finished, run.written()).toBe(0);
    const { end, pictures } = screens(run.written());
    const busy = pictures.filter((picture) => /left of 6s · measuring for 6s/.test(picture));
    expect(busy.length).toBeGreaterThan(4);
    expect(busy.at(-1)).toMatch(/^namespace-churn {2}target host, seed 1, netsoakd$/m);
    expect(busy.at(-1)).toMatch(/^· threads +[▁▂▃▄▅▆▇█ ]+ +13 {2}at most 16$/m);
    const all = end.everything.split('\n');
    expect(all[0]).toMatch(/^namespace-churn \(target host, seed 1\), .* measuring for 6s, .* left of 6s$/);
    expect(all[1]).toMatch(/^ {2}step: "/);
    expect(all[6]).toBe(`  run directory ${join(runs.folder, readdirSync(runs.folder).find((name) => name.endsWith('-1')) ?? '')}`);
    expect(all.slice(7)).toEqual([expect.stringMatching(/^ PASS {3}namespace-churn {2}\/.*\/report\.html$/)]);
    expect(run.written()).toContain('\x1b[42m');
  });

  it('a red run ends with everything that was told; quarantined, it is shown, counted and fails nobody', async ({ runs }) => {
    const quarantine = join(runs.folder, 'quarantine.yaml');
    writeFileSync(quarantine, '- scenario: namespace-churn\n  reason: threads leak, being looked into\n  since: 2026-01-02\n');
    const summary = join(runs.folder, 'step.md');
    const run = startOnTerminal(
      ['run', ...BRIEF, '--out', runs.folder, '--keep', '--subject', mutantFile('thread-leak'), '--quarantine', quarantine],
      { ...runs.env, NO_COLOR: '1', GITHUB_STEP_SUMMARY: summary },
    );
    expect(await run.finished, run.written()).toBe(0);
    const { everything } = screens(run.written()).end;
    for (const words of ['starting target host', 'measuring for 6s', 'healing', 'fail     threads: ', ' FAIL   namespace-churn: '])
      expect(everything).toContain(words);
    expect(everything).toContain('in quarantine since 2026-01-02, fails no job: threads leak');
    expect(runs.verdict()).toMatchObject({ verdict: 'fail', quarantine: { since: '2026-01-02' } });
    expect(readFileSync(summary, 'utf8')).toMatch(/^## FAIL: /);
    // NO_COLOR: the cursor moves, the colour does not change.
    expect(run.written().replaceAll(/\[\d*[AJ]/g, '')).not.toMatch(/\[[\d;]*m/);
    const kept = /^kept {4}(\S+)$/m.exec(everything)?.[1] ?? '';
    expect(existsSync(kept)).toBe(true);
    rmSync(kept, { recursive: true });

    // The same again, by what it stored; meanwhile somebody cleans up.
    const first = realpathSync(runs.latest());
    const again = runs.start('replay', first);
    await again.said('measuring for 6s');
    const cleaned = await start(['clean', '--keep', '0', '--out', runs.folder], { ...process.env, ...runs.env }).finished;
    expect(cleaned.stdout).toMatch(/^removed \S+-1 \(an older run\)\n\d+\.\d MB in 1 place\n$/);
    const { code, stderr } = await again.finished;
    expect(stderr).toMatch(/^repeats \S+-1: (nothing differs|not the same any more:\n {2}revision: \S+-dirty may not be the same.*)\n/);
    expect([code, existsSync(first), runs.verdict()]).toMatchObject([1, false, { verdict: 'fail', seed: 1 }]);
    expect(runs.verdict()).not.toHaveProperty('quarantine');
  });
});

describe('a machine without room', () => {
  it('is told before the run begins, with the figures, and the run is infra', async ({ runs }) => {
    const disk = join(runs.folder, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'small-disk', disk]);
    try {
      const { code, stderr } = await start(['run', ...BRIEF, '--out', disk]).finished;
      expect(code, stderr).toBe(3);
      expect(stderr).toMatch(/no space left to run in: [23]\.\d MiB free in \S+, this run may take 16 MiB/);
      expect(stderr).not.toContain('starting target');
      expect(JSON.parse(readFileSync(join(disk, 'latest/verdict.json'), 'utf8')).verdict).toBe('infra');
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});
