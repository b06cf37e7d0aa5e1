import fc from 'fast-check';
import { expect, test } from 'vitest';
import { label, ticks, timeTicks } from './scale.js';

test('ticks are the numbers that people would have chosen', () => {
  expect(ticks(16, 4, 'plain')).toEqual([0, 5, 10, 15, 20]);
  expect(ticks(2, 4, 'plain')).toEqual([0, 1, 2]);
  expect(ticks(0.19, 4, 'seconds').map((t) => label('seconds', t))).toEqual(['0', '50 ms', '100 ms', '150 ms', '200 ms']);
  expect(
    ticks(134 * 2 ** 20, 4, 'bytes')
      .map((t) => label('bytes', t))
      .slice(0, 3),
  ).toEqual(['0', '32 MiB', '64 MiB']);
  expect(ticks(0, 4, 'plain')).toEqual([0, 1]);
});

test('there are always some, never many, and the last one covers the largest value', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-6, max: 1e12, noNaN: true }), fc.constantFrom('plain', 'bytes', 'seconds', 'percent'), (max, unit) => {
      const found = ticks(max, 4, unit);
      expect(found.length).toBeGreaterThanOrEqual(2);
      expect(found.length).toBeLessThanOrEqual(9);
      expect(found.at(-1)).toBeGreaterThanOrEqual(max * 0.999);
    }),
  );
});

test('the time axis speaks seconds, minutes or hours', () => {
  const texts = (to: number): string[] => timeTicks(0, to, 8).map(({ text }) => text);
  expect(texts(70)).toEqual(['0', '10 s', '20 s', '30 s', '40 s', '50 s', '60 s', '70 s']);
  expect(texts(1200).slice(0, 3)).toEqual(['0', '5 min', '10 min']);
  expect(texts(43_200).slice(0, 3)).toEqual(['0', '2 h', '4 h']);
});
