import { expect, test } from 'vitest';
import { apart, moment, plain, quantity } from './quantity.js';

test('a series tells its unit by the end of its name', () => {
  expect(quantity('subject.rssBytes', 64 * 2 ** 20)).toBe('64 MiB');
  expect(quantity('subject.rssBytes', 1000)).toBe('1,000 B');
  expect(quantity('poll.spanSeconds', 0.1234)).toBe('123 ms');
  expect(quantity('poll.spanSeconds', 0.000_05)).toBe('50 µs');
  expect(quantity('poll.spanSeconds', 0)).toBe('0 s');
  expect(quantity('poll.rows', 242_100)).toBe('242,100');
  expect(quantity('poll.rows', Number.NaN)).toBe('unknown');
});

test('whole numbers are never rounded, others to three digits', () => {
  expect([1234, 31.25, 0.07, 1e16].map((n) => plain(n))).toEqual(['1,234', '31.3', '0.07', '1.00e+16']);
});

test('a violated bound and its figure never read the same', () => {
  expect(apart('x.goneSeconds', 2.000_000_4, 2)).toEqual({ value: '2.0000004 s', bound: '2 s' });
  expect(apart('x.rssBytes', 2 ** 30 + 1, 2 ** 30).value).not.toBe('1 GiB');
  expect(apart('x.threads', 16, 16)).toEqual({ value: '16', bound: '16' });
});

test('moments read as people say them', () => {
  expect([0, 5.25, 12.4, 125, 34_860, 43_200, -3].map(moment)).toEqual([
    '0 s',
    '5.3 s',
    '12 s',
    '2 min 05 s',
    '9 h 41 min',
    '12 h',
    '-3 s',
  ]);
  expect(moment(119.6)).toBe('2 min');
});
