import { expect, it } from 'vitest';
import { middleOf } from './traffic.js';

it.each([
  ['nothing', [], 0, false],
  ['fewer than five values', [1, 1, 1, 1], 1, false],
  ['five that agree', [0.98, 1.02, 1, 0.95, 1.05], 1, true],
  ['five of which one is far off', [0.98, 1.02, 1, 0.95, 2], 1, false],
  ['many of which a few are far off', [...Array.from({ length: 20 }, (_, i) => 0.95 + i / 200), 0.1, 0.2, 2, 3], 0.9975, true],
  ['many that say anything', Array.from({ length: 30 }, (_, i) => i / 10), 1.45, false],
])('knows of %s where the middle is, and whether that is certain', (_what, values, median, certain) => {
  expect(middleOf(values)).toEqual({ median: expect.closeTo(median, 5), certain });
});
