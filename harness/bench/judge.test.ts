import { describe, expect, test } from 'vitest';
import { type Random, random } from '../stats/simulated.test-support.js';
import type { MetricName } from './benchmark.js';
import type { Host } from './host.js';
import { judge, noiseRows, suspects, YARDSTICK } from './judge.js';
import { type BenchComparison, type BenchResult, noiseKey, type RowSamples } from './result.js';

const HOST: Host = { cpu: 'a', cores: 2, arch: 'x64', kernel: '6.1', node: 'v20' };

/** Ten processes round `level`, with a tail of slow ones, as run times have. */
function draw(r: Random, level: number, scatter = 0.01, n = 10): number[] {
  return Array.from({ length: n }, () => level * (1 + scatter * Math.abs(r.normal()) + 0.002 * r.normal()));
}

function row(name: string, values: readonly number[], metric: MetricName = 'time', suite = 'suite'): RowSamples {
  return { suite, name, per: 'call', metrics: { [metric]: values } };
}

function result(rows: readonly RowSamples[]): BenchResult {
  return { kind: 'bench-result', schema: 1, at: '2026-01-01T00:00:00Z', label: 'x', revision: 'r', host: HOST, rows, warnings: [] };
}

function compare(old: readonly RowSamples[], now: readonly RowSamples[], more: Partial<BenchComparison> = {}): BenchComparison {
  const base = { kind: 'bench-comparison', schema: 1, at: '', interleaved: true, noise: null, missing: [] } as const;
  return { ...base, old: result(old), new: result(now), ...more };
}

const verdicts = (comparison: BenchComparison): string[] => judge(comparison).rows.map(({ verdict }) => verdict);

describe('a slowdown of ten percent in one of twenty rows', () => {
  const r = random(1);
  const names = Array.from({ length: 20 }, (_, i) => `row ${i}`);
  const take = (slow: number): RowSamples[] => names.map((name, i) => row(name, draw(r, 100 * (i === 7 ? slow : 1))));
  const [old, now] = [take(1), take(1.1)];

  test('makes that row a suspect, and no other', () => {
    expect(suspects(judge(compare(old, now))).map(({ name }) => name)).toEqual(['row 7']);
  });

  test('is a regression when the second measurement agrees, with its size told', () => {
    const again = { old: [row('row 7', draw(r, 100))], new: [row('row 7', draw(r, 110))] };
    const rows = judge(compare(old, now, { again })).rows.filter(({ verdict }) => verdict !== 'same');
    expect(rows).toMatchObject([{ name: 'row 7', verdict: 'regression' }]);
    expect(rows[0]?.shift?.estimate).toBeCloseTo(0.1, 1);
  });

  test('is none when the second measurement finds nothing, or the opposite', () => {
    for (const level of [100, 85]) {
      const again = { old: [row('row 7', draw(r, 100))], new: [row('row 7', draw(r, level))] };
      expect(verdicts(compare(old, now, { again }))[7]).toBe('not-confirmed');
    }
  });

  test('is nothing on a machine whose noise is larger', () => {
    const noise = { at: '', host: HOST, rows: { [noiseKey('suite: row 7', 'time')]: 0.15 } };
    expect(verdicts(compare(old, now, { noise }))[7]).toBe('same');
  });
});

test('ten percent less is an improvement once it is confirmed, not before', () => {
  const r = random(2);
  const [old, now] = [[row('a', draw(r, 100))], [row('a', draw(r, 90))]];
  expect(verdicts(compare(old, now))).toEqual(['unconfirmed']);
  expect(verdicts(compare(old, now, { again: { old, new: now } }))).toEqual(['improvement']);
});

test('a difference below three percent is called nothing on the quietest of machines', () => {
  const r = random(3);
  const noise = { at: '', host: HOST, rows: { [noiseKey('suite: a', 'time')]: 0.001 } };
  expect(verdicts(compare([row('a', draw(r, 100, 0.001))], [row('a', draw(r, 102.5, 0.001))], { noise }))).toEqual(['same']);
  expect(verdicts(compare([row('a', draw(r, 100, 0.001))], [row('a', draw(r, 104, 0.001))], { noise }))).toEqual(['unconfirmed']);
});

test('identical code with twenty rows: suspects in at most five of a hundred comparisons', () => {
  const r = random(4);
  let alarms = 0;
  for (let round = 0; round < 100; round++) {
    const take = (): RowSamples[] => Array.from({ length: 20 }, (_, i) => row(`row ${i}`, draw(r, 100, 0.3)));
    if (suspects(judge(compare(take(), take()))).length > 0) alarms++;
  }
  expect(alarms).toBeLessThanOrEqual(5);
});

describe('measured at different times', () => {
  const r = random(5);
  const yardstick = (level: number): RowSamples => row('arithmetic', draw(r, level), 'time', YARDSTICK);

  test('a row that moved no further than the yardstick is the same', () => {
    const comparison = compare([yardstick(10), row('a', draw(r, 100))], [yardstick(11.5), row('a', draw(r, 112))], { interleaved: false });
    expect(verdicts(comparison)).toEqual(['not-judged', 'same']);
    expect(judge(comparison).drift).toBeCloseTo(0.15, 1);
  });

  test('a machine that moved only during the second measurement confirms nothing', () => {
    const [old, now] = [
      [yardstick(10), row('a', draw(r, 100))],
      [yardstick(10), row('a', draw(r, 112))],
    ];
    const calm = { old, new: [yardstick(10), row('a', draw(r, 112))] };
    const moved = { old, new: [yardstick(11.5), row('a', draw(r, 112))] };
    expect(verdicts(compare(old, now, { interleaved: false, again: calm }))[1]).toBe('regression');
    expect(verdicts(compare(old, now, { interleaved: false, again: moved }))[1]).toBe('same');
  });

  test('without a yardstick ten percent is taken, and said', () => {
    const comparison = compare([row('a', draw(r, 100))], [row('a', draw(r, 108))], { interleaved: false });
    expect(verdicts(comparison)).toEqual(['same']);
    expect(judge(comparison)).toMatchObject({
      drift: null,
      warnings: [expect.anything(), expect.stringContaining('yardstick was not measured')],
    });
  });

  test('a row that moved further is a suspect, and the reader is warned of the time between', () => {
    const comparison = compare([yardstick(10), row('a', draw(r, 100))], [yardstick(10), row('a', draw(r, 112))], { interleaved: false });
    expect(verdicts(comparison)).toEqual(['not-judged', 'unconfirmed']);
    expect(judge(comparison).warnings.join()).toContain('different times');
  });
});

test('what is only shown is never judged, and takes nothing from the others', () => {
  const r = random(6);
  const both = (level: number, bytes: number): RowSamples => ({
    ...row('a', []),
    metrics: { time: draw(r, level), alloc: Array.from({ length: 10 }, () => bytes) },
  });
  const judged = judge(compare([both(100, 8)], [both(100, 800)])).rows;
  expect(judged.map(({ metric, verdict, p }) => [metric, verdict, p === null])).toEqual([
    ['time', 'same', false],
    ['alloc', 'not-judged', true],
  ]);
});

test('values of zero have no relative change and raise nothing', () => {
  const zeros = Array.from({ length: 10 }, () => 0);
  expect(judge(compare([row('a', zeros)], [row('a', zeros)])).rows).toMatchObject([{ shift: null, verdict: 'same' }]);
});

test('too few samples for so many rows are said, with how small p could get', () => {
  const rows = Array.from({ length: 30 }, (_, i) => row(`row ${i}`, [1, 2, 3, 4, 5, 6].slice(0, 4)));
  expect(judge(compare(rows, rows)).warnings.join()).toMatch(/4 and 4 samples cannot show a difference in 30 rows/);
});

test('the noise of a row is the far end of its interval, as a factor to either side', () => {
  const r = random(7);
  const [old, now] = [draw(r, 100, 0.05), draw(r, 100, 0.05)];
  const there = noiseRows([row('a', old)], [row('a', now)])[noiseKey('suite: a', 'time')];
  const back = noiseRows([row('a', now)], [row('a', old)])[noiseKey('suite: a', 'time')];
  expect(there).toBeGreaterThan(0);
  expect(there).toBeCloseTo(back ?? 0, 10);
});

test('where samples scatter too much to show ten percent, "no difference" comes with a warning that says so', () => {
  const r = random(8);
  const wild = compare([row('a', draw(r, 100, 1))], [row('a', draw(r, 100, 1))]);
  expect(judge(wild).sight).toBeGreaterThan(0.1);
  expect(judge(wild).warnings.join()).toContain('would only have shown a change above');
  const calm = judge(compare([row('a', draw(r, 100))], [row('a', draw(r, 100))]));
  expect(calm.sight).toBeLessThan(0.1);
  expect(calm.warnings.join()).not.toContain('would only have shown');
});

test('figures of two hosts are shown and not judged, whatever they are', () => {
  const r = random(10);
  const comparison = compare([row('a', draw(r, 100))], [row('a', draw(r, 300))]);
  const foreign = { ...comparison, new: { ...comparison.new, host: { ...HOST, cpu: 'b' } } };
  expect(verdicts(comparison)).toEqual(['unconfirmed']);
  expect(verdicts(foreign)).toEqual(['not-judged']);
  expect(judge(foreign).warnings).toEqual(['ANOTHER HOST: cpu a -> b. The figures stand side by side; nothing is called better or worse']);
});
