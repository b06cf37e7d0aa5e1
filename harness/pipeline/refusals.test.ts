import { expect, it } from 'vitest';
import { Refusals } from './refusals.js';

const look = (refused: number, rows: number) => ({ refused, rows, words: 'would use 2 GiB' });

it('tells each new refusal, with how often and in whose words, and no old one', () => {
  const refusals = new Refusals();
  expect(refusals.look(look(0, 10))).toBeUndefined();
  expect(refusals.look(look(2, 10))?.words).toBe('ClickHouse refused 2 times for lack of memory: would use 2 GiB');
  expect(refusals.look(look(2, 10))).toBeUndefined();
  expect(refusals.look(look(1, 10))?.words).toContain('refused 1 times');
});

it('calls a database stuck that refuses at every look and whose table does not grow, and none that gets on', () => {
  const stuck = (rows: (look: number) => number): boolean => {
    const refusals = new Refusals();
    return Array.from({ length: 20 }, (_, i) => refusals.look(look(i, rows(i)))).some((told) => told?.stuck);
  };
  expect(stuck(() => 7)).toBe(true);
  expect(stuck((i) => Math.floor(i / 5))).toBe(false);
});
