import { expect, test } from 'vitest';
import { fakePlan, healthyRun, withSeries } from './fake-run.test-support.js';
import { judge } from './judge.test-support.js';
import type { StoredRun } from './load-run.js';

const hour = (): StoredRun => healthyRun({ target: 'host', durationSeconds: 3600 });
const told = (run: StoredRun): Record<string, string> => Object.fromEntries(judge(run).harness.map(({ name, verdict }) => [name, verdict]));
const grows = (series: string): StoredRun => withSeries(hour(), series, (v, at) => v + at * 10_000);

test('a harness that takes little and does not grow holds its own bounds', () => {
  expect(told(hour())).toEqual({ core: 'pass', 'conductor-leak': 'pass', 'agent-leak': 'pass', lag: 'pass' });
  expect(judge(hour()).harness[0]?.observed).toBe('0.8 %: conductor 0.5 %, agent 0.3 %');
});

test.each([
  ['core', withSeries(hour(), 'conductor.cpuSeconds', (v) => 2 * v)],
  ['conductor-leak', grows('conductor.rssBytes')],
  ['agent-leak', grows('agent.rssBytes')],
  ['lag', withSeries(hour(), 'agent.lagSeconds', (v, at) => (at % 50 < 1 ? 1.5 : v))],
])('%s is told when it is broken, and the verdict on the subject stands', (name, run) => {
  const verdict = judge(run);
  expect(verdict.harness.filter((i) => i.verdict === 'fail').map((i) => i.name)).toEqual([name]);
  expect([verdict.verdict, verdict.warnings.filter((line) => line.startsWith(`the harness itself: ${name}: `)).length]).toEqual([
    'pass',
    1,
  ]);
});

test('it is not held to a share of a core that is not its own, nor in a run too short', () => {
  expect(told(healthyRun({ target: 'vm', durationSeconds: 3600 })).core).toBe('skipped');
  expect(told(healthyRun({ target: 'host', durationSeconds: 30 }))).toMatchObject({ core: 'skipped', 'conductor-leak': 'skipped' });
});

test('nothing is said of a run that did not store it, or of two that one conductor ran', () => {
  expect(judge(withSeries(hour(), 'conductor.cpuSeconds', () => undefined)).harness).toEqual([]);
  const { against } = fakePlan({ against: { word: 'HEAD~1', side: 'A' } });
  expect(judge({ ...hour(), plan: { ...hour().plan, against: against as NonNullable<typeof against> } }).harness).toEqual([]);
});
