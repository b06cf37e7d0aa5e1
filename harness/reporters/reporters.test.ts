import { expect, test } from 'vitest';
import type { Verdict } from '../facts/verdict.js';
import type { ReportedRun } from '../merge.js';
import { merge } from '../merge.js';
import { fakePlan, healthyRun, withEvents, withSeries } from '../verdict/fake-run.test-support.js';
import { judgeRun } from '../verdict/load-run.js';
import { renderAnnotations } from './github.js';
import { renderJunit } from './junit.js';
import { renderMergedSummary, renderSummary } from './summary.js';
import { renderTap } from './tap.js';

const evil = `<b>"'&\u0000\u001b[31m]]>|`;
const red = judgeRun(withSeries(healthyRun(), 'subject.threads', (v, at) => (at > 30 ? 40 : v)));
const startedAt = fakePlan().startedAt;
const reported = (verdict: Verdict, over: Partial<ReportedRun> = {}): ReportedRun => ({
  id: '20260101T120000Z-namespace-churn-7',
  verdict,
  startedAt,
  replay: 'netsoak run x --seed 7',
  ...over,
});
const junitOf = (...verdicts: Verdict[]): string => renderJunit(verdicts.map((verdict) => reported(verdict)));
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
  const lines = renderSummary(reported(red)).split('\n');
  expect(lines[0]).toMatch(/^## FAIL: threads 14 -> 40, crosses the ceiling of 16 at 3[01] s$/);
  expect(lines.at(-2)).toBe('    netsoak run x --seed 7');
  expect(count(lines.join('\n'), /^\| [^|]* \| (pass|fail|unknown|skipped) \|/gm)).toBe(red.invariants.length + red.harness.length);
});

test('the summary has the run in a row that can be quoted', () => {
  const provenance = { netsoak: '0.1.0', revision: 'f00dcafe', hostKernel: '6.18.4', node: 'v22.0.0' };
  const [, , names, , row] = renderSummary(reported(judgeRun(healthyRun({ provenance })))).split('\n');
  expect(names).toBe('| scenario | target | measured | load | polls | rows | starts, restarts | seed | with | verdict |');
  const versions = 'kernel 6.1.0-32-amd64, node v20.20.2, netsoak 0.1.0, revision f00dcafe';
  expect(row).toBe(`| namespace-churn | vm (tcg) | 60 s | 1,210 churn events | 60 | 144,000 | 1, 0 | 7 | ${versions} | pass |`);
});

test('the summary shows what was not reached, and nothing of the subject acts as markup', () => {
  const short = judgeRun(withSeries(healthyRun(), 'load.churnEvents', () => 5));
  expect(renderSummary(reported(short))).toContain('| churn events | 5 | 600 (not reached) |');
  const text = renderSummary(reported({ ...red, reason: `a | b\nc <script> \`d\`` }));
  expect(text.split('\n')[0]).toBe('## FAIL: a \\| b c &lt;script> \\`d\\`');
});

const green = judgeRun(healthyRun());
const quarantine = { reason: 'threads flap, see `x` # y', since: '2026-01-05' };

test('JUnit of several runs has a suite each and the totals of all', () => {
  const xml = junitOf(green, red);
  expect(count(xml, /<testsuite /g)).toBe(2);
  expect(xml).toContain(`<testsuites name="netsoak" tests="${count(xml, /<testcase /g)}" failures="${count(xml, /<failure /g)}"`);
});

test('a quarantined failure stays visible in every report and fails none', () => {
  const excused = { ...red, quarantine };
  const xml = junitOf(excused);
  expect(xml).not.toMatch(/<failure|<error/);
  expect(xml).toMatch(/name="run" time="60.000"><skipped message="in quarantine since 2026-01-05: threads flap, .*; fail: /);
  expect(renderTap([reported(excused)])).toMatch(/^not ok 1 - namespace-churn .* # TODO in quarantine since 2026-01-05: .* \\# y$/m);
  expect(renderSummary(reported(excused))).toMatch(/^## FAIL: .*\n\n(?:\|.*\n){3}\nIn quarantine since 2026-01-05/m);
  expect(renderAnnotations([reported(excused)], () => undefined, false)).toMatch(/^::warning title=/);
});

/** Of a TAP file the points at one depth: whether each is a failure to a reader. */
function points(tap: string, depth: number): { failed: boolean; line: string }[] {
  const point = new RegExp(`^ {${depth}}(not ok|ok) (\\d+) - `);
  return tap
    .split('\n')
    .filter((line) => point.test(line))
    .map((line) => ({ failed: line.trim().startsWith('not ok') && !/(?<!\\)# TODO/.test(line), line }));
}

test('TAP has a point for each run, and its invariants and requirements below it, in the numbers that it announces', () => {
  const tap = renderTap([reported(green), reported(red)]);
  expect(tap.split('\n').slice(0, 2)).toEqual(['TAP version 14', '1..2']);
  expect(points(tap, 0).map(({ failed }) => failed)).toEqual([false, true]);
  expect(points(tap, 4)).toHaveLength(2 * (red.invariants.length + red.reached.length));
  expect(count(tap, new RegExp(`^ {4}1\\.\\.${red.invariants.length + red.reached.length}$`, 'gm'))).toBe(2);
  expect(tap).toMatch(
    /^ {4}not ok 1 - invariant: threads\n {6}---\n {6}verdict: fail\n {6}bound: at most 16\n {6}observed: .*\n {6}\.\.\.$/m,
  );
  expect(tap).toMatch(/^ {4}ok \d+ - invariant: rss-leak # SKIP /m);
});

test('nothing that the subject says begins a directive or a line of TAP', () => {
  const tap = renderTap([reported({ ...red, scenario: 'a # TODO b\nok 2 - c', reason: 'x\n  ...\nok 3 - d' })]);
  expect(points(tap, 0)).toEqual([{ failed: true, line: 'not ok 1 - a \\# TODO b ok 2 - c (vm, seed 7)' }]);
});

test('annotations name the file of the scenario and can be read back word for word', () => {
  const nasty = {
    ...red,
    invariants: red.invariants.map((i) => (i.name === 'threads' ? { ...i, name: 'a:b,c%', observed: `50 %\r\n::error::x ${evil}` } : i)),
  };
  const [line = '', ...more] = renderAnnotations([reported(nasty)], (name) => `scenarios/${name}.ts`, false)
    .trimEnd()
    .split('\n');
  const command = /^::error file=([^,:]*),title=([^,:]*)::(.*)$/.exec(line);
  const back = (text: string | undefined): string => decodeURIComponent((text ?? '').replace(/%(?!25|0D|0A|3A|2C)/g, '%25'));
  expect(command?.[1]).toBe('scenarios/namespace-churn.ts');
  expect(back(command?.[2])).toBe('namespace-churn: a:b,c%');
  expect(back(command?.[3])).toContain(`50 %\r\n::error::x ${evil}, bound at most 16`);
  expect(more.every((other) => other.startsWith('::error '))).toBe(true);
  expect(renderAnnotations([reported(green)], () => undefined, false)).toBe('');
});

test('more annotations than GitHub shows end in one that counts the rest', () => {
  const lines = renderAnnotations(
    Array.from({ length: 14 }, () => reported(red)),
    () => undefined,
    false,
  )
    .trimEnd()
    .split('\n');
  expect(lines).toHaveLength(10);
  expect(lines.at(-1)).toMatch(/^::error title=netsoak::\d+ more; /);
});

test('a flaky run is an error unless flaky runs are allowed', () => {
  const flaky: Verdict = { ...green, verdict: 'flaky', reason: 'passed at the second try' };
  expect(renderAnnotations([reported(flaky)], () => undefined, false)).toMatch(/^::error /);
  expect(renderAnnotations([reported(flaky)], () => undefined, true)).toMatch(/^::warning /);
});

test('the summary of several runs has a line for each, and in full those that are not green', () => {
  const runs = [green, red, { ...red, scenario: 'other|one', quarantine }].map((verdict, i) => ({
    plan: fakePlan(),
    run: reported(verdict, { id: `run-${i}` }),
  }));
  const text = renderMergedSummary(merge(runs));
  expect(text.split('\n')[0]).toBe('## FAIL: 3 runs, 1 fail, 1 pass, 1 in quarantine and not counted');
  expect(count(text, /^\| .* \| `run-\d` \|$/gm)).toBe(3);
  expect(text).toContain('| other\\|one | fail (quarantine) |');
  expect(count(text, /^### FAIL: /gm)).toBe(2);
});
