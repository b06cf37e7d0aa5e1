/** Which tests claim a requirement, by a scan of their titles, and what their run says of it: pure, but for the reading of the test files. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Folders whose tests name requirements, from the root of the repository. */
export const FOLDERS = ['collector/reconcile', 'native/rtnl'] as const;

/** Titles of a file's tests. */
export function titles(text: string): string[] {
  return [...text.matchAll(/\b(?:it|test)(?:\.each\([\s\S]*?\]\s*(?:as const)?\s*\))?\(\s*(['"`])((?:\\.|(?!\1)[\s\S])*)\1/g)].map(
    (match) => match[2] as string,
  );
}

/** Requirement numbers that a title names. */
export function named(title: string): string[] {
  return title.match(/\b(?:TC|RT|IF|NL|RM)-\d+\b/g) ?? [];
}

/** Files whose tests name a requirement, and the numbers that each names. */
export function scan(root: string): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const folder of FOLDERS) {
    for (const name of readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.test.ts')) continue;
      const file = path.join(folder, name);
      const numbers = titles(readFileSync(path.join(root, file), 'utf8')).flatMap(named);
      if (numbers.length > 0) found.set(file, numbers);
    }
  }
  return found;
}

/** What this reads of Vitest's JSON report. */
export interface TestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[];
  }[];
}

export interface Proof {
  readonly number: string;
  /** `FILE: TITLE`, with what became of it: `passed`, `failed`, `skipped`, `pending`, `todo`. */
  readonly tests: readonly { readonly test: string; readonly status: string }[];
  /** At least one test names it and passed, and none that names it did anything else. */
  readonly proven: boolean;
}

/** What a run of the tests proves: a test that was skipped proves nothing, and hides what it would have said. */
export function judge(numbers: readonly string[], report: TestReport, root = ''): Proof[] {
  const tests = report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ title, status }) => ({ numbers: named(title), test: `${path.relative(root, name)}: ${title}`, status })),
  );
  return numbers.map((number) => {
    const own = tests.filter((test) => test.numbers.includes(number)).map(({ test, status }) => ({ test, status }));
    return { number, tests: own, proven: own.length > 0 && own.every(({ status }) => status === 'passed') };
  });
}
