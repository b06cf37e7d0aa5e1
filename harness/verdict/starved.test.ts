import { describe, expect, test } from 'vitest';
import type { Invariant } from '../facts/plan.js';
import { cutAt, fakePlan, healthyRun, INVARIANTS, withEvents, withSeries } from './fake-run.test-support.js';
import { judge, of, threadLeak } from './judge.test-support.js';
import type { StoredRun } from './load-run.js';

const needsCpu = { withinSeconds: 1 };
const PACE: readonly Invariant[] = [
  ...INVARIANTS.filter(({ name }) => !['no-pinned-namespaces', 'polls', 'poll-duration', 'churn-coverage'].includes(name)),
  { name: 'polls', type: 'count', series: 'poll.rows', min: 54, needsCpu, why: '' },
  { name: 'poll-pace', type: 'quantile', series: 'poll.gapSeconds', q: 0.9, max: 1.5, needsCpu: { ...needsCpu, tickSeconds: 1 }, why: '' },
  { name: 'poll-duration', type: 'quantile', series: 'poll.spanSeconds', q: 0.99, max: 1, needsCpu, why: '' },
  { name: 'churn-coverage', type: 'ratio', numerator: 'churn.seen', denominator: 'churn.eligible', min: 0.95, needsCpu, why: '' },
  { name: 'churn-completeness', type: 'ceiling', series: 'poll.churnMissing', max: 0, needsCpu: { withinSeconds: 4 }, why: '' },
  { name: 'soon-gone', type: 'ceiling', series: 'load.goneSeconds', max: 2, needsCpu, why: '' },
];

/** A run in which the subject was kept waiting for a share of each second. */
function starved(share: (at: number) => number, who = 'subject'): StoredRun {
  const run = healthyRun({ invariants: PACE });
  let seconds = 0;
  let before = 0;
  const series = run.series.map((point) => {
    if ('poll.rows' in point.v) return { ...point, v: { ...point.v, 'poll.gapSeconds': 1, 'poll.churnMissing': 0 } };
    seconds += (point.at - before) * share(point.at);
    before = point.at;
    return { ...point, v: { ...point.v, 'subject.starvedSeconds': 0, [`${who}.starvedSeconds`]: seconds } };
  });
  return { ...run, series };
}

const idle = starved(() => 0.02);
const busy = starved(() => 0.6);
const every = (value: number) => () => value;
/** Each second poll is left out. */
const halved = (run: StoredRun): StoredRun => withSeries(run, 'poll.rows', (v, at) => (Math.floor(at) % 2 === 0 ? undefined : v));

test('the runs as they are pass', () => {
  expect([judge(idle).verdict, judge(busy).verdict]).toEqual(['pass', 'pass']);
});

describe('a bound in time that was missed', () => {
  const missed: readonly (readonly [string, (run: StoredRun) => StoredRun])[] = [
    ['polls', halved],
    ['poll-pace', (run) => withSeries(run, 'poll.gapSeconds', every(2))],
    ['poll-duration', (run) => withSeries(run, 'poll.spanSeconds', every(1.4))],
    ['churn-coverage', (run) => withSeries(run, 'churn.seen', (v) => v * 0.9)],
    ['churn-completeness', (run) => withSeries(run, 'poll.churnMissing', every(4))],
    ['soon-gone', (run) => withSeries(run, 'load.goneSeconds', (v, at) => (at > 40 ? 2.9 : v))],
  ];

  test.each(missed)('%s is the subject, where it could run', (name, spoil) => {
    expect(judge(spoil(idle)).verdict).toBe('fail');
    expect(of(judge(spoil(idle)), name)?.verdict).toBe('fail');
  });

  test.each(missed)('%s is nobody knows whose, where others had the processors, and why is said', (name, spoil) => {
    const verdict = judge(spoil(busy));
    expect(verdict.verdict).toBe('unknown');
    expect(of(verdict, name)).toMatchObject({ verdict: 'unknown', observed: expect.stringMatching(/waited 3\d(\.\d)? s for processors/) });
  });

  test.each(missed)('%s is judged so too where the machine outside kept all of the target waiting', (name, spoil) => {
    expect(of(judge(spoil(starved(() => 0.6, 'target'))), name)?.verdict).toBe('unknown');
  });

  test('an offence that was told of it goes with it, and only where it was starved', () => {
    const told = (at: number): StoredRun =>
      withEvents(
        withSeries(
          starved((t) => (t < 40 ? 0.6 : 0.02)),
          'poll.churnMissing',
          (v, t) => (Math.abs(t - at) < 0.6 ? 2 : v),
        ),
        { at: at + 1, kind: 'offence', invariant: 'churn-completeness', detail: 'a socket is not in this poll' },
      );
    expect(of(judge(told(30)), 'churn-completeness')?.verdict).toBe('unknown');
    expect(of(judge(told(60)), 'churn-completeness')?.verdict).toBe('fail');
  });
});

describe('on a machine that starves it, a subject is still to blame', () => {
  const hung = (run: StoredRun): StoredRun => withSeries(run, 'poll.gapSeconds', (v, at) => (at > 30 ? at - 30 : v));

  test('when it hangs: what it waited is not nearly as long', () => {
    expect(of(judge(hung(busy)), 'poll-pace')?.verdict).toBe('fail');
  });

  test('when its polls take longer than what it waited', () => {
    expect(of(judge(withSeries(busy, 'poll.spanSeconds', every(6))), 'poll-duration')?.verdict).toBe('fail');
    expect(of(judge(withSeries(busy, 'poll.gapSeconds', every(8))), 'poll-pace')?.verdict).toBe('fail');
  });

  test('when it was starved at another time', () => {
    const before = starved((at) => (at < 30 ? 0.9 : 0));
    expect(of(judge(withSeries(before, 'load.goneSeconds', (v, at) => (at > 50 ? 2.9 : v))), 'soon-gone')?.verdict).toBe('fail');
    expect(of(judge(withSeries(before, 'poll.spanSeconds', (v, at) => (at > 40 ? 1.4 : v))), 'poll-duration')?.verdict).toBe('fail');
    expect(of(judge(withSeries(before, 'poll.rows', (v, at) => (at > 35 ? undefined : v))), 'polls')?.verdict).toBe('fail');
  });

  test('for rows and threads, which take no time', () => {
    expect(judge(withSeries(busy, 'poll.missing', (v, at) => (at > 40 ? 1 : v))).verdict).toBe('fail');
    expect(judge({ ...threadLeak, series: withSeries(busy, 'subject.threads', (v, at) => (at > 30 ? 40 : v)).series }).verdict).toBe(
      'fail',
    );
  });
});

test('nobody is excused where the kernel tells nothing', () => {
  const silent = { ...healthyRun({ invariants: PACE }), plan: fakePlan({ invariants: PACE }) };
  expect(of(judge(withSeries(silent, 'poll.spanSeconds', every(1.4))), 'poll-duration')?.verdict).toBe('fail');
});

describe('a VM whose host gave it no time', () => {
  const step = (late?: true): Parameters<typeof withEvents>[1] => ({
    at: 300,
    kind: 'step',
    name: 'the subject works with a few namespaces',
    state: 'fail',
    error: 'Test timed out in 290000ms.',
    ...(late && { late }),
  });
  /** Nothing but what is stored until its subject should have been ready, and the account of the machine outside. */
  const cut = (share: number): StoredRun => {
    const { plan, events } = cutAt(healthyRun(), 3);
    const series = Array.from({ length: 301 }, (_, at) => ({ at, v: { 'target.starvedSeconds': at * share } }));
    return withEvents({ plan, events, series, warnings: [] }, { at: 301, kind: 'run-end' });
  };

  test('is infra where the agent said so, and its subject is blamed for nothing', () => {
    const said = { kind: 'error', owner: 'infra', code: 'starved', message: 'the subject was not ready within 300 s', hint: '' } as const;
    const verdict = judge(withEvents(cut(0.9), { at: 299.9, ...said }, { ...step(), at: 300 }));
    expect(verdict).toMatchObject({ verdict: 'infra', reason: 'the subject was not ready within 300 s (infra)' });
    expect(verdict.warnings.filter((line) => line.startsWith('fail'))).toEqual([]);
  });

  test('is unknown where a step came to no end in its time, as it is a fail where it had the time', () => {
    expect(judge(withEvents(cut(0.9), step(true)))).toMatchObject({
      verdict: 'unknown',
      reason: expect.stringMatching(/^step "the subject works .*; the subject waited 2\d\d s of it for processors/),
    });
    expect(judge(withEvents(cut(0.1), step(true))).verdict).toBe('fail');
    expect(judge(withEvents(cut(0.9), step())).verdict).toBe('fail');
  });
});
