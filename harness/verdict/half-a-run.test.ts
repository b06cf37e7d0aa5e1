import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RunEvent, Stored } from '../facts/events.js';
import { cutAt, INVARIANTS, withEvents, withSeries } from './fake-run.test-support.js';
import { deriveVerdict } from './judge.js';
import { crash, infraError, judge, run } from './judge.test-support.js';

describe('half a run', () => {
  /** Spoils a healthy run in some of the ways that leave a stored violation. */
  const violated = fc
    .record({ at: fc.double({ min: 11, max: 69, noNaN: true }), how: fc.constantFrom('threads', 'missing', 'crash', 'offence') })
    .map(({ at, how }) => {
      const broken = {
        threads: withSeries(run, 'subject.threads', (v, t) => (t >= at ? 40 : v)),
        missing: withSeries(run, 'poll.missing', (v, t) => (t >= at ? 7 : v)),
        crash: withEvents(run, { ...crash, at }),
        offence: withEvents(run, { at, kind: 'offence', invariant: 'addresses', detail: 'x' }),
      }[how];
      return { at, broken };
    });

  test('a violation that is stored stays a fail, wherever the store ends and whatever happens then', () => {
    fc.assert(
      fc.property(violated, fc.double({ min: 1.2, max: 60, noNaN: true }), fc.boolean(), ({ at, broken }, later, infra) => {
        const stored = cutAt(broken, at + later);
        const verdict = judge(infra ? withEvents(stored, { ...infraError, at: at + later }) : stored);
        expect(verdict.verdict).toBe('fail');
      }),
      { numRuns: 200 },
    );
  });

  test('never passes before its end is stored', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 71.7, noNaN: true }), (at) => {
        expect(judge(cutAt(run, at)).verdict).toBe('partial');
      }),
      { numRuns: 100 },
    );
  });

  test('never throws, in whatever order facts come and whatever is missing', () => {
    const pool: Stored<RunEvent>[] = [
      ...run.events,
      crash,
      infraError,
      { at: 20, kind: 'interrupted', signal: 'SIGTERM' },
      { at: 21, kind: 'fault', name: 'f', state: 'inject', detail: '' },
    ];
    const value = fc.oneof(fc.constant(null), fc.double(), fc.integer({ min: 0, max: 20 }));
    const names = [
      'subject.threads',
      'subject.rssBytes',
      'poll.missing',
      'poll.rows',
      'poll.spanSeconds',
      'churn.seen',
      'churn.eligible',
      'load.goneSeconds',
    ];
    const points = fc.array(
      fc.record({ at: fc.double({ min: 0, max: 90, noNaN: true }), v: fc.dictionary(fc.constantFrom(...names), value) }),
    );
    const events = fc.array(fc.record({ event: fc.constantFrom(...pool), at: fc.double({ min: 0, max: 90, noNaN: true }) }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(events, points, (moved, series) => {
        const verdict = deriveVerdict(
          run.plan,
          moved.map(({ event, at }) => ({ ...event, at })),
          series,
        );
        expect(verdict.reason).not.toMatch(/undefined|NaN|Infinity|\[object/);
        expect(verdict.invariants).toHaveLength(INVARIANTS.length);
      }),
      { numRuns: 300 },
    );
  });
});
