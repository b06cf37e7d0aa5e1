import { describe, expect, test } from 'vitest';
import { random } from '../stats/simulated.test-support.js';
import { healthyRun, INVARIANTS, withEvents, withSeries } from './fake-run.test-support.js';
import { judge, of, run } from './judge.test-support.js';

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

  test('are none while no namespace dies for seconds, but where none could be judged, or none dies for half a minute', () => {
    const pinned = (hole: (v: number, at: number) => number | null | undefined) =>
      of(judge(withSeries(run, 'load.goneSeconds', hole)), 'no-pinned-namespaces')?.verdict;
    expect(pinned((v, at) => (at > 30 && at < 40 ? undefined : v))).toBe('pass');
    expect(pinned((v, at) => (at > 30 && at < 40 ? null : v))).toBe('unknown');
    expect(pinned((v, at) => (at > 20 && at < 55 ? undefined : v))).toBe('unknown');
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
