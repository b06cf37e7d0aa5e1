import { expect, it } from 'vitest';
import type { RunEvent, Stored } from '../harness/facts/events.js';
import { healthyRun } from '../harness/verdict/fake-run.test-support.js';
import { judgeRun } from '../harness/verdict/load-run.js';
import { renderRunComparison } from './compare-runs.js';
import { sideBySide } from './profiles.js';
import { renderRunReport } from './run-report.js';

const profile = (share: number): Stored<RunEvent> => ({
  at: 61,
  kind: 'profile',
  of: 'cpu',
  file: 'profiles/subject-1.cpuprofile',
  top: [{ name: '<anonymous>', where: 'dist/collector/poller.js:10', share }],
});

const run = (...events: readonly Stored<RunEvent>[]) => {
  const stored = healthyRun();
  const all = { ...stored, events: [...stored.events, ...events] };
  return { ...all, verdict: judgeRun(all) };
};

it('a report of a profiled run names the functions that took most and links the profile', () => {
  const page = renderRunReport(run(profile(0.42)));
  expect(page).toContain('<a href="profiles/subject-1.cpuprofile">');
  expect(page).toContain('42.0 %');
  expect(page).toContain('&lt;anonymous&gt;');
  expect(renderRunReport(run())).not.toContain('Where its time went');
});

it('a comparison of two profiled runs shows both shares, and says nothing when one was not profiled', () => {
  const page = renderRunComparison(run(profile(0.42)), run(profile(0.17)));
  expect(page).toMatch(/42\.0 %<\/td><td class="number">17\.0 %/);
  expect(renderRunComparison(run(profile(0.42)), run())).not.toContain('Where its time went');
});

it('a function that moved in its file is the same one', () => {
  const before = [
    { name: 'a', where: 'x.js:1', share: 0.5 },
    { name: 'gone', where: 'x.js:9', share: 0.1 },
  ];
  const after = [
    { name: 'a', where: 'x.js:7', share: 0.3 },
    { name: 'new', where: '', share: 0.2 },
  ];
  expect(sideBySide(before, after)).toEqual([
    { name: 'a', where: 'x.js:7', before: 0.5, after: 0.3 },
    { name: 'new', where: '', after: 0.2 },
    { name: 'gone', where: 'x.js:9', before: 0.1 },
  ]);
});
