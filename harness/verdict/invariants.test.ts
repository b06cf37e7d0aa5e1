import { describe, expect, test } from 'vitest';
import type { RunEvent, Stored } from '../facts/events.js';
import type { InvariantVerdict } from '../facts/verdict.js';
import { BEGIN, cutAt, healthyRun, INVARIANTS, withEvents, withoutEvents, withSeries } from './fake-run.test-support.js';
import { failed, isEnd, judge, of, run, threadLeak } from './judge.test-support.js';
import type { StoredRun } from './load-run.js';

describe('ceilings', () => {
  test('are judged in the measured phase alone', () => {
    expect(judge(withSeries(run, 'subject.threads', (v, at) => (at > 8 && at < BEGIN ? 99 : v))).verdict).toBe('pass');
  });

  test('hold at its very end too, where what is true of the phase as a whole stands', () => {
    const end = run.events.find((event) => event.kind === 'stage' && event.stage === 'measure' && event.state === 'end');
    const point = { at: end?.at as number, v: { 'load.goneSeconds': 3 } };
    expect(failed(judge({ ...run, series: [...run.series, point] }))).toEqual(['no-pinned-namespaces']);
    expect(judge({ ...run, series: [...run.series, { ...point, at: point.at + 0.001 }] }).verdict).toBe('pass');
  });

  test('tell bound and figure apart', () => {
    const late = of(judge(withSeries(run, 'load.goneSeconds', (v, at) => (at > 40 ? 2.0004 : v))), 'no-pinned-namespaces');
    expect(late).toMatchObject({ verdict: 'fail', bound: 'at most 2 s', observed: expect.stringContaining('-> 2.0004 s') });
  });

  test('at the bound are held', () => {
    expect(judge(withSeries(run, 'load.goneSeconds', () => 2)).verdict).toBe('pass');
  });

  test('an offence is a violation even if the sample that shows it was torn off', () => {
    const offence: Stored<RunEvent> = { at: 33, kind: 'offence', invariant: 'completeness', detail: '212 of 2,412 rows missing' };
    expect(judge(withEvents(run, offence))).toMatchObject({ verdict: 'fail', reason: 'completeness: 212 of 2,412 rows missing at 33 s' });
    expect(judge(withEvents(run, { ...offence, at: 6 })).verdict).toBe('pass');
  });

  test('evidence gathered at a violation is one', () => {
    expect(failed(judge(withEvents(run, { at: 33, kind: 'evidence', invariant: 'threads', data: {} })))).toEqual(['threads']);
  });

  test('over the median forgive a warm-up and find a jump', () => {
    expect(judge(withSeries(run, 'subject.fds', (v, at) => (at < 18 ? v - 25 : v))).verdict).toBe('pass');
    const jump = judge(withSeries(run, 'subject.fds', (v, at) => (at > 60 ? v + 60 : v)));
    expect(jump.reason).toMatch(/^fds 3\d -> 9\d, crosses 48 \(median 32\) at 60 s|^fds 3\d -> 9\d, crosses 48 \(median 32\) at 61 s/);
  });
});

describe('over the median, with lives that the plan ended', () => {
  const MIB = 2 ** 20;
  const brief = healthyRun({ durationSeconds: 16, invariants: INVARIANTS.filter((i) => i.name === 'rss'), required: [] });
  const start = (at: number, n: number): Stored<RunEvent> => ({
    at,
    kind: 'subject-start',
    start: n,
    pid: 100 + n,
    startTicks: n,
    ordered: true,
  });
  /** Each life begins small; the figure before the first end is that of a young one. */
  const young = withSeries(brief, 'subject.rssBytes', (_, at) => (at < 17 ? 10 : 80) * MIB);

  test('short ones that begin small are no growth', () => {
    expect(of(judge(young), 'rss')?.verdict).toBe('fail');
    expect(of(judge(withEvents(young, start(17, 2), start(21, 3), start(25, 4))), 'rss')?.verdict).toBe('pass');
  });

  test('growth within a long one is found by where it settled', () => {
    const rss = healthyRun({ invariants: INVARIANTS.filter((i) => i.name === 'rss'), required: [] });
    const leaking = withSeries(rss, 'subject.rssBytes', (v, at) => (at > 25 ? v + (at - 25) * 5 * MIB : v));
    const spoiled = withEvents(leaking, start(14, 2), start(18, 3), start(22, 4));
    expect(of(judge(spoiled), 'rss')).toMatchObject({ verdict: 'fail', observed: expect.stringContaining('above from') });
  });
});

describe('the same over windows', () => {
  const law = (spoiled: StoredRun): InvariantVerdict | undefined => of(judge(spoiled), 'thread-law');

  test('fails by one thread, under every ceiling', () => {
    const one = judge(withSeries(run, 'subject.threads', (v, at) => (at > 40 ? v + 1 : v)));
    expect(one.verdict).toBe('fail');
    expect(failed(one)).toEqual(['thread-law']);
    expect(one.reason).toBe(
      'thread-law: subject.threads 14 in "few namespaces" -> 15 in "all namespaces", must be the same, differs at 41 s',
    );
  });

  test('fails in a run that was cut off once an open window has grown beyond a closed one', () => {
    expect(law(cutAt(threadLeak, 35))?.verdict).toBe('fail');
    expect(law(cutAt(run, 35))).toMatchObject({ verdict: 'unknown', observed: 'window "all namespaces" never ended' });
  });

  test('is unknown without one of the windows', () => {
    expect(law(withoutEvents(run, (e) => e.kind === 'mark' && e.name === 'few namespaces'))?.verdict).toBe('unknown');
  });
});

describe('counts, ratios and quantiles', () => {
  test('polls that never came fail, although their series is just silent', () => {
    const frozen = judge(withSeries(run, 'poll.rows', (v, at) => (at > 40 ? undefined : v)));
    expect(frozen).toMatchObject({ verdict: 'fail', reason: 'polls: only 30 of at least 54 samples of poll.rows came in 60 s' });
  });

  test('in a run that was cut short only polls missing by more than half are a violation: the rest are its two ends', () => {
    const stopAt = (at: number): StoredRun =>
      withEvents(
        cutAt(run, at),
        { at, kind: 'interrupted', signal: 'SIGINT' },
        { at, kind: 'stage', stage: 'measure', state: 'end' },
        { at, kind: 'run-end' },
      );
    const from = (at: number, until: number): StoredRun => withSeries(stopAt(until), 'poll.rows', (v, t) => (t < at ? v : undefined));
    expect(judge(from(13, 17)).verdict).toBe('partial');
    expect(judge(from(28, 40))).toMatchObject({ verdict: 'partial' });
    expect(judge(from(20, 50))).toMatchObject({ verdict: 'fail', reason: expect.stringMatching(/^polls: only 10 of at least 36/) });
  });

  test('polls are not missed in a run whose end is not stored', () => {
    expect(of(judge(withoutEvents(cutAt(run, 14), isEnd)), 'polls')?.verdict).not.toBe('fail');
  });

  test('a ratio under its bound fails, one over nothing is unknown', () => {
    expect(judge(withSeries(run, 'churn.seen', (v) => Math.floor(v * 0.9)))).toMatchObject({
      verdict: 'fail',
      reason: expect.stringMatching(/^churn-coverage: churn\.seen is 4\d\d of 5\d\d \(\d\d\.\d+ %\), must be at least 95 %$/),
    });
    expect(of(judge(withSeries(run, 'churn.eligible', () => 0)), 'churn-coverage')?.verdict).toBe('unknown');
  });

  test('a ratio may end in the heal stage', () => {
    const late = withSeries(run, 'churn.seen', (v, at) => (at < 70 ? v * 0.9 : v));
    expect(judge(late).verdict).toBe('pass');
  });

  test('a quantile forgives what it leaves out', () => {
    const slow = (many: number): StoredRun =>
      withSeries(healthyRun({ durationSeconds: 400 }), 'poll.spanSeconds', (v, at) => (at > 100 && at < 100 + many ? 3 : v));
    expect(of(judge(slow(3)), 'poll-duration')?.verdict).toBe('pass');
    expect(of(judge(slow(6)), 'poll-duration')).toMatchObject({
      verdict: 'fail',
      observed: expect.stringMatching(/^p99 3 s, of 400 samples/),
    });
  });
});

describe('leaks', () => {
  const hour = healthyRun({ durationSeconds: 3600 });
  const leak = (megabytes: number): StoredRun => withSeries(hour, 'subject.rssBytes', (v, at) => v + ((megabytes * at) / 3600) * 2 ** 20);

  test('are found in an hour', () => {
    expect(of(judge(hour), 'rss-leak')?.verdict).toBe('pass');
    const verdict = judge(leak(20));
    expect(failed(verdict)).toEqual(['rss-leak']);
    expect(verdict.reason).toMatch(/^rss-leak: subject\.rssBytes [\d.]+ MiB -> [\d.]+ MiB along its trend, grows by [\d.]+ MiB an hour$/);
  });

  test('under minGrowth are none', () => {
    expect(judge(leak(5)).verdict).toBe('pass');
  });
});
