import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { sampleLoop } from './loop.js';

it('never calls an asynchronous benchmark again before it has ended', async () => {
  let [running, most] = [0, 0];
  const sample = await sampleLoop({
    name: 'one at a time',
    prepare: () => ({
      async call() {
        most = Math.max(most, ++running);
        await sleep(5);
        running--;
      },
    }),
  });
  expect(most).toBe(1);
  expect(sample.metrics.time).toBeGreaterThan(4e6);
});
