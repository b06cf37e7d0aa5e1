/** Namespaces that come and go. */
import { expect, test } from 'vitest';
import { at, broken, finished, measuredTarget, poll } from './fixture.js';
import type { JudgeRow } from './row.js';

test('of the churned namespaces that lived for two intervals and more, those with rows are counted', () => {
  const target = measuredTarget();
  const alive = (dead: readonly string[]) => (rows: JudgeRow[]) => rows.filter((row) => !dead.includes(row.name));
  for (const name of ['ch-seen', 'ch-unseen', 'ch-brief']) target.space(name, 'churn', 1.5);
  poll(target, 2, 2, alive(['ch-unseen', 'ch-brief']));
  target.remove('ch-brief', 2.5);
  poll(target, 3, 4, alive(['ch-unseen', 'ch-brief']));
  target.remove('ch-seen', 4.6);
  target.remove('ch-unseen', 4.6);
  poll(target, 5, 7, alive(['ch-seen', 'ch-unseen', 'ch-brief']));
  finished(target, 9);
  expect(target.values('churn.eligible').at(-1)).toBe(2);
  expect(target.values('churn.seen').at(-1)).toBe(1);
  expect(broken(target)).toEqual(['poll.churnMissing']);
});

test('a churned socket has its own values, too, once it is made', () => {
  const target = measuredTarget();
  target.space('ch-0', 'churn', 1.5);
  poll(target, 2, 4, (rows) => rows.map((row) => (row.name === 'ch-0' && row.state === 1 ? { ...row, received: 0 } : row)));
  expect(broken(finished(target, 6))).toEqual(['poll.wrongValues']);
});

test('how namespaces die is a series, of each second the longest', () => {
  const target = measuredTarget();
  const count = (seconds: number): void =>
    target.tell(
      { kind: 'count', churnEvents: 7, adds: 4, deletes: 3, namespaces: 5, sockets: 50, lateEvents: 1, at: at(seconds) },
      seconds,
    );
  target.tell({ kind: 'netns-pinned', name: 'ch-0', netns: '9', afterSeconds: 2.1, heldSeconds: null }, 5);
  count(5);
  target.tell({ kind: 'netns-gone', name: 'ch-0', netns: '9', afterSeconds: 2.6, heldSeconds: 0.4 }, 6);
  target.tell({ kind: 'netns-gone', name: 'ch-1', netns: '10', afterSeconds: 0.1, heldSeconds: 0 }, 6);
  target.tell({ kind: 'netns-pinned', name: 'ch-2', netns: '11', afterSeconds: 1.1, heldSeconds: null }, 6);
  count(6);
  count(7);
  target.tell({ kind: 'netns-gone', name: 'ch-2', netns: '11', afterSeconds: 3, heldSeconds: 0.9 }, 7.5);
  finished(target, 8);
  expect(target.values('load.goneSeconds')).toEqual([2.1, 2.6, 3]);
  expect(target.values('load.heldSeconds')).toEqual([0.4, 0.9]);
  expect(target.outputs.filter((o) => 'series' in o && o.series['load.heldSeconds'] === null)).toHaveLength(1);
});

test('a namespace that comes and goes must be whole in each poll from a quarter of an interval after its birth until as much before its end', () => {
  const target = measuredTarget();
  target.space('ch-1', 'churn', 2.7);
  target.space('ch-2', 'churn', 2.8);
  const spoil = (rows: JudgeRow[], seconds: number) =>
    rows.filter((row) => !row.name.startsWith('ch-') || (row.state === 10 && seconds < 9));
  poll(target, 3, 8, spoil);
  target.remove('ch-2', 8.2);
  target.remove('ch-1', 8.3);
  poll(target, 9, 11, spoil);
  finished(target, 13);
  // Six ends of connections of each; to the second one the polls at 3 and at 8 come too early and too late.
  expect(broken(target)).toEqual(['poll.churnMissing']);
  expect(target.values('poll.churnMissing')).toEqual([6, 12, 12, 12, 12, 6, 0, 0, 0]);
  expect(target.values('churn.due').at(-1)).toBe((6 + 4) * 7);
});
