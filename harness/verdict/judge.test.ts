import { describe, expect, test } from 'vitest';
import type { RunEvent, Stored } from '../facts/events.js';
import type { Outcome } from '../facts/verdict.js';
import { cutAt, fakePlan, healthyRun, withEvents, withoutEvents, withSeries } from './fake-run.test-support.js';
import { deriveVerdict, worst } from './judge.js';
import { crash, failed, infraError, isEnd, judge, of, run, threadLeak } from './judge.test-support.js';
import type { StoredRun } from './load-run.js';

describe('a healthy run', () => {
  test('passes, and says what that rests on', () => {
    expect(judge(run)).toMatchObject({
      verdict: 'pass',
      reason: '12 invariants held and 2 requirements were reached in 60 s',
      durationSeconds: 60,
      subject: { starts: 1, restarts: 0 },
      warnings: [],
    });
  });

  test('is not asked for leaks in less than 20 minutes', () => {
    expect(of(judge(run), 'rss-leak')?.verdict).toBe('skipped');
  });
});

describe('what decides', () => {
  const withFault = (...states: ('inject' | 'effective' | 'recover' | 'recovered' | 'failed')[]): StoredRun =>
    withEvents(
      run,
      ...states.map((state, i): Stored<RunEvent> => ({ at: 20 + i, kind: 'fault', name: 'netem loss', state, detail: '10 %' })),
    );
  const cases: readonly (readonly [name: string, run: StoredRun, outcome: Outcome, reason: string | RegExp])[] = [
    ['threads that grow', threadLeak, 'fail', 'threads 14 -> 54, crosses the ceiling of 16 at 33 s'],
    [
      'a subject that crashed',
      withEvents(run, crash),
      'fail',
      /^restarts: 1 unordered restart or exit in 1 start, and it never came back, first SIGSEGV at 30 s/,
    ],
    [
      'an error of the product',
      withEvents(run, { ...infraError, owner: 'product', message: 'ignored SIGTERM' }),
      'fail',
      'ignored SIGTERM (product)',
    ],
    [
      'a failed step',
      withEvents(run, { at: 50, kind: 'step', name: 'it recovers', state: 'fail', error: 'no row in 10 s' }),
      'fail',
      'step "it recovers" failed at 50 s: no row in 10 s',
    ],
    [
      'an offence that no invariant answers for',
      withEvents(run, { at: 50, kind: 'offence', invariant: 'ordering', detail: 'polls out of order' }),
      'fail',
      /"ordering".*polls out of order/,
    ],
    ['an error of the infrastructure', withEvents(run, infraError), 'infra', 'the agent fell silent (infra)'],
    ['an error of the harness', withEvents(run, { ...infraError, owner: 'harness' }), 'infra', /harness/],
    ['an error of the user', withEvents(run, { ...infraError, owner: 'user' }), 'infra', /user/],
    [
      'a load that was killed',
      withEvents(run, { at: 40, kind: 'load-exit', code: null, signal: 'SIGKILL', ordered: false, lastWords: '' }),
      'infra',
      'the load ended unordered (SIGKILL) at 40 s',
    ],
    [
      'a target that was lost',
      withEvents(run, { at: 40, kind: 'target', state: 'down', detail: 'the guest kernel panicked' }),
      'infra',
      'the target was lost at 40 s: the guest kernel panicked',
    ],
    [
      'a hole in the samples',
      withSeries(run, 'subject.threads', (v, at) => (at > 30 && at < 36 ? undefined : v)),
      'unknown',
      /^threads: unknown from 29\.5 s|^threads: unknown from 30 s to 37 s/,
    ],
    [
      'scrapes that failed',
      withSeries(run, 'subject.threads', (v, at) => (at > 30 && at < 36 ? null : v)),
      'unknown',
      /^threads: unknown from/,
    ],
    [
      'scrapes that fail every now and then',
      withSeries(run, 'subject.threads', (v, at) => (Math.round(at) % 5 === 0 ? null : v)),
      'unknown',
      /^threads: \d+ of 60 samples are unknown$/,
    ],
    ['a series that nobody sampled', withSeries(run, 'subject.fds', () => undefined), 'unknown', 'fds: 0 samples, too few to judge'],
    [
      'a requirement that was not reached',
      withSeries(run, 'load.churnEvents', (v) => v / 10),
      'unknown',
      /^churn events: reached 12\d of 600/,
    ],
    ['a fault that failed', withFault('inject', 'failed'), 'unknown', 'fault "netem loss" failed at 21 s: 10 %'],
    ['a fault without effect', withFault('inject'), 'unknown', 'fault "netem loss" was injected at 20 s and never took effect'],
    ['a fault that stayed', withFault('inject', 'effective', 'recover'), 'unknown', 'fault "netem loss" never recovered'],
    ['a fault as planned', withFault('inject', 'effective', 'recover', 'recovered'), 'pass', /./],
    [
      'a step that never ended',
      withEvents(run, { at: 50, kind: 'step', name: 'drain', state: 'begin' }),
      'unknown',
      'step "drain" began at 50 s and never ended',
    ],
    ['nothing to hold', healthyRun({ invariants: [] }), 'unknown', 'no invariant could be judged'],
    ['nothing measured', { ...run, series: [], events: [{ at: 1, kind: 'run-end' }] }, 'unknown', /./],
    [
      'a harness that died after the measured phase',
      withoutEvents(run, isEnd),
      'partial',
      'the harness died after the measured phase: the end of the run is not stored',
    ],
    ['a harness that died in mid-run', cutAt(run, 35), 'partial', 'the harness died after 25 s of 60 s: the end of the run is not stored'],
    [
      'a harness that died at once',
      { ...run, events: [], series: [] },
      'partial',
      'the harness died before anything was measured: the end of the run is not stored',
    ],
    ['less measured than planned', { ...run, plan: fakePlan({ durationSeconds: 90 }) }, 'partial', 'measured 60 s of 90 s planned'],
  ];
  test.each(cases)('%s', (_name, spoiled, outcome, reason) => {
    const verdict = judge(spoiled);
    expect({ verdict: verdict.verdict, reason: verdict.reason }).toEqual({
      verdict: outcome,
      reason: typeof reason === 'string' ? reason : expect.stringMatching(reason),
    });
  });

  test('^C after 5 s is partial, although little was seen and nothing was reached', () => {
    const stopped = withEvents(
      cutAt(run, 15),
      { at: 15, kind: 'interrupted', signal: 'SIGINT' },
      { at: 15.1, kind: 'step', name: 'it holds', state: 'skip' },
      { at: 15.2, kind: 'stage', stage: 'measure', state: 'end' },
      { at: 16, kind: 'target', state: 'down', detail: 'powered off' },
      { at: 16.1, kind: 'run-end' },
    );
    expect(judge(stopped)).toMatchObject({ verdict: 'partial', reason: 'interrupted by SIGINT after 5.2 s of 60 s', warnings: [] });
  });

  test('boot that failed is infra, with nothing but its error stored', () => {
    const { plan } = run;
    expect(
      deriveVerdict(
        plan,
        [
          { ...infraError, at: 3, message: 'no boot within 60 s' },
          { at: 3.1, kind: 'run-end' },
        ],
        [],
      ),
    ).toMatchObject({
      verdict: 'infra',
      reason: 'no boot within 60 s (infra)',
      durationSeconds: 0,
    });
  });
});

describe('the worst stands', () => {
  test('in the order fail, infra, unknown, partial, flaky, pass', () => {
    const order: Outcome[] = ['fail', 'infra', 'unknown', 'partial', 'flaky', 'pass'];
    for (const [i, better] of order.entries())
      for (const worse of order.slice(0, i + 1)) expect(worst([better, worse, 'pass'])).toBe(worse);
    expect(worst([])).toBe('pass');
  });

  test('a violation stays a fail when the infrastructure breaks afterwards; what was second is a warning', () => {
    const verdict = judge(withEvents(threadLeak, infraError));
    expect(verdict).toMatchObject({ verdict: 'fail', reason: 'threads 14 -> 24, crosses the ceiling of 16 at 33 s' });
    expect(verdict.warnings).toContain('infra: the agent fell silent (infra)');
  });

  test('a violation after the load was killed is not held against the product', () => {
    const lostRows = withSeries(run, 'poll.missing', (_, at) => (at > 41 ? 900 : 0));
    const verdict = judge(
      withEvents(lostRows, { at: 40, kind: 'load-exit', code: null, signal: 'SIGKILL', ordered: false, lastWords: '' }),
    );
    expect(verdict.verdict).toBe('infra');
    expect(failed(verdict)).toEqual([]);
  });

  test('a violation elsewhere in a series with a hole is a fail, not unknown', () => {
    const holed = withSeries(threadLeak, 'subject.threads', (v, at) => (at > 45 && at < 55 ? null : v));
    expect(of(judge(holed), 'threads')).toMatchObject({ verdict: 'fail', firstViolationSeconds: 32.5 });
  });

  test('of several violations the earliest names the run', () => {
    const both = withEvents(
      withSeries(threadLeak, 'poll.duplicates', (_, at) => (at > 20 ? 3 : 0)),
      crash,
    );
    expect(judge(both).reason).toMatch(/^no-duplicates: poll\.duplicates 0 -> 3, must stay 0/);
    expect(failed(judge(both))).toEqual(['threads', 'thread-law', 'restarts', 'no-duplicates']);
  });

  test('a step that failed for want of infrastructure is infra', () => {
    const step: Stored<RunEvent> = { at: 40.1, kind: 'step', name: 'it holds', state: 'fail', error: 'the load generator died' };
    expect(judge(withEvents(run, infraError, step)).verdict).toBe('infra');
  });
});
