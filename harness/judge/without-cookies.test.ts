/** A kernel before Linux 5.14 tells no cookies of namespaces: rows go by name, inode and the subject's generation. */
import { expect, test } from 'vitest';
import { SERIES_OF } from './checks.js';
import { type FakeTarget, measuredTarget, poll } from './fixture.js';
import type { JudgeRow } from './row.js';

const broken = (target: FakeTarget): string[] => Object.values(SERIES_OF).filter((name) => target.sum(name) > 0);

function judged(spoil: (rows: JudgeRow[], seconds: number) => readonly JudgeRow[] = (rows) => rows, start = 1): FakeTarget {
  const target = measuredTarget(false);
  poll(target, 2, 5, (rows, seconds) => (start === 1 ? spoil(rows, seconds) : rows));
  target.judge.finish(13);
  return target;
}

test('a faultless reader breaks nothing', () => {
  const target = judged();
  expect(broken(target)).toEqual([]);
  expect(target.values('poll.rows')).toEqual([27, 27, 27, 27]);
});

test.each<[what: string, edit: (row: JudgeRow, seconds: number) => Partial<JudgeRow>]>([
  ['under the name of another', () => ({ name: 'st-0' })],
  ['under an inode that is not its own', () => ({ inode: 1 })],
  ['with a cookie that the kernel never told', () => ({ netns: 7 })],
  ['without a generation', () => ({ generation: 0 })],
  ['under the generation of another', () => ({ generation: 1_700_000_004_001 })],
  ['under a generation that changes while it lives', (_, seconds) => ({ generation: seconds })],
])('rows %s are filed wrongly', (_what, edit) => {
  const target = judged((rows, seconds) => rows.map((row) => (row.name === 'st-1' ? { ...row, ...edit(row, seconds) } : row)));
  expect(broken(target)).toEqual(['poll.misattributed']);
});

test('a subject that starts anew counts its generations anew', () => {
  const target = measuredTarget(false);
  const at = (seconds: number, start: number, shift: number): void => {
    target.count(seconds - 0.1);
    target.send(
      target.rows(seconds).map((row) => ({ ...row, generation: Number(row.generation) + shift })),
      seconds,
      start,
    );
  };
  at(2, 1, 0);
  at(3, 1, 0);
  target.judge.endOfStart(1, 0);
  at(4, 2, 1);
  at(5, 2, 1);
  target.judge.finish(13);
  expect(broken(target)).toEqual([]);
});
