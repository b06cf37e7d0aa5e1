import { expect, test } from 'vitest';
import { at, type FakeTarget, measuredTarget, poll } from './fixture.js';

test('stamps that are a few seconds off are told, ahead at once and behind once ten polls say so', () => {
  const told = (by: number): unknown[] => {
    const target = measuredTarget();
    poll(target, 2, 21, (rows, seconds) => rows.map((row) => ({ ...row, poll: at(seconds + by) })));
    target.judge.finish(25);
    const events = target.events('offence');
    return events.map(({ detail }) => detail).filter((detail) => String(detail).includes("the target's clock"));
  };
  for (const by of [0, 0.9, -0.9]) expect(told(by)).toEqual([]);
  expect(told(3)[0]).toMatch(/is stamped 2\.9 s ahead of the target's clock$/);
  const behind = told(-3);
  expect(behind[0]).toMatch(/and the 9 before it are stamped 3\.1 s and more behind the target's clock$/);
  expect(behind).toHaveLength(11);
});

test('a subject that is held up for a while is not behind', () => {
  const target = measuredTarget();
  for (let seconds = 2; seconds <= 25; seconds++) {
    target.pulse(seconds - 0.2);
    target.count(seconds - 0.1);
    const stopped = seconds >= 8 && seconds < 14 ? 5 : 0;
    target.send(
      target.rows(seconds - stopped).map((row) => ({ ...row, poll: at(seconds - stopped) })),
      seconds,
    );
  }
  expect(target.events('offence').filter(({ detail }) => String(detail).includes('clock'))).toEqual([]);
});

/** A second behind, which is no more than clocks and a way may be apart. */
const late = (rows: ReturnType<FakeTarget['rows']>, seconds: number) => rows.map((row) => ({ ...row, poll: at(seconds - 1) }));

test.each([
  ['as they were read', undefined, 0],
  ['an interval behind', late, 7],
] as const)('of a namespace that was just made, rows that are stamped %s', (_, spoil, stale) => {
  const target = measuredTarget();
  poll(target, 2, 4, spoil);
  target.space('ch-0', 'churn', 4.5);
  poll(target, 5, 8, spoil);
  target.judge.finish(10);
  expect(target.sum('poll.stale')).toBe(stale);
  if (stale > 0) expect(target.events('offence')[0]?.detail).toMatch(/ is stamped 0\.\d+ s before its namespace had a socket$/);
});

test.each([
  ['live', [0.099, 1.6]],
  ['held', []],
] as const)('how long rows took from their stamp to us, unless they wait on their way (%s)', (way, seconds) => {
  const target = measuredTarget();
  for (const [from, took] of [
    [2, 0.1],
    [3, 1.6],
  ] as const) {
    target.count(from + took);
    target.judge.rows(1, target.rows(from), from + took, way);
  }
  target.judge.finish(10);
  const told = target.values('poll.deliverySeconds');
  expect(told).toHaveLength(seconds.length);
  for (const [i, value] of seconds.entries()) expect(told[i]).toBeCloseTo(value, 2);
});
