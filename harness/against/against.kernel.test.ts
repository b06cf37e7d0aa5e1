/** Two soaks side by side on target `host`: one verdict, one page, nothing left behind. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Plan } from '../facts/plan.js';
import type { Verdict } from '../facts/verdict.js';
import { mutantFile } from '../mutants.js';
import { BRIEF, it } from '../soak.test-support.js';

it('holds the subject against a described daemon: what that one breaks is told, not held against the subject', async ({ runs }) => {
  const { code, stderr, stdout } = await runs.run('run', ...BRIEF, '--against', mutantFile('aliased-addresses'), '--json');
  expect(code, stderr).toBe(0);
  const directories = readdirSync(runs.folder).filter((name) => existsSync(join(runs.folder, name, 'plan.json')) && name !== 'latest');
  expect(directories).toHaveLength(2);
  const plan = JSON.parse(readFileSync(join(runs.latest(), 'plan.json'), 'utf8')) as Plan;
  expect(plan.against).toMatchObject({ side: 'B', before: directories.find((name) => name !== plan.id) });
  const before = JSON.parse(readFileSync(join(runs.folder, plan.against?.side === 'B' ? plan.against.before : '', 'verdict.json'), 'utf8'));
  expect([before.verdict, runs.verdict().verdict]).toEqual(['fail', 'pass']);
  expect([before.seed, before.target]).toEqual([runs.verdict().seed, 'host']);
  const told = JSON.parse(stdout) as Verdict;
  expect(told.warnings).toContainEqual(expect.stringMatching(/^addresses: A fail/));
  expect(told.invariants.map(({ name }) => name)).toContain('threads (against)');
  expect(readFileSync(join(runs.latest(), 'comparison.html'), 'utf8')).toContain('What it costs');
  expect(stderr).toMatch(/^A \| .*FAIL/m);
  expect(stderr).toMatch(/^B \| .*PASS/m);
});

it.for([
  ['nothing of that name', ['--against', 'no-such-thing'], 'neither a file nor a commit'],
  ['two scenarios', ['restart-storm', 'namespace-churn', '--against', 'HEAD'], 'takes one scenario'],
  ['a second try', ['--against', 'HEAD', '--allow-flaky'], 'exclude each other'],
] as const)('refuses %s before anything starts', async ([_, words, sentence], { runs }) => {
  const { code, stderr } = await runs.run('run', ...words, ...BRIEF.slice(0, 4));
  expect([code, stderr]).toEqual([64, expect.stringContaining(sentence)]);
});
