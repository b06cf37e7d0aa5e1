import { expect, it } from 'vitest';
import { fakeEvaluation } from '../harness/evaluate/fake.test-support.js';
import { evaluationTable, renderEvaluation } from './evaluation.js';

it('tells in its first line which way won, and why in the next', () => {
  const page = renderEvaluation(fakeEvaluation({ few: [1, 2], many: [1, 4] }));
  expect(page).toContain('<h1>Ours or theirs? Ours wins.</h1>');
  expect(page).toContain('wins in CPU by 2.0 to 4.0 times');
  expect(page).toContain('netsoak evaluate fake');
  expect(page).toContain('A note that a reader needs.');
  expect(renderEvaluation(fakeEvaluation({ few: [1, 0.5] }))).toContain('Theirs wins.');
  expect(renderEvaluation(fakeEvaluation({ few: [1, 1] }))).toContain('Neither wins.');
});

it('shows each load with every way, escapes what comes from outside, and is the same for the same facts', () => {
  const evaluation = fakeEvaluation({ '<few>': [1, 2] });
  const page = renderEvaluation(evaluation);
  expect(page).toContain('&lt;few&gt;');
  expect(page).not.toContain('<io_uring_enter>');
  expect(page).toContain('1 s');
  expect(page).toContain('+100.0 %');
  expect(page).toMatch(/dominant system call<\/th><td class="number">recvfrom<\/td><td class="number">&lt;io_uring_enter&gt;</);
  expect(renderEvaluation(evaluation)).toBe(page);
});

it('prints a line for each load and way', () => {
  const lines = evaluationTable(fakeEvaluation({ few: [1, 2] })).split('\n');
  expect(lines.map((line) => line.trim().split(/ {2,}/))).toEqual([
    ['cpu/poll', 'threads'],
    ['few', 'ours', '1 s', '2', 'recvfrom'],
    ['theirs', '2 s', '1', '<io_uring_enter>'],
  ]);
});
