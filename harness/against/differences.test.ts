import { describe, expect, test } from 'vitest';
import type { Verdict } from '../facts/verdict.js';
import { random } from '../stats/simulated.test-support.js';
import { healthyRun, withSeries } from '../verdict/fake-run.test-support.js';
import { judgeRun, type StoredRun } from '../verdict/load-run.js';
import { type Difference, differences } from './differences.js';
import { againstVerdict } from './verdict.js';

const BEGIN = 10;
const run = healthyRun();
const named = (found: readonly Difference[], name: string): Difference['verdict'] | undefined =>
  found.find((difference) => difference.name === name)?.verdict;
const heavier = (factor: number, from = 0): StoredRun => withSeries(run, 'subject.rssBytes', (v, at) => (at >= from ? v * factor : v));

describe('what a subject costs beside another', () => {
  test('does not differ from itself', () => {
    expect(differences(run, run).map(({ verdict }) => verdict)).toEqual(['same', 'same', 'same', 'same']);
  });

  test.each([
    ['a third more memory', heavier(1.33), 'rss', 'worse'],
    ['a third less memory', heavier(0.67), 'rss', 'better'],
    ['memory below the least effect', heavier(1.12), 'rss', 'same'],
    ['memory that one half of the run alone shows', heavier(1.33, BEGIN + 35), 'rss', 'same'],
    ['twice the CPU', withSeries(run, 'subject.cpuSeconds', (v) => 2 * v), 'cpu', 'worse'],
    ['one thread more', withSeries(run, 'subject.threads', (v) => v + 1), 'threads', 'worse'],
    ['polls of half the time', withSeries(run, 'poll.spanSeconds', (v) => v / 2), 'poll-time', 'better'],
  ])('%s', (_, other, name, verdict) => {
    const found = differences(run, other);
    expect(named(found, name)).toBe(verdict);
    expect(found.filter((difference) => difference.name !== name && difference.verdict !== 'same')).toEqual([]);
  });

  test('is not judged in a run too short for blocks, nor where one side was cut short', () => {
    const brief = healthyRun({ durationSeconds: 20 });
    const cut: StoredRun = { ...run, plan: { ...run.plan, durationSeconds: 90 } };
    for (const found of [differences(brief, brief), differences(run, cut)])
      expect(new Set(found.map(({ verdict }) => verdict))).toEqual(new Set(['not-judged']));
  });

  test('is called different in at most 1 % of 200 pairs that are alike, whose samples hang together (AR .9)', () => {
    const r = random(11);
    let alarms = 0;
    for (let i = 0; i < 200; i++) {
      const [a, b] = [wandering(r), wandering(r)];
      if (differences(a, b).some(({ verdict }) => verdict !== 'same')) alarms++;
    }
    expect(alarms).toBeLessThanOrEqual(2);
  });
});

/** The healthy run as another process would show it: levels scatter by 2 % (twice what netsoakd showed beside itself), noise of 5 % hangs together. */
function wandering(r: ReturnType<typeof random>): StoredRun {
  const wander = (spoilt: StoredRun, series: string): StoredRun => {
    const level = 1 + 0.02 * r.normal();
    let noise = 0;
    return withSeries(spoilt, series, (v) => {
      noise = 0.9 * noise + 0.05 * Math.sqrt(1 - 0.81) * r.normal();
      return v * (level + noise);
    });
  };
  return wander(wander(run, 'subject.rssBytes'), 'poll.spanSeconds');
}

describe('the verdict of B beside A', () => {
  const pass = judgeRun(run);
  const as = (verdict: Verdict['verdict']): Verdict => ({ ...pass, verdict, reason: `it is ${verdict}` });
  const worse = differences(run, heavier(1.33));

  test.each([
    ['pass', 'pass', [], 'pass'],
    ['pass', 'pass', worse, 'fail'],
    ['fail', 'pass', [], 'pass'],
    ['pass', 'fail', [], 'fail'],
    ['fail', 'fail', [], 'fail'],
    ['unknown', 'pass', [], 'unknown'],
    ['partial', 'pass', [], 'unknown'],
    ['infra', 'pass', [], 'infra'],
    ['infra', 'fail', [], 'fail'],
    ['pass', 'partial', worse, 'fail'],
    ['pass', 'unknown', [], 'unknown'],
  ] as const)('A %s, B %s', (a, b, found, outcome) => {
    expect(againstVerdict(as(a), as(b), found).verdict).toBe(outcome);
  });

  test('names what B takes more of, with the bound it was held to', () => {
    const verdict = againstVerdict(pass, pass, worse);
    expect(verdict.reason).toMatch(/^B takes more than A: memory \+33\.0 %/);
    expect(verdict.invariants.find(({ name }) => name === 'rss (against)')).toMatchObject({
      verdict: 'fail',
      bound: 'at most 15 % more than A',
    });
    expect(verdict.invariants.find(({ name }) => name === 'cpu (against)')?.verdict).toBe('pass');
  });

  test('tells which invariants changed', () => {
    const [first, ...rest] = pass.invariants;
    const other: Verdict = { ...pass, invariants: [{ ...(first as NonNullable<typeof first>), verdict: 'fail', observed: '17' }, ...rest] };
    expect(againstVerdict(other, pass, []).warnings).toContainEqual(expect.stringMatching(/^threads: A fail \(17\), B pass/));
  });
});
