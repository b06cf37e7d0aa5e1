import { expect, test } from 'vitest';
import { TargetClock } from './target-clock.js';

test('the least delayed line tells the target’s clock best', () => {
  const clock = new TargetClock(() => 5);
  expect(clock.at(100)).toBe(5);
  clock.hear(1000e9, 0.5);
  clock.hear(1001e9, 1.1);
  clock.hear(1002e9, 2.9);
  expect(clock.at(4) / 1e9).toBeCloseTo(1003.9, 6);
});

test('it follows a clock that is set back, at once, and not a line that comes late', () => {
  const clock = new TargetClock(() => 0);
  for (let now = 0; now < 20; now++) clock.hear(1000e9 + now * 1e9, now);
  clock.hear(1600e9 + 20e9, 20);
  expect(clock.at(20) / 1e9).toBeCloseTo(1620, 6);
  clock.hear(1000e9 + 21e9, 21);
  expect(clock.at(21) / 1e9).toBeCloseTo(1021, 6);
  clock.hear(1000e9 + 2e9, 22);
  expect(clock.at(22) / 1e9).toBeCloseTo(1022, 6);
});

test('it follows a clock that runs slow', () => {
  const clock = new TargetClock(() => 0);
  for (let now = 0; now < 100; now++) clock.hear(1000e9 + now * 0.9e9, now);
  expect(Math.abs(clock.at(99) / 1e9 - 1089.1)).toBeLessThan(3.1);
});
