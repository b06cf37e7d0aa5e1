import { describe, expect, it } from 'vitest';
import { type Look, parseProcessors, parseSchedstat, starvedBetween, stillWaiting } from './starvation.js';

/** A second of a machine with two processors: what each thread of somebody ran and waited, and what all that ran took. */
const second = (threads: readonly (readonly [ran: number, waited: number])[], busy: number, stolen = 0): number => {
  const none = new Map(threads.map((_, tid) => [tid, { ran: 0, waited: 0 }]));
  const times = new Map(threads.map(([ran, waited], tid) => [tid, { ran, waited }]));
  const look = (at: number, who: Look['threads'], all: number, taken: number): Look => ({ at, threads: who, busy: all, stolen: taken });
  return Number(starvedBetween(look(7, none, 100, 5), look(8, times, 100 + busy, 5 + stolen)).toFixed(6));
};

describe('somebody who waits for processors', () => {
  it.each<[string, readonly (readonly [number, number])[], number, number, number?]>([
    ['that others had was starved', [[0.2, 0.8]], 2, 0.8],
    [
      'was starved for no more than the time that passed, however many threads waited',
      [
        [0.2, 0.8],
        [0.1, 0.9],
        [0, 1],
      ],
      2,
      1,
    ],
    [
      'that his own threads had was not: they were too many',
      [
        [0.5, 0.5],
        [0.5, 0.5],
        [0.5, 0.5],
        [0.5, 0.5],
      ],
      2,
      0,
    ],
    [
      'for longer than others ran was starved for so long as they did',
      [
        [0.5, 0.5],
        [0.5, 0.5],
        [0.5, 0.5],
        [0.4, 0.6],
      ],
      2,
      0.1,
    ],
    ['lost his share of what a hypervisor took', [[0.5, 0]], 2, 0.5, 1],
  ])('%s', (_, threads, busy, expected, stolen = 0) => {
    expect(second(threads, busy, stolen)).toBe(expected);
  });
});

describe('somebody who', () => {
  it.each<[string, readonly (readonly [number, number])[], number]>([
    ['sleeps is not starved, whatever others do', [[0, 0]], 2],
    ['computes is not starved', [[1, 0]], 2],
    ['is held by a quota waits on an idle machine, and that is not the machine', [[0.05, 0.95]], 0.05],
  ])('%s', (_, threads, busy) => {
    expect(second(threads, busy)).toBe(0);
  });
});

it('counts a thread from its beginning, also under an id that was used before', () => {
  const before: Look = { at: 0, threads: new Map([[1, { ran: 50, waited: 40 }]]), busy: 0, stolen: 0 };
  const threads = new Map([
    [1, { ran: 0.1, waited: 0.2 }],
    [2, { ran: 0.1, waited: 0.3 }],
  ]);
  expect(starvedBetween(before, { at: 1, threads, busy: 2, stolen: 0 })).toBeCloseTo(0.5);
});

it('counts a wait once, although the kernel tells of it only when it is over', () => {
  const look = (at: number, times: { ran: number; waited: number }): Look => ({
    at,
    threads: new Map([[1, times]]),
    busy: 2 * at,
    stolen: 0,
  });
  const waiting = stillWaiting({ ran: 1, waited: 3 }, 1);
  const [first, second, third] = [look(5, { ran: 1, waited: 3 }), look(6, waiting), look(7, { ran: 1.1, waited: 4.9 })];
  expect(starvedBetween(first, second)).toBeCloseTo(1);
  expect(starvedBetween(second, third)).toBeCloseTo(0.9);
});

it('reads what the kernel writes', () => {
  expect(parseSchedstat('122992000 1149654000 2\n')).toEqual({ ran: 0.122992, waited: 1.149654 });
  expect(parseSchedstat('')).toBeUndefined();
  expect(parseProcessors('cpu  100 20 30 9000 77 1 2 50 3 0\ncpu0 1 2 3\n')).toEqual({ busy: 2.03, stolen: 0.5 });
});
