import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { rehearseLoop, sampleLoop, slowed } from './loop.js';

it('calls it once when it rehearses, waits for it, and measures nothing', async () => {
  const done: string[] = [];
  const sample = await rehearseLoop({
    name: 'once',
    prepare: () => ({
      async call() {
        await sleep(5);
        done.push('call');
      },
      release: () => void done.push('release'),
    }),
  });
  expect(done).toEqual(['call', 'release']);
  expect(sample.metrics).toEqual({});
});

it('plants a slowdown behind each call, and hands on what the call gives', async () => {
  const order: string[] = [];
  const call = async () => {
    await sleep(20);
    order.push(`call ended`);
    return 'given';
  };
  const { call: slowedCall } = await slowed({ name: 'x', prepare: () => ({ call }) }, 10).prepare();
  const from = performance.now();
  await expect(slowedCall()).resolves.toBe('given');
  expect(order).toEqual(['call ended']);
  expect(performance.now() - from).toBeGreaterThan(10 * 20);
  const plain = await slowed({ name: 'x', prepare: () => ({ call: () => 5 }) }, 0.1).prepare();
  expect(plain.call()).toBe(5);
});

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
