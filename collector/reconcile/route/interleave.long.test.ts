import { expect, it } from 'vitest';
import { interleave } from './interleave.test-support.js';

it('RT-8 RT-11 resurrects nothing and loses nothing in 10,000 seeded interleavings (I4)', async () => {
  const result = await interleave(10_000, 100_000);
  expect(result.wrong).toEqual([]);
  expect(result.reinstallations).toBeGreaterThan(1_000);
});
