import { expect, test } from 'vitest';
import type { RunEvent, Stored } from '../facts/events.js';
import type { Invariant } from '../facts/plan.js';
import { fakePlan, healthyRun, withEvents, withSeries } from './fake-run.test-support.js';
import { deriveVerdict } from './judge.js';
import type { StoredRun } from './load-run.js';

const verdictOf = ({ plan, events, series }: StoredRun) => deriveVerdict(plan, events, series);

function fault(name: string, from: number, to: number): Stored<RunEvent>[] {
  return [
    { at: from, kind: 'fault', name, state: 'inject', detail: '' },
    { at: from + 0.5, kind: 'fault', name, state: 'effective', detail: '' },
    { at: to - 0.5, kind: 'fault', name, state: 'recover', detail: '' },
    { at: to, kind: 'fault', name, state: 'recovered', detail: '' },
  ];
}

test('a fault that was planned and never injected leaves the run unknown', () => {
  const planned = healthyRun({ faults: ['subject-stopped'] });
  expect(verdictOf(planned)).toMatchObject({ verdict: 'unknown', reason: 'fault "subject-stopped" was planned and never injected' });
  expect(verdictOf(withEvents(planned, ...fault('subject-stopped', 20, 26))).verdict).toBe('pass');
});

test('a step that waited for a fault in vain blames the fault, not the subject; one that failed beside it is a fail', () => {
  const detail = 'disk-full did not take effect within 20 s';
  const failing = (error: string): StoredRun =>
    withEvents(
      healthyRun(),
      { at: 20, kind: 'fault', name: 'disk-full', state: 'inject', detail: '' },
      { at: 40, kind: 'fault', name: 'disk-full', state: 'failed', detail },
      { at: 40, kind: 'fault', name: 'disk-full', state: 'recover', detail: '' },
      { at: 40.1, kind: 'step', name: 'it holds', state: 'fail', error },
    );
  expect(verdictOf(failing(detail))).toMatchObject({ verdict: 'unknown', reason: `fault "disk-full" failed at 40 s: ${detail}` });
  expect(verdictOf(failing('the answer was wrong')).verdict).toBe('fail');
});

test('polls that stay away while a fault lasts are no gap; as many without a fault are', () => {
  const silent = withSeries(healthyRun(), 'poll.missing', (v, at) => (at > 20 && at < 27 ? undefined : v));
  expect(verdictOf(silent)).toMatchObject({ verdict: 'unknown', reason: expect.stringMatching(/^completeness: unknown from/) });
  expect(verdictOf(withEvents(silent, ...fault('subject-stopped', 20, 26))).verdict).toBe('pass');
});

test('a wrong row is wrong in the middle of a fault too', () => {
  const wrong = withSeries(healthyRun(), 'poll.misaddressed', (v, at) => (at > 22 && at < 24 ? 1 : v));
  expect(verdictOf(withEvents(wrong, ...fault('cpu-starved', 20, 26)))).toMatchObject({ verdict: 'fail' });
});

test('a judge that fell silent is no fault of the subject, counted from when it fell silent', () => {
  const unjudged = withSeries(healthyRun(), 'poll.rows', (v, at) => (at > 30 ? undefined : v));
  expect(verdictOf(unjudged).verdict).toBe('fail');
  const silence: Stored<RunEvent> = {
    at: 60,
    kind: 'error',
    owner: 'harness',
    code: 'judge-silent',
    message: 'the judge said nothing for 30 s',
    hint: '',
    ageSeconds: 30,
  };
  expect(verdictOf(withEvents(unjudged, silence))).toMatchObject({
    verdict: 'infra',
    reason: expect.stringContaining('judge said nothing'),
  });
  const wrongBefore = withSeries(unjudged, 'poll.duplicates', (v, at) => (at > 20 && at < 22 ? 3 : v));
  expect(verdictOf(withEvents(wrongBefore, silence)).verdict).toBe('fail');
});

const LAW: Invariant = {
  name: 'thread-law',
  type: 'slope',
  series: 'subject.threads',
  against: 'load.namespaces',
  maxChange: 0.5,
  why: 'threads do not follow namespaces',
};

/** Namespaces double every eight seconds; threads are what `threads` makes of them. */
function growing(threads: (namespaces: number, at: number) => number): StoredRun {
  const namespaces = (at: number) => 10 * 2 ** Math.floor(Math.max(0, at - 10) / 8);
  const run = withSeries(
    healthyRun({ invariants: [...fakePlan().invariants.filter(({ name }) => !name.startsWith('thread')), LAW] }),
    'load.namespaces',
    (_, at) => namespaces(at),
  );
  return withSeries(run, 'subject.threads', (_, at) => threads(namespaces(at), at));
}

test.each<[string, (namespaces: number, at: number) => number, string]>([
  ['a level line', () => 13, 'pass'],
  ['a thread that comes and goes', (_, at) => 13 + (Math.floor(at) % 7 === 0 ? 1 : 0), 'pass'],
  ['one thread more for a hundred namespaces', (n) => 13 + Math.floor(n / 100), 'fail'],
  ['a thread for every namespace', (n) => 13 + n, 'fail'],
  ['threads that fall', (n) => 40 - Math.floor(n / 50), 'fail'],
])('the law of threads over namespaces: %s', (_, threads, verdict) => {
  const { invariants } = verdictOf(growing(threads));
  expect(invariants.find(({ name }) => name === 'thread-law')).toMatchObject({ verdict });
});

test('a law needs five places on its line', () => {
  const flat = withSeries(
    growing(() => 13),
    'load.namespaces',
    () => 10,
  );
  expect(verdictOf(flat)).toMatchObject({ verdict: 'unknown', reason: expect.stringContaining('took 1 values') });
});

const TRUTH: Invariant = {
  name: 'metrics-truth',
  type: 'tracks',
  series: 'subject.rowsExported',
  of: 'rows.total',
  slackSeconds: 5,
  why: '',
};

/** Scraped so often, telling what `told` makes of the rows that arrived. */
function scraped(everySeconds: number, told: (rows: number, at: number) => number | null): StoredRun {
  const run = healthyRun({ invariants: [...fakePlan().invariants, TRUTH] });
  const extra = Array.from({ length: 59 }, (_, i) => ({ at: 10.5 + i, v: { 'rows.total': 2400 * (i + 1) } }));
  const scrapes = extra
    .filter((_, i) => i % everySeconds === 0)
    .map(({ at, v }) => ({ at, v: { 'subject.rowsExported': told(v['rows.total'], at) } }));
  return { ...run, series: [...run.series, ...extra, ...scrapes].sort((a, b) => a.at - b.at) };
}

test('a metrics endpoint is held to what arrived; one that fails leaves the run unknown, few scrapes leave it out', () => {
  expect(verdictOf(scraped(1, (rows) => rows)).verdict).toBe('pass');
  expect(verdictOf(scraped(1, (rows) => 1.5 * rows))).toMatchObject({ verdict: 'fail', reason: expect.stringMatching(/^metrics-truth/) });
  expect(verdictOf(scraped(1, (rows, at) => (at > 30 ? null : rows))).verdict).toBe('unknown');
  const few = verdictOf(scraped(15, (rows) => rows));
  expect([few.verdict, few.invariants.find(({ name }) => name === 'metrics-truth')?.verdict]).toEqual(['pass', 'skipped']);
});
