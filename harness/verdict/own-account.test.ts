/** Invariants about what the subject takes of the machine and what it tells of itself. */
import { describe, expect, test } from 'vitest';
import type { Invariant } from '../facts/plan.js';
import type { InvariantVerdict } from '../facts/verdict.js';
import { healthyRun, withEvents, withSeries } from './fake-run.test-support.js';
import { judge, of } from './judge.test-support.js';
import type { StoredRun } from './load-run.js';

const HELD: readonly Invariant[] = [
  { name: 'polls', type: 'count', series: 'poll.rows', min: 54, max: 68, why: '' },
  { name: 'cpu', type: 'rate', series: 'subject.cpuSeconds', maxPerSecond: 0.6, why: '' },
  { name: 'fd-rise', type: 'rise', series: 'subject.fds', plus: 4, why: '' },
  {
    name: 'truth',
    type: 'tracks',
    series: 'told.rows',
    of: 'rows.total',
    slackSeconds: 5,
    counters: ['told.polls', 'told.never'],
    why: '',
  },
  { name: 'by-poll', type: 'stepwise', series: 'told.rows', steps: 'told.polls', of: 'rows.total', ofSteps: 'polls.total', why: '' },
  { name: 'balance', type: 'balance', series: 'told.rows', parts: ['told.exported', 'told.dropped'], why: '' },
];

/** Scraped once a second, beside what arrived. */
function told(values: (at: number) => Readonly<Record<string, number | null>>, durationSeconds = 60): StoredRun {
  const run = healthyRun({ durationSeconds, invariants: HELD, required: [] });
  const series = run.series.map((point) => ('poll.rows' in point.v ? { ...point, v: { ...point.v, ...values(point.at) } } : point));
  return { ...run, series };
}

const right = (at: number): Readonly<Record<string, number>> => {
  const rows = Math.round(at * 100);
  const polls = Math.round(at);
  return { 'rows.total': rows, 'polls.total': polls, 'told.rows': rows, 'told.exported': rows - 7, 'told.dropped': 7, 'told.polls': polls };
};
const run = told(right);
const found = (spoiled: StoredRun, name: string): InvariantVerdict | undefined => of(judge(spoiled), name);
const twice = (value: number, at: number, from: number): number => (at > from ? value + (at - from) : value);

test('a run in which all of it is right holds them', () => {
  expect(judge(run).invariants.map(({ name, verdict }) => [name, verdict])).toEqual(HELD.map(({ name }) => [name, 'pass']));
});

test('more events than fit into the phase are a violation, in a phase that lasted longer more fit', () => {
  const many = {
    ...run,
    series: [...run.series, ...run.series.map(({ at, v }) => ({ at: at + 0.4, v: { 'poll.rows': v['poll.rows'] ?? 1 } }))],
  };
  expect(found(many, 'polls')).toMatchObject({ verdict: 'fail', bound: 'at least 54, at most 68' });
  const longer = told(right, 75);
  const planned = { ...longer, plan: { ...longer.plan, durationSeconds: 60 } };
  expect(found(planned, 'polls')).toMatchObject({ verdict: 'pass', bound: 'at least 54, at most 85' });
});

describe('what it takes of the processors', () => {
  test('is judged by the average of the phase', () => {
    expect(
      found(
        withSeries(run, 'subject.cpuSeconds', (v, at) => v + (at > 40 ? 10 : 0)),
        'cpu',
      )?.verdict,
    ).toBe('pass');
    expect(
      found(
        withSeries(run, 'subject.cpuSeconds', (v, at) => twice(v, at, 10)),
        'cpu',
      ),
    ).toMatchObject({
      verdict: 'fail',
      observed: expect.stringMatching(/^1\.07 a second over/),
    });
  });

  test('is told anew by each start', () => {
    const again = withEvents(run, { at: 35, kind: 'subject-start', start: 2, pid: 101, startTicks: 2, ordered: true });
    const fallen = withSeries(again, 'subject.cpuSeconds', (v, at) => (at >= 35 ? (at - 35) * 0.1 : v + 100));
    expect(found(fallen, 'cpu')?.verdict).toBe('pass');
  });
});

describe('a slow leak of descriptors', () => {
  const leaking = (spoiled: StoredRun): StoredRun =>
    withSeries(spoiled, 'subject.fds', (v, at) => v + Math.floor(Math.max(0, at - 10) / 6));

  test('is found by the least of the last third, where a burst is none', () => {
    expect(found(leaking(run), 'fd-rise')).toMatchObject({ verdict: 'fail', observed: 'least 31 in the first third, 38 in the last' });
    expect(
      found(
        withSeries(run, 'subject.fds', (v, at) => (at > 40 && at < 60 ? v + 12 : v)),
        'fd-rise',
      )?.verdict,
    ).toBe('pass');
  });

  test('is left to the leak gate in long runs, and not asked for where the subject was started again', () => {
    const again = withEvents(run, { at: 15, kind: 'subject-start', start: 2, pid: 101, startTicks: 2, ordered: true });
    expect(found(leaking(again), 'fd-rise')?.verdict).toBe('skipped');
    expect(found(leaking(told(right, 1300)), 'fd-rise')?.verdict).toBe('skipped');
  });
});

describe('what it tells of itself', () => {
  test('no counter steps back but at a start', () => {
    const back = told((at) => ({ ...right(at), 'told.polls': Math.round(at) - (at > 40 ? 20 : 0) }));
    expect(found(back, 'truth')).toMatchObject({
      verdict: 'fail',
      observed: expect.stringMatching(/^told\.polls stepped back from 40 to 21/),
    });
    const again = withEvents(back, { at: 40.2, kind: 'subject-start', start: 2, pid: 101, startTicks: 2, ordered: true });
    expect(found(again, 'truth')?.verdict).toBe('pass');
  });

  test('agrees poll by poll with what arrived, however slowly it is scraped', () => {
    const more = told((at) => ({ ...right(at), 'told.rows': Math.round(at * 110) }));
    expect(found(more, 'truth')?.verdict).toBe('pass');
    expect(found(more, 'by-poll')).toMatchObject({
      verdict: 'fail',
      observed: expect.stringMatching(/^told 1,\d{3} after 1\d polls, with the next one they brought 1,\d{3}, at/),
    });
    const silent = told((at) => ({ 'told.rows': Math.round(at * 100), 'told.polls': Math.round(at) }));
    expect(found(silent, 'by-poll')).toMatchObject({ verdict: 'unknown', observed: 'no value of rows.total' });
    expect(
      found(
        told(() => ({})),
        'by-poll',
      )?.verdict,
    ).toBe('skipped');
  });

  test('adds up in every scrape, those that failed left out', () => {
    const off = told((at) => ({ ...right(at), ...(at > 40 && at < 41 && { 'told.dropped': 8 }) }));
    expect(found(off, 'balance')).toMatchObject({ verdict: 'fail', observed: expect.stringContaining('4,080 is not 4,073 + 8 = 4,081') });
    const failed = told((at) =>
      at > 40 && at < 41 ? { 'rows.total': 4000, 'told.rows': null, 'told.exported': null, 'told.dropped': null } : right(at),
    );
    expect(found(failed, 'balance')?.verdict).toBe('pass');
    const without = told((at) => ({ 'rows.total': Math.round(at * 100), 'told.rows': Math.round(at * 100) }));
    expect(found(without, 'balance')?.verdict).toBe('skipped');
  });
});
