import { expect, test } from 'vitest';
import type { Verdict } from '../facts/verdict.js';
import { fakePlan, healthyRun, withEvents, withSeries } from '../verdict/fake-run.test-support.js';
import { judgeRun } from '../verdict/load-run.js';
import { renderJunit } from './junit.js';
import { renderSummary } from './summary.js';

const evil = `<b>"'&\u0000\u001b[31m]]>|`;
const red = judgeRun(withSeries(healthyRun(), 'subject.threads', (v, at) => (at > 30 ? 40 : v)));
const startedAt = fakePlan().startedAt;
const junitOf = (verdict: Verdict): string => renderJunit(verdict, startedAt);
const count = (text: string, what: RegExp): number => text.match(what)?.length ?? 0;

test('JUnit has a case for the run, each invariant and each requirement, and its totals are theirs', () => {
  const xml = junitOf(red);
  expect(count(xml, /<testcase /g)).toBe(1 + red.invariants.length + red.reached.length);
  expect(xml).toContain(`tests="16" failures="${count(xml, /<failure /g)}" errors="0" skipped="${count(xml, /<skipped /g)}"`);
  expect(xml).toMatch(/name="invariant: threads" time="0"><failure message="14 -&gt; 40, above from/);
});

test('JUnit tells what could not be judged from what is wrong', () => {
  const unknown = junitOf(judgeRun(withSeries(healthyRun(), 'subject.threads', () => null)));
  expect(unknown).toMatch(/name="run" time="60.000"><error /);
  expect(unknown).toMatch(/name="invariant: threads" time="0"><error /);
  expect(unknown).not.toContain('<failure');
  expect(junitOf(judgeRun(healthyRun()))).not.toMatch(/<failure|<error/);
});

test('JUnit stays XML whatever the subject says', () => {
  const xml = junitOf(judgeRun(withEvents(healthyRun(), { at: 30, kind: 'error', owner: 'product', code: 'x', message: evil, hint: '' })));
  expect(xml).toContain("fail: &lt;b&gt;&quot;'&amp;\uFFFD\uFFFD[31m]]&gt;|");
  expect(xml).not.toContain('\u0000');
});

test('the summary leads with verdict and reason and ends with the command that repeats the run', () => {
  const lines = renderSummary(red, 'netsoak run x --seed 7').split('\n');
  expect(lines[0]).toMatch(/^## FAIL: threads 14 -> 40, crosses the ceiling of 16 at 3[01] s$/);
  expect(lines.at(-2)).toBe('    netsoak run x --seed 7');
  expect(count(lines.join('\n'), /^\| .* \| (pass|fail|unknown|skipped) \|/gm)).toBe(red.invariants.length);
});

test('the summary shows what was not reached, and nothing of the subject acts as markup', () => {
  const short = judgeRun(withSeries(healthyRun(), 'load.churnEvents', () => 5));
  expect(renderSummary(short, 'x')).toContain('| churn events | 5 | 600 (not reached) |');
  const text = renderSummary({ ...red, reason: `a | b\nc <script> \`d\`` }, 'x');
  expect(text.split('\n')[0]).toBe('## FAIL: a \\| b c &lt;script> \\`d\\`');
});
