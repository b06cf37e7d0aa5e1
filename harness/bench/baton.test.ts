import { expect, test } from 'vitest';
import { Baton } from './baton.js';

test('one works at a time, and who passes it on is last in the next round', async () => {
  const baton = new Baton();
  const order: string[] = [];
  let working = 0;
  const worker = async (name: string, slices: number): Promise<void> => {
    await baton.take();
    for (let slice = 0; slice < slices; slice++) {
      expect(++working).toBe(1);
      order.push(`${name}${slice}`);
      await new Promise((done) => setImmediate(done));
      working--;
      baton.pass();
      await baton.take();
    }
    baton.pass();
  };
  await Promise.all([worker('a', 3), worker('b', 1), worker('c', 2)]);
  expect(order).toEqual(['a0', 'b0', 'c0', 'a1', 'c1', 'a2']);
  // Nobody holds it: the next one has it at once.
  await baton.take();
});
