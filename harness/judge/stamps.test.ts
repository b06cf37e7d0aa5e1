import { expect, test } from 'vitest';
import { at, measuredTarget, poll } from './fixture.js';

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
