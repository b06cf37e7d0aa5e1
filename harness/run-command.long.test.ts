/** `netsoak run` in a CI job: the infrastructure breaks, is tried again, and every report tells of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { Verdict } from './facts/verdict.js';
import { runsBelow } from './runs.js';
import { BRIEF, it, signalOf, start } from './soak.test-support.js';

describe('in a CI job', () => {
  it('what broke is tried once more if flaky runs are allowed; all reports tell of both tries', async ({ runs }) => {
    const files = ['junit', 'tap', 'summary'].flatMap((name) => [`--${name}`, join(runs.folder, name)]);
    const run = runs.startWith(
      { GITHUB_ACTIONS: 'true', CI: 'true' },
      'run',
      'namespace-churn',
      '--shard',
      '1/1',
      ...BRIEF,
      '--allow-flaky',
      ...files,
    );
    await run.said('measuring');
    signalOf(run.child.pid ?? 0, /^\S*netsoak-load /, 'SIGKILL');
    const { code, stdout, stderr } = await run.finished;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('trying once more');
    expect(stdout).toMatch(
      /^::warning file=scenarios\/namespace-churn\.ts,title=namespace-churn%3A flaky::passed at the second try; the first was infra/,
    );
    const verdicts = runsBelow(runs.folder).map((folder) => JSON.parse(readFileSync(join(folder, 'verdict.json'), 'utf8')) as Verdict);
    expect(verdicts.map(({ verdict }) => verdict).sort()).toEqual(['flaky', 'infra']);
    expect(readFileSync(join(runs.folder, 'tap'), 'utf8')).toMatch(/^TAP version 14\n1\.\.1\n/);
    expect(readFileSync(join(runs.folder, 'junit'), 'utf8')).toContain('<testsuites name="netsoak"');
    expect(readFileSync(join(runs.folder, 'summary'), 'utf8')).toContain('was tried again: infra: ');

    const merged = await start(['verdict', runs.folder, '--json']).finished;
    expect([merged.code, JSON.parse(merged.stdout)]).toMatchObject([1, { kind: 'merged', verdict: 'flaky', superseded: [{}] }]);
    expect((await start(['verdict', runs.folder, '--allow-flaky']).finished).code).toBe(0);
    expect((await start(['report', runs.folder]).finished).stdout).toBe(`${join(runs.folder, 'report.html')}\n`);
    expect(JSON.parse(readFileSync(join(runs.folder, 'verdict.json'), 'utf8'))).toEqual(JSON.parse(merged.stdout));
  });
});
