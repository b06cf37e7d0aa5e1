import { describe, expect, it } from 'vitest';
import { renderMergedReport } from '../reports/merged-report.js';
import type { Plan } from './facts/plan.js';
import type { Outcome } from './facts/verdict.js';
import { merge, type ReportedRun, tallySentence } from './merge.js';
import { renderMergedSummary } from './reporters/summary.js';
import { mayTryAgain } from './retry.js';
import { fakePlan, healthyRun } from './verdict/fake-run.test-support.js';
import { judgeRun } from './verdict/load-run.js';

const SCENARIOS = ['a', 'b', 'c'];

function run(scenario: string, verdict: Outcome, over: Partial<Plan> = {}): { plan: Plan; run: ReportedRun } {
  const plan = fakePlan({ id: `run-${scenario}`, scenario, ...over });
  const told = { ...judgeRun(healthyRun()), scenario, verdict, ...(over.quarantine && { quarantine: over.quarantine }) };
  return { plan, run: { id: plan.id, verdict: told, startedAt: plan.startedAt, replay: plan.replay, report: `${plan.id}/report.html` } };
}
const sharded = (scenario: string, index: number, verdict: Outcome = 'pass') =>
  run(scenario, verdict, { shard: { index, of: 3, scenarios: SCENARIOS } });

describe('several runs as one', () => {
  it('are as good as the worst of them, in whatever order they are found', () => {
    const all = [run('a', 'pass'), run('b', 'infra'), run('c', 'unknown')];
    expect(merge(all)).toMatchObject({ verdict: 'infra', counts: { pass: 1, infra: 1, unknown: 1, fail: 0 } });
    expect(merge([...all].reverse())).toEqual(merge(all));
  });

  it('are green when every shard is there and green', () => {
    expect(merge(SCENARIOS.map((name, i) => sharded(name, i + 1)))).toMatchObject({ verdict: 'pass', missing: [] });
  });

  it('are not green when a shard is missing, and say whose', () => {
    const merged = merge([sharded('a', 1), sharded('c', 3)]);
    expect(merged).toMatchObject({ verdict: 'unknown', missing: ['b'] });
    expect(merged.reason).toBe('2 runs, 2 pass, no run of b');
    expect(merge([sharded('a', 1, 'fail'), sharded('c', 3)]).verdict).toBe('fail');
  });

  it('do not count a first try that was followed by a second', () => {
    const first = run('a', 'infra');
    const second = run('a', 'flaky', { id: 'run-a-2', retryOf: { id: first.plan.id, reason: 'x' } });
    const merged = merge([first, second]);
    expect(merged).toMatchObject({ verdict: 'flaky', runs: [{ id: 'run-a-2' }], superseded: [{ id: 'run-a' }] });
  });

  it('count quarantined ones apart', () => {
    const merged = merge([run('a', 'pass'), run('b', 'fail', { quarantine: { reason: 'x', since: '2026-01-01' } })]);
    expect(merged).toMatchObject({ verdict: 'pass', excused: 1, counts: { pass: 1, fail: 0 } });
  });

  it('of one scenario in one place are tries of the same thing, with what they bound the rate of anything but pass to', () => {
    const clean = Array.from({ length: 50 }, (_, i) => run('a', 'pass', { id: `run-${i}` }));
    expect(merge([...clean, run('b', 'pass')]).tallies).toEqual([
      { scenario: 'a', place: 'vm', runs: 50, notPassed: 0, rateAtMost: expect.closeTo(0.0582, 4), notJudged: ['rss-leak'] },
    ]);
    const merged = merge([...clean, run('a', 'unknown')]);
    expect(merged.tallies.map(tallySentence)).toEqual([
      'a on vm: 1 of 51 runs called anything but pass, which bounds the rate to 8.97 % (95 % confidence); not judged in each: rss-leak',
    ]);
    expect(renderMergedSummary(merged)).toContain('- a on vm: 1 of 51 runs called');
  });

  it('of none are unknown', () => expect(merge([]).verdict).toBe('unknown'));

  it('have a page that leads to each of them and acts on nothing that a run says', () => {
    const page = renderMergedReport(merge([run('a', 'pass'), run('<b>', 'fail')]));
    expect(page).toContain('<a href="run-a/report.html">run-a</a>');
    expect(page).toContain('&lt;b&gt;');
    expect(page).not.toContain('<b>');
    expect(page).not.toMatch(/<script|https?:/);
  });
});

describe('a second try', () => {
  const error = (code: string) => ({ kind: 'error', owner: 'infra', code, message: '', hint: '' }) as const;
  const loadExit = { kind: 'load-exit', code: null, signal: 'SIGKILL', ordered: false, lastWords: '' } as const;

  it('is for what the moment broke', () => {
    expect(mayTryAgain([error('target-lost')])).toBe(true);
    expect(mayTryAgain([loadExit])).toBe(true);
  });

  it('is not for what would break the next run too, nor for nothing', () => {
    expect(mayTryAgain([error('disk-full')])).toBe(false);
    expect(mayTryAgain([error('target-lost'), error('no-room')])).toBe(false);
    expect(mayTryAgain([{ ...loadExit, ordered: true }])).toBe(false);
  });
});
