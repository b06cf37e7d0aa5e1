/** Counting tests over several runs of vitest: pure. A runner that died, or a tier that only skipped, must not look green. */

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

export const none = { passed: 0, failed: 0, skipped: 0 };

/** @returns {Counts} */
export function add(a, b) {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/**
 * @param {number | null} status vitest's exit status
 * @param {object | undefined} result its JSON report
 * @param {boolean} strict whether a tier all of whose tests skipped themselves is a failure
 * @returns {Counts}
 */
export function countsOf(status, result, strict) {
  if (result === undefined) return { ...none, failed: 1 };
  const passed = result.numPassedTests;
  const skipped = result.numPendingTests + result.numTodoTests;
  // A file that failed to load has no failed test of its own, and an error outside every file not even a file.
  const broken = result.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
  );
  const failed = Math.max(result.numFailedTests + broken.length, status === 0 ? 0 : 1);
  const onlySkipped = strict && passed + failed === 0 && skipped > 0;
  return { passed, failed: onlySkipped ? 1 : failed, skipped };
}

/** The plain closing line of `npm test`. */
export function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** 1 when anything failed or nothing ran. */
export function exitCodeOf({ passed, failed }) {
  return failed > 0 || passed === 0 ? 1 : 0;
}
