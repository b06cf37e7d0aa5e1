import fc from 'fast-check';
import { expect, test } from 'vitest';
import { firstDisagreement } from './tracks.js';

const SLACK = 5;
/** Polls of a thousand rows, one a second, counted as they arrive. */
const seen = Array.from({ length: 60 }, (_, i) => ({ at: i + 0.4, value: (i + 1) * 1000 }));
const told = (value: (rows: number, at: number) => number) =>
  Array.from({ length: 60 }, (_, i) => ({ at: i + 0.7, value: value((i + 1) * 1000, i + 0.7) }));

test('a counter that tells what arrived agrees, whatever it began with', () => {
  expect(
    firstDisagreement(
      told((rows) => rows),
      seen,
      [],
      SLACK,
    ),
  ).toBeNull();
  expect(
    firstDisagreement(
      told((rows) => rows + 123_456),
      seen,
      [],
      SLACK,
    ),
  ).toBeNull();
});

test('a counter may be as late, or as early, as the slack', () => {
  expect(
    firstDisagreement(
      told((rows) => Math.max(0, rows - 4000)),
      seen,
      [],
      SLACK,
    ),
  ).toBeNull();
  expect(
    firstDisagreement(
      told((rows) => rows + 4000),
      seen,
      [],
      SLACK,
    ),
  ).toBeNull();
});

test.each<[string, (rows: number, at: number) => number]>([
  ['tells half as much again', (rows) => 1.5 * rows],
  ['tells half', (rows) => rows / 2],
  ['stands still', () => 7000],
  ['begins anew in mid-run', (rows, at) => (at < 30 ? rows : rows - 30_000)],
  ['takes one row back', (rows, at) => (at < 30 ? rows : rows - 1001)],
  ['jumps ahead once', (rows, at) => (at < 30 ? rows : rows + 20_000)],
])('a counter that %s does not', (_, value) => {
  expect(firstDisagreement(told(value), seen, [], SLACK)).not.toBeNull();
});

test('a restart begins a counter anew, which is no lie', () => {
  const restarted = told((rows, at) => (at < 30 ? rows : rows - 30_000));
  expect(firstDisagreement(restarted, seen, [29.9], SLACK)).toBeNull();
});

test('nothing is held against it where nothing was seen', () => {
  expect(
    firstDisagreement(
      told((rows) => rows),
      [],
      [],
      SLACK,
    ),
  ).toBeNull();
  expect(firstDisagreement([], seen, [], SLACK)).toBeNull();
});

test('no honest counter is ever called a liar: polls of any size, samples at any time within the slack', () => {
  const poll = fc.record({ rows: fc.integer({ min: 0, max: 5000 }), pause: fc.double({ min: 0.1, max: 4, noNaN: true }) });
  fc.assert(
    fc.property(
      fc.array(poll, { minLength: 2, maxLength: 50 }),
      fc.array(fc.double({ min: 0, max: SLACK - 0.1, noNaN: true })),
      (polls, lags) => {
        let at = 0;
        let total = 0;
        const arrived = polls.map(({ rows, pause }) => {
          at += pause;
          total += rows;
          return { at, value: total };
        });
        // Each scrape shows what had arrived some moments before.
        const scraped = arrived.map(({ value, at: when }, i) => ({ at: when + (lags[i] ?? 0), value })).toSorted((a, b) => a.at - b.at);
        const ordered = scraped.map(({ at: when }, i) => ({ at: when, value: Math.max(...scraped.slice(0, i + 1).map((s) => s.value)) }));
        expect(firstDisagreement(ordered, arrived, [], SLACK)).toBeNull();
      },
    ),
  );
});
