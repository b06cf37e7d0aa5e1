import { expect, test } from 'vitest';
import { KernelBook } from './kernel-book.js';

test('adds up the polls that the judge has judged, and what is wrong with each', () => {
  const book = new KernelBook();
  book.observe({ 'poll.rows': 9, 'poll.missing': 1, 'poll.duplicates': null });
  book.observe({ 'poll.expected': 100, 'poll.churnExpected': 7, 'poll.missing': 2, 'poll.churnMissing': 3, 'poll.duplicates': 4 });
  book.observe({
    'poll.expected': 50,
    'poll.misaddressed': 1,
    'poll.misattributed': 1,
    'poll.foreign': 1,
    'poll.wrongValues': 1,
    'poll.stale': 1,
  });
  expect(book.kernel).toEqual({ polls: 2, rows: 157, wrongs: { lost: 6, duplicated: 4, changed: 5, late: 0 } });
});

test('has of closed sockets what the judge said last, without those that nobody could hear of', () => {
  const book = new KernelBook();
  book.observe({ 'brief.made': 10, 'brief.unheard': 0, 'brief.missing': 1, 'brief.wrong': 0 });
  book.observe({ 'brief.made': 30, 'brief.unheard': 4, 'brief.missing': 0, 'brief.wrong': 2 });
  book.observe({ 'poll.expected': 1 });
  expect(book.closedByLoad).toEqual({ owed: 26, missing: 0, wrong: 2 });
});
