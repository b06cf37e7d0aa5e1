import { describe, expect, test } from 'vitest';
import type { RunEvent, Stored } from '../facts/events.js';
import type { Invariant } from '../facts/plan.js';
import { healthyRun, INVARIANTS, withEvents } from './fake-run.test-support.js';
import { crash, judge, of, run } from './judge.test-support.js';

describe('restarts', () => {
  const start = (n: number, at: number, ordered: boolean): Stored<RunEvent> => ({
    at,
    kind: 'subject-start',
    start: n,
    pid: 100 + n,
    startTicks: n,
    ordered,
  });
  const count = (...events: Stored<RunEvent>[]): number => judge(withEvents(run, ...events)).subject.restarts;

  test('an exit with status 0 that nobody ordered is one', () => {
    expect(count({ ...crash, code: 0, signal: null } as Stored<RunEvent>, start(2, 31, false))).toBe(1);
  });

  test('each exit of a crash loop is one', () => {
    const loop = [30, 32, 34].flatMap((at, i) => [{ ...crash, at, start: i + 1 } as Stored<RunEvent>, start(i + 2, at + 1, false)]);
    const verdict = judge(withEvents(run, ...loop));
    expect(verdict.subject).toMatchObject({ starts: 4, restarts: 3 });
    expect(of(verdict, 'restarts')?.observed).toBe('3: SIGSEGV at 30 s, SIGSEGV at 32 s, SIGSEGV at 34 s');
  });

  test('a start without the exit before it is one; an ordered one is none', () => {
    expect(count(start(2, 31, false))).toBe(1);
    expect(count({ ...crash, signal: 'SIGKILL', ordered: true } as Stored<RunEvent>, start(2, 31, true))).toBe(0);
  });

  test('a crash at an ordered end is one: nobody orders SIGSEGV', () => {
    expect(count({ ...crash, ordered: true } as Stored<RunEvent>)).toBe(1);
  });

  test('two witnesses of one execve are one restart', () => {
    const replaced: Stored<RunEvent> = { at: 30, kind: 'subject-replaced', start: 1, witness: 'startstack', before: 'a', after: 'b' };
    expect(count(replaced, { ...replaced, at: 34, witness: 'start-time-metric' } as Stored<RunEvent>)).toBe(1);
    expect(count(replaced, { ...replaced, at: 50 } as Stored<RunEvent>)).toBe(2);
  });

  test('fail even in a scenario that forgot to forbid them, and pass where it allows them', () => {
    const without = healthyRun({ invariants: INVARIANTS.filter((i) => i.type !== 'restarts') });
    expect(judge(withEvents(without, crash)).verdict).toBe('fail');
    const lenient = healthyRun({ invariants: INVARIANTS.map((i): Invariant => (i.type === 'restarts' ? { ...i, max: 1 } : i)) });
    expect(judge(withEvents(lenient, crash, start(2, 31, false))).verdict).toBe('pass');
  });

  test('a stop that ends with an error fails, unless it tried for long and others had the processors', () => {
    const unclean = { ...run, events: run.events.map((e): Stored<RunEvent> => (e.kind === 'subject-exit' ? { ...e, code: 70 } : e)) };
    const reason = 'the subject ended with status 70 when it was stopped at 71 s';
    expect(judge(unclean)).toMatchObject({ verdict: 'fail', reason });
    const held: Invariant = { name: 'orderly-ends', type: 'ends', max: 0, why: '' };
    const asked = { ...unclean, plan: { ...run.plan, invariants: [...INVARIANTS, held] } };
    expect(judge(asked)).toMatchObject({ verdict: 'fail', reason: `orderly-ends: ${reason}` });
    expect(of(judge({ ...asked, events: run.events }), 'orderly-ends')?.verdict).toBe('pass');
    const waited = { at: 62, v: { 'target.starvedSeconds': 0 } };
    const starved = { ...asked, series: [...asked.series, waited, { at: 71, v: { 'target.starvedSeconds': 8 } }] };
    expect(of(judge(starved), 'orderly-ends')?.verdict).toBe('fail');
    const late = starved.events.map((e): Stored<RunEvent> => (e.kind === 'subject-exit' ? { ...e, afterSeconds: 9 } : e));
    expect(of(judge({ ...starved, events: late }), 'orderly-ends')?.verdict).toBe('unknown');
  });
});
