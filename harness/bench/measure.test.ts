import { describe, expect, test } from 'vitest';
import type { Row } from './benchmark.js';
import { measure, schedule } from './measure.js';
import type { Answer, Order } from './sampler.js';

const ROWS: readonly Row[] = ['a', 'b', 'c'].map((name) => ({ suite: 'suite', name, per: 'call' }));
const SIDES = [{ root: '/old' }, { root: '/new' }];

describe('the order of processes', () => {
  const turns = schedule(3, 2, 10);

  test('every row has one process a side in each of ten rounds and the warm-up round', () => {
    for (let row = 0; row < 3; row++) {
      for (let side = 0; side < 2; side++) {
        const rounds = turns.filter((turn) => turn.row === row && turn.side === side).map(({ round }) => round);
        expect(rounds).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      }
    }
  });

  test('both sides of a row come one after the other, with the same environment, and take turns at being first', () => {
    const firsts = [0, 0];
    for (let i = 0; i < turns.length; i += 2) {
      const [one, other] = [turns[i], turns[i + 1]];
      expect([other?.row, other?.round, other?.padding]).toEqual([one?.row, one?.round, one?.padding]);
      expect(other?.side).not.toBe(one?.side);
      firsts[one?.side ?? 0] = (firsts[one?.side ?? 0] ?? 0) + 1;
    }
    expect(Math.abs((firsts[0] ?? 0) - (firsts[1] ?? 0))).toBeLessThanOrEqual(3);
  });

  test('the environment has another size in each round', () => {
    expect(new Set(turns.filter(({ row }) => row === 0).map(({ padding }) => padding)).size).toBe(11);
  });
});

/** A sampler that answers with the number of its call, so that order and selection can be seen. */
function counting(fail: (order: Order, call: number) => string | undefined = () => undefined) {
  const asked: Order[] = [];
  const ask = async (order: Order): Promise<Answer> => {
    asked.push(order);
    const message = fail(order, asked.length);
    return message === undefined
      ? { kind: 'sample', sample: { metrics: { time: asked.length }, warnings: ['coarse'] } }
      : { kind: 'failed', message };
  };
  return { asked, ask };
}

test('throws the first round away and keeps the others, side by side', async () => {
  const { ask } = counting();
  const { sides, failed } = await measure(ROWS, SIDES, 6, ask, () => {});
  expect(failed).toEqual([]);
  expect(sides.map((rows) => rows.map(({ metrics }) => metrics.time?.length))).toEqual([
    [6, 6, 6],
    [6, 6, 6],
  ]);
  expect(Math.min(...sides.flat().flatMap(({ metrics }) => metrics.time ?? []))).toBe(7);
});

test('plants a slowdown on one side of one row, in every round', async () => {
  const { ask, asked } = counting();
  await measure(ROWS, [{ root: '/old' }, { root: '/new', planted: { row: 'suite: b', share: 0.1 } }], 6, ask, () => {});
  const slowed = asked.flatMap((order) => (order.kind === 'sample' && order.slowdown !== undefined ? [order] : []));
  expect(slowed.map(({ file, name, slowdown }) => [file, name, slowdown])).toEqual(Array(7).fill(['/new/dist/suite.bench.js', 'b', 0.1]));
});

test('asks each side for its own file', async () => {
  const { ask, asked } = counting();
  await measure(ROWS.slice(0, 1), SIDES, 1, ask, () => {});
  expect(asked.map(({ file }) => file).sort()).toEqual([
    '/new/dist/suite.bench.js',
    '/new/dist/suite.bench.js',
    '/old/dist/suite.bench.js',
    '/old/dist/suite.bench.js',
  ]);
});

test('a row that fails on one side is left out on both, told with its side, and not tried again', async () => {
  const { ask, asked } = counting((order, call) =>
    order.kind === 'sample' && order.name === 'b' && order.file.startsWith('/new') && call > 10 ? 'boom' : undefined,
  );
  const { sides, failed } = await measure(ROWS, SIDES, 6, ask, () => {});
  expect(failed).toEqual(['suite: b: on the new side: boom']);
  expect(sides.map((rows) => rows.map(({ name }) => name))).toEqual([
    ['a', 'c'],
    ['a', 'c'],
  ]);
  expect(asked.filter((order) => order.kind === 'sample' && order.name === 'b').length).toBeLessThan(8);
});

test('a warning that comes every time is told once, with its count', async () => {
  const { ask } = counting();
  const { warnings } = await measure(ROWS.slice(0, 1), [{ root: '/' }], 6, ask, () => {});
  expect(warnings).toEqual(['suite: a: coarse (7 times)']);
});

test('system calls are taken from the warm-up process, which nothing else is', async () => {
  const ask = async (order: Order): Promise<Answer> => ({
    kind: 'sample',
    sample: { metrics: order.kind === 'sample' && order.rehearse ? { syscalls: 42, cpu: 1e9 } : { cpu: 5 }, warnings: [] },
  });
  const { sides } = await measure(ROWS.slice(0, 1), [{ root: '/' }], 2, ask, () => {});
  expect(sides[0]?.[0]?.metrics).toEqual({ cpu: [5, 5], syscalls: [42] });
});
