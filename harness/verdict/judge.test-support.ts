/** What the tests of the verdict share: a run that passes, what spoils it, and how to look at what came out. */
import type { RunEvent, Stored } from '../facts/events.js';
import type { InvariantVerdict, Verdict } from '../facts/verdict.js';
import { healthyRun, withSeries } from './fake-run.test-support.js';
import { deriveVerdict } from './judge.js';
import type { StoredRun } from './load-run.js';
import type { EventOf } from './timeline.js';

export const judge = ({ plan, events, series }: StoredRun): Verdict => deriveVerdict(plan, events, series);
export const of = (verdict: Verdict, name: string): InvariantVerdict | undefined =>
  verdict.invariants.find((invariant) => invariant.name === name);
export const failed = (verdict: Verdict): string[] => verdict.invariants.filter((i) => i.verdict === 'fail').map((i) => i.name);
export const run = healthyRun();
export const crash: EventOf<'subject-exit'> = {
  at: 30,
  kind: 'subject-exit',
  start: 1,
  pid: 100,
  code: null,
  signal: 'SIGSEGV',
  ordered: false,
  lastWords: '',
};
export const infraError: EventOf<'error'> = {
  at: 40,
  kind: 'error',
  owner: 'infra',
  code: 'agent-lost',
  message: 'the agent fell silent',
  hint: '',
};
export const isEnd = (event: Stored<RunEvent>): boolean => event.kind === 'run-end';
export const threadLeak = withSeries(run, 'subject.threads', (v, at) => (at > 30 ? v + Math.round(at - 30) : v));
