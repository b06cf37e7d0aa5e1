/**
 * The error rates of the leak gate, simulated: 12 h series of one sample a minute, 32 MB, deviation 0.8 MB. With 1,000 series a
 * case the rates were: white, sawtooth, ramp then plateau and AR(.9) 0 %, AR(.99) 4.8 %, one step 0.1 %; leaks of 0.5 and of
 * 0.25 MB/h were found in all of them. Here fewer series with fixed seeds, so that the figures below are exact.
 */
import { describe, expect, test } from 'vitest';
import { leakGate, type Sample } from './leak-gate.js';
import { BASE, HOUR, healthy, leaking, random, type Shape, simulate } from './simulated.test-support.js';

const SERIES = 100;
const MB = 1e6;

function called(shape: Shape, minGrowth = 0): number {
  let leaks = 0;
  for (let seed = 1; seed <= SERIES; seed++) if (leakGate(simulate(shape, seed), 0, 12 * HOUR, minGrowth).value?.leaking) leaks++;
  return leaks;
}

describe('healthy series called a leak, of 100', () => {
  test.each([
    ['white', 0],
    ['sawtooth', 0],
    ['rampThenPlateau', 0],
    ['ar90', 1],
    ['ar99', 7],
    ['step', 2],
  ] as const)('%s: at most %i', (name, most) => {
    expect(called(healthy[name])).toBeLessThanOrEqual(most);
  });
});

describe('leaks found, of 100', () => {
  test.each([
    ['half', 100],
    ['quarter', 63],
    ['sawtoothLeak', 95],
  ] as const)('%s: at least %i', (name, least) => {
    expect(called(leaking[name])).toBeGreaterThanOrEqual(least);
  });
});

test('growth below minGrowth is no leak: 0.5 MB/h over 12 h stays under 8 MB', () => {
  expect(called(leaking.half, 8 * MB)).toBe(0);
});

/** One sample a second for 20 minutes, the shortest run that is judged. */
function twentyMinutes(growth: number): Sample[] {
  const r = random(5);
  return Array.from({ length: 1200 }, (_, at) => ({ at: 100 + at, value: BASE + (growth * at) / 1200 + 0.5 * MB * r.normal() }));
}

test('20 minutes are enough to see a leak that adds 16 MB, and to clear a process that stays level', () => {
  const leak = leakGate(twentyMinutes(16 * MB), 100, 1300, 8 * MB).value;
  expect(leak?.leaking).toBe(true);
  expect(leak?.slopePerHour).toBeCloseTo(48 * MB, -7);
  expect(leakGate(twentyMinutes(0), 100, 1300, 8 * MB).value?.leaking).toBe(false);
});

test('the trend line starts after the burn-in', () => {
  const line = leakGate(twentyMinutes(16 * MB), 100, 1300, 0).value?.line;
  expect(line?.from.at).toBeGreaterThan(100 + 240);
  expect(line?.to.at).toBeLessThan(1300);
  expect((line?.to.value ?? 0) - (line?.from.value ?? 0)).toBeCloseTo(12.6 * MB, -6);
});

test('too few samples are not judged, and the warning says how many there were', () => {
  const { value, warnings } = leakGate(twentyMinutes(0).slice(0, 400), 100, 1300, 0);
  expect(value).toBeNull();
  expect(warnings[0]).toMatch(/^only \d+ blocks of 17 s have samples; a trend takes 20$/);
});

test('holes in the samples are bridged and reported', () => {
  const samples = twentyMinutes(16 * MB).filter(({ at }) => at < 700 || at > 800);
  const { value, warnings } = leakGate(samples, 100, 1300, 8 * MB);
  expect(value?.leaking).toBe(true);
  expect(warnings[0]).toMatch(/blocks had no sample/);
});

test('a series that falls is no leak', () => {
  expect(leakGate(twentyMinutes(-16 * MB), 100, 1300, 0).value?.leaking).toBe(false);
});
