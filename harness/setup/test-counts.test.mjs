import { describe, expect, it } from 'vitest';
import { add, closingLine, countsOf, exitCodeOf, none } from './test-counts.mjs';

const result = (passed, failed, pending = 0, todo = 0, testResults = []) => ({
  testResults,
  numPassedTests: passed,
  numFailedTests: failed,
  numPendingTests: pending,
  numTodoTests: todo,
});

const BROKEN = { status: 'failed', assertionResults: [] };
const RED = { status: 'failed', assertionResults: [{ status: 'failed' }] };

describe('the closing line of npm test', () => {
  it.each([
    ['adds up', countsOf(0, result(3, 0, 1, 1), true), '3 passed, 0 failed, 2 skipped', 0],
    ['counts failures', countsOf(1, result(3, 2), false), '3 passed, 2 failed', 1],
    ['counts an error outside every file', countsOf(1, result(3, 0), false), '3 passed, 1 failed', 1],
    [
      'counts a file that failed to load beside a failed test',
      countsOf(1, result(3, 1, 0, 0, [BROKEN, RED]), false),
      '3 passed, 2 failed',
      1,
    ],
    ['counts a runner that died without a report', countsOf(137, undefined, false), '0 passed, 1 failed', 1],
    [
      'takes a tier that only skipped for a failure where that is asked',
      countsOf(0, result(0, 0, 4), true),
      '0 passed, 1 failed, 4 skipped',
      1,
    ],
    ['is not green when nothing ran', none, '0 passed, 0 failed', 1],
  ])('%s', (_, counts, line, code) => {
    expect([closingLine(counts), exitCodeOf(counts)]).toEqual([line, code]);
  });

  it('stays red when one tier was', () => {
    expect(exitCodeOf(add(countsOf(0, result(9, 0), true), countsOf(1, result(0, 1), true)))).toBe(1);
  });

  it('leaves a tier without tests alone', () => {
    expect(countsOf(0, result(0, 0), true)).toEqual(none);
  });
});
