import { expect, test } from 'vitest';
import { figure, signedPercent, spread } from './format.js';
import type { JudgedRow, Judgement } from './judge.js';
import { comparisonTable } from './text.js';

const interval = (estimate: number) => ({ estimate, low: estimate * 0.98, high: estimate * 1.02, confidence: 0.98 });
const row = (name: string, verdict: JudgedRow['verdict'], shift: number, again: number | null = null): JudgedRow => ({
  suite: 's',
  name,
  per: 'row',
  id: `s: ${name}`,
  metric: 'time',
  old: interval(1000),
  new: interval(1000 * (1 + shift)),
  n: [10, 10],
  shift: { estimate: shift, low: shift - 0.01, high: shift + 0.01 },
  p: verdict === 'same' ? 0.4 : 0.0001,
  floor: 0.05,
  verdict,
  again: again === null ? null : { estimate: again, low: again, high: again },
});

const judgement = (...rows: JudgedRow[]): Judgement => ({ rows, warnings: [], drift: 0, sight: 0 });

test('a row that does not differ has a tilde, a confirmed regression its size, twice', () => {
  const lines = comparisonTable(judgement(row('calm', 'same', 0.01), row('slow', 'regression', 0.12, 0.11)), ['old', 'new']).split('\n');
  expect(lines[2]).toMatch(/^s: calm +1 µs +± 2 % +1.01 µs +± 2 % +~ +p=0.400 n=10\+10 +within 5.0 %$/);
  expect(lines[3]).toMatch(/^s: slow .* \+12.0 % +p<0.001 n=10\+10 +REGRESSION, confirmed, again \+11.0 %$/);
  expect(lines[4]).toMatch(/^geometric mean +\+6.4 %$/);
});

test('figures have three digits and the unit that suits them', () => {
  expect([figure(0.5, 'time'), figure(1234, 'time'), figure(2.5e6, 'time'), figure(3e9, 'cpu')]).toEqual([
    '0.5 ns',
    '1.23 µs',
    '2.5 ms',
    '3 s',
  ]);
  expect([figure(1536, 'alloc'), figure(50 * 2 ** 20, 'rss'), figure(1234, 'syscalls')]).toEqual(['1.5 KiB', '50 MiB', '1.23 k']);
});

test('a share has its sign, and none where it rounds to nothing', () => {
  expect([signedPercent(0.0312), signedPercent(-0.5), signedPercent(0.0002), signedPercent(Number.POSITIVE_INFINITY)]).toEqual([
    '+3.1 %',
    '−50.0 %',
    '±0.0 %',
    '+∞',
  ]);
  expect(spread({ estimate: 100, low: 95, high: 102 })).toBe('± 5 %');
});
