import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT, exitCodeOfAll } from './exit.js';
import type { Outcome, Verdict } from './facts/verdict.js';
import { loadQuarantine } from './quarantine.js';
import { fakePlan, healthyRun, redRun } from './verdict/fake-run.test-support.js';
import { judgeRun } from './verdict/load-run.js';

const TODAY = new Date('2026-03-01T12:00:00Z');
const quarantine = { reason: 'flaps', since: '2026-01-31' };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'netsoak-quarantine-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function load(text: string): unknown {
  const file = join(folder, 'q.yaml');
  writeFileSync(file, text);
  return loadQuarantine(['churn', 'storm'], TODAY, file);
}

describe('the quarantine', () => {
  it('holds scenario, reason and day', () => {
    expect(load('- scenario: churn\n  reason: flaps\n  since: 2026-01-31\n')).toEqual(new Map([['churn', quarantine]]));
    expect(load('# nobody\n')).toEqual(new Map());
    expect(load('[]')).toEqual(new Map());
  });

  it("is the repository's own, and in order, when no other is named", () => {
    expect(loadQuarantine(['namespace-churn'], TODAY)).toBeInstanceOf(Map);
  });

  it.each([
    ['- scenario: churn\n  since: 2026-01-31\n', 'reason'],
    ['- scenario: churn\n  reason: " "\n  since: 2026-01-31\n', 'reason'],
    ['- scenario: churn\n  reason: x\n', 'since'],
    ['- scenario: churn\n  reason: x\n  since: yesterday\n', 'since'],
    ['- scenario: churn\n  reason: x\n  since: 2026-03-02\n', 'which is to come'],
    ['- scenario: chrun\n  reason: x\n  since: 2026-01-31\n', 'there is no scenario chrun'],
    ['- {scenario: churn, reason: x, since: 2026-01-31}\n- {scenario: churn, reason: y, since: 2026-01-31}\n', 'there twice'],
    ['- {scenario: churn, reason: x, since: 2026-01-31, until: never}\n', 'until'],
    ['churn: x\n', 'array'],
    ['[', 'not YAML'],
  ])('refuses %j', (text, words) => {
    expect(() => load(text)).toThrow(words);
  });
});

describe('a quarantined run', () => {
  const verdictOf = (verdict: Outcome): Verdict => ({ ...judgeRun(healthyRun()), verdict });

  it('keeps its verdict, from the stored plan alone', () => {
    const run = redRun();
    expect(judgeRun({ ...run, plan: { ...run.plan, quarantine } })).toMatchObject({ verdict: 'fail', quarantine });
  });

  it.each(['fail', 'flaky', 'unknown'] as const)('that is %s fails no job', (outcome) => {
    const excused = { ...verdictOf(outcome), quarantine };
    expect(exitCodeOfAll([excused], false)).toBe(EXIT.pass);
    expect(exitCodeOfAll([excused, verdictOf('pass')], false)).toBe(EXIT.pass);
    expect(exitCodeOfAll([excused, verdictOf('fail')], false)).toBe(EXIT.fail);
  });

  it.each([
    ['infra', EXIT.infra],
    ['partial', EXIT.unknown],
  ] as const)('that is %s is not excused: no flakiness of the scenario did that', (outcome, code) => {
    expect(exitCodeOfAll([{ ...verdictOf(outcome), quarantine }], false)).toBe(code);
  });
});

describe('a second try', () => {
  const retryOf = { id: 'first', reason: 'the target was lost' };

  it('that passes is flaky, and says why', () => {
    const run = { ...healthyRun(), plan: fakePlan({ retryOf }) };
    expect(judgeRun(run)).toMatchObject({
      verdict: 'flaky',
      reason: 'passed at the second try; the first was infra: the target was lost',
      retryOf,
    });
  });

  it('that fails is a fail like any other', () => {
    const run = redRun();
    expect(judgeRun({ ...run, plan: { ...run.plan, retryOf } }).verdict).toBe('fail');
  });
});
