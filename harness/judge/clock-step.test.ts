/** The target's clock jumps ahead and back: polls go on, and none is taken for a late one. */
import { expect, test } from 'vitest';
import { SERIES_OF } from './checks.js';
import { at, type FakeTarget, measuredTarget } from './fixture.js';

/** A poll at our `now`, when the target's clock is `ahead` by so much. */
function pollAt(target: FakeTarget, now: number, ahead = 0): void {
  const { judge } = target;
  judge.ledger(
    { kind: 'count', churnEvents: 0, adds: 0, deletes: 0, namespaces: 0, sockets: 0, lateEvents: 0, at: at(now - 0.1 + ahead) },
    now - 0.1,
  );
  judge.rows(1, target.rows(now + ahead), now + 0.1);
}

const broken = (target: FakeTarget): string[] => Object.values(SERIES_OF).filter((name) => target.sum(name) > 0);

test('every poll before, during and after is judged, and nothing is wrong', () => {
  const target = measuredTarget();
  for (const now of [2, 3, 4]) pollAt(target, now);
  for (const now of [5, 6, 7]) pollAt(target, now, 600);
  for (const now of [8, 9, 10]) pollAt(target, now);
  target.judge.finish(20);
  expect(broken(target)).toEqual([]);
  expect(target.values('poll.rows')).toEqual(Array(9).fill(27));
});

test.each([
  ['ahead', 0, 600],
  ['back', 600, 0],
])('a poll whose rows come before the ledger has told of a step %s is as good as any', (_, before, after) => {
  const target = measuredTarget();
  for (const now of [2, 3]) pollAt(target, now, before);
  // Of two envelopes one comes before that line, one after it.
  const rows = target.rows(4 + after);
  target.judge.rows(1, rows.slice(0, 20), 4.05);
  target.count(4.1, after);
  target.judge.rows(1, rows.slice(20), 4.15);
  for (const now of [5, 6]) pollAt(target, now, after);
  target.judge.finish(20);
  expect(broken(target)).toEqual([]);
  expect(target.values('poll.rows')).toEqual(Array(5).fill(27));
  expect(target.events('offence')).toEqual([]);
});

test('a poll of another day is told when no ledger has confirmed it for three seconds, also at the end', () => {
  for (const last of [20, 5]) {
    const target = measuredTarget();
    for (const now of [2, 3]) pollAt(target, now);
    target.judge.rows(1, target.rows(4 + 600), 4.1);
    target.judge.tick(last === 20 ? 7.2 : 7);
    expect(target.events('offence')).toHaveLength(last === 20 ? 1 : 0);
    target.judge.measure('end', 4.5);
    target.judge.finish(last);
    expect(target.events('offence')).toHaveLength(1);
  }
});

test('a poll that is judged after the step is held against the pulse that was before it', () => {
  const target = measuredTarget();
  const pulse = (now: number, ahead = 0): void =>
    target.tellAt({ kind: 'pulse', round: 1, bytes: 1000, startedAt: at(now - 0.3 + ahead), doneAt: at(now - 0.2 + ahead) }, now - 0.2);
  for (const now of [2, 3]) {
    pulse(now, 600);
    pollAt(target, now, 600);
  }
  for (const now of [4, 5, 6]) {
    pulse(now);
    pollAt(target, now);
  }
  target.judge.finish(20);
  expect(broken(target)).toEqual([]);
});

test('a reader that repeats an old poll is still late: the clock does not agree', () => {
  const target = measuredTarget();
  for (const now of [2, 3]) pollAt(target, now);
  for (const now of [70, 80]) pollAt(target, now);
  target.judge.rows(1, target.rows(2), 80.5);
  target.judge.finish(90);
  expect(broken(target)).toEqual(['poll.stale']);
});

test('ids that stay ahead of a clock that was set back are told', () => {
  const target = measuredTarget();
  pollAt(target, 2);
  pollAt(target, 3, 600);
  for (const now of [4, 5]) {
    const ahead = target.rows(now + 599 + now / 1000).map((row) => ({ ...row, offsetNs: row.offsetNs - 600e9 }));
    target.judge.rows(1, ahead, now + 0.1);
  }
  target.judge.finish(20);
  expect(broken(target)).toEqual(['poll.stale']);
});
