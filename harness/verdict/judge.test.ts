import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RunEvent, Stored } from '../facts/events.js';
import type { Invariant } from '../facts/plan.js';
import type { InvariantVerdict, Outcome, Verdict } from '../facts/verdict.js';
import { random } from '../stats/simulated.test-support.js';
import { BEGIN, cutAt, fakePlan, healthyRun, INVARIANTS, withEvents, withoutEvents, withSeries } from './fake-run.test-support.js';
import { deriveVerdict, worst } from './judge.js';
import type { StoredRun } from './load-run.js';

const judge = ({ plan, events, series }: StoredRun): Verdict => deriveVerdict(plan, events, series);
const of = (verdict: Verdict, name: string): InvariantVerdict | undefined =>
  verdict.invariants.find((invariant) => invariant.name === name);
const failed = (verdict: Verdict): string[] => verdict.invariants.filter((i) => i.verdict === 'fail').map((i) => i.name);
const run = healthyRun();
const crash: Stored<RunEvent> = {
  at: 30,
  kind: 'subject-exit',
  start: 1,
  pid: 100,
  code: null,
  signal: 'SIGSEGV',
  ordered: false,
  lastWords: '',
};
const infraError: Stored<RunEvent> = {
  at: 40,
  kind: 'error',
  owner: 'infra',
  code: 'agent-lost',
  message: 'the agent fell silent',
  hint: '',
};
const isEnd = (event: Stored<RunEvent>): boolean => event.kind === 'run-end';
const threadLeak = withSeries(run, 'subject.threads', (v, at) => (at > 30 ? v + Math.round(at - 30) : v));

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

describe('ceilings', () => {
  test('are judged in the measured phase alone', () => {
    expect(judge(withSeries(run, 'subject.threads', (v, at) => (at > 8 && at < BEGIN ? 99 : v))).verdict).toBe('pass');
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

describe('gaps', () => {
  test('are looked for in time, not in the order of lines: polls are stored late and dated back', () => {
    const late = run.series.map((point, i) => ({ point, when: 'poll.rows' in point.v ? i + 9 : i }));
    const shuffled = late.sort((a, b) => a.when - b.when).map(({ point }) => point);
    expect(judge({ ...run, series: shuffled })).toEqual(judge(run));
  });

  test('of two lost samples are bridged, and said', () => {
    const verdict = judge(withSeries(run, 'subject.threads', (v, at) => (at > 30 && at < 32 ? null : v)));
    expect(verdict).toMatchObject({ verdict: 'pass', warnings: [expect.stringMatching(/^threads: 2 of 60/), ...[]] });
  });

  test('of two lost samples are bridged in a short run too', () => {
    const short = healthyRun({ durationSeconds: 12, invariants: INVARIANTS.filter((i) => i.name === 'threads'), required: [] });
    expect(judge(withSeries(short, 'subject.threads', (v, at) => (at > 14 && at < 16 ? null : v))).verdict).toBe('pass');
  });

  test('count at both ends of the phase', () => {
    expect(of(judge(withSeries(run, 'poll.missing', (v, at) => (at < 16 ? undefined : v))), 'completeness')?.verdict).toBe('unknown');
    expect(of(judge(withSeries(run, 'poll.missing', (v, at) => (at > 64 ? undefined : v))), 'completeness')?.verdict).toBe('unknown');
  });

  test('while the subject is down by order are no gaps of its series, but of the load they are', () => {
    const restart = withEvents(
      run,
      { at: 30, kind: 'subject-exit', start: 1, pid: 100, code: null, signal: 'SIGKILL', ordered: true, lastWords: '' },
      { at: 36, kind: 'subject-start', start: 2, pid: 101, startTicks: 9000, ordered: true },
    );
    const down = (v: number, at: number): number | null => (at > 30 && at < 37 ? null : v);
    const quiet = ['subject.threads', 'subject.rssBytes', 'subject.fds', 'poll.missing'].reduce(
      (r, name) => withSeries(r, name, down),
      restart,
    );
    expect(judge(quiet).verdict).toBe('pass');
    expect(of(judge(withSeries(quiet, 'load.goneSeconds', down)), 'no-pinned-namespaces')?.verdict).toBe('unknown');
  });

  test('of a series that follows events, not a clock, are judged by its own pace', () => {
    const r = random(11);
    let next = 0;
    const bursts = withSeries(run, 'load.goneSeconds', (v, at) => {
      if (at < next) return undefined;
      next = at - 2 * Math.log(1 - r.uniform());
      return v;
    });
    expect(of(judge(bursts), 'no-pinned-namespaces')?.verdict).toBe('pass');
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

  test('a stop that ends with an error is said', () => {
    const unclean = { ...run, events: run.events.map((e): Stored<RunEvent> => (e.kind === 'subject-exit' ? { ...e, code: 70 } : e)) };
    expect(judge(unclean)).toMatchObject({ verdict: 'pass', warnings: ['the subject ended with status 70 when it was stopped at 71 s'] });
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
