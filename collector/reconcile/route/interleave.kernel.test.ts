import { expect, it } from 'vitest';
import { interleave } from './interleave.test-support.js';

it('RT-8 RT-11 leaves exactly what was last intended after 1,000 seeded interleavings (I4)', async () => {
  const result = await interleave(1_000, 1);
  expect(result.wrong).toEqual([]);
  // The interleavings did interleave something.
  expect(result.withdrawals).toBeGreaterThan(1_000);
  expect(result.reinstallations).toBeGreaterThan(100);
});
