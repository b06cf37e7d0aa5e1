/** That no requirement is without a test, and how the run of those tests is judged. What they prove is for `npm run requirements` to say. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { REQUIREMENTS } from './requirements.js';
import { judge, named, scan, titles } from './requirements-judge.js';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const report = (...tests: (readonly [title: string, status: string])[]) => ({
  testResults: [{ name: '/root/a.test.ts', assertionResults: tests.map(([title, status]) => ({ title, status })) }],
});

it('names each requirement in the title of a test that runs every day, and no other', () => {
  const daily = [...scan(root)].filter(([file]) => !file.endsWith('.long.test.ts')).flatMap(([, numbers]) => numbers);
  expect([...new Set(daily)].sort()).toEqual(Object.keys(REQUIREMENTS).sort());
});

it('reads titles as they are written', () => {
  const text = `it('RT-1 keeps it', () => {}); it.each([1, 2] as const)('NL-2 NL-3 %s', () => {}); test("it's IF-4", () => {});`;
  expect(titles(text).flatMap(named)).toEqual(['RT-1', 'NL-2', 'NL-3', 'IF-4']);
});

it.each([
  ['a test that passed', report(['RT-1 a', 'passed']), true],
  ['two that passed', report(['RT-1 a', 'passed'], ['RT-1 RT-2 b', 'passed']), true],
  ['no test', report(['RT-11 a', 'passed']), false],
  ['a test that failed', report(['RT-1 a', 'failed']), false],
  ['one that failed beside one that passed', report(['RT-1 a', 'passed'], ['RT-1 b', 'failed']), false],
  ['a test that was skipped', report(['RT-1 a', 'skipped']), false],
  ['one that was skipped beside one that passed', report(['RT-1 a', 'passed'], ['RT-1 b', 'pending']), false],
  ['a file that never ran', { testResults: [{ name: '/root/a.test.ts', assertionResults: [] }] }, false],
])('takes a requirement with %s for what it is', (_what, told, proven) => {
  expect(judge(['RT-1'], told).map((proof) => proof.proven)).toEqual([proven]);
});

it('says which test of which file said what', () => {
  expect(judge(['RT-1'], report(['RT-1 a', 'passed']), '/root')[0]?.tests).toEqual([{ test: 'a.test.ts: RT-1 a', status: 'passed' }]);
});
