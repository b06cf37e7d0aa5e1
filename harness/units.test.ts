import { describe, expect, it } from 'vitest';
import { formatDuration, nearest, parseDuration } from './units.js';

describe('durations on the command line', () => {
  it.each([
    ['60s', 60],
    ['5m', 300],
    ['12h', 43_200],
    ['1h30m', 5400],
    ['250ms', 0.25],
    ['1.5h', 5400],
  ])('reads %s', (text, seconds) => expect(parseDuration(text)).toBeCloseTo(seconds));

  it.each(['banana', '', '60', '-5s', '0s', '5 m', '12hours', '5m banana'])('refuses %j', (text) =>
    expect(parseDuration(text)).toBeUndefined(),
  );

  it('writes what it reads', () => {
    for (const text of ['45s', '5m', '12h', '1h30m', '1h1m1s']) expect(formatDuration(parseDuration(text) ?? 0)).toBe(text);
  });
});

describe('the nearest name', () => {
  it('finds a typo', () => expect(nearest('namspace-churn', ['namespace-churn', 'pipeline'])).toBe('namespace-churn'));
  it('does not guess wildly', () => expect(nearest('banana', ['namespace-churn', 'pipeline'])).toBeUndefined());
});
