/** Runs that never were, for tests of verdict and report: a healthy one, and ways to spoil it. The same arguments give the same run. */
import type { RunEvent, SeriesPoint, Stored } from '../facts/events.js';
import type { Invariant, Plan, Requirement } from '../facts/plan.js';
import { random } from '../stats/simulated.test-support.js';
import type { StoredRun } from './load-run.js';

const MIB = 1024 * 1024;
/** When the measured phase of every fake run begins. */
export const BEGIN = 10;

export const INVARIANTS: readonly Invariant[] = [
  { name: 'threads', type: 'ceiling', series: 'subject.threads', max: 16, why: 'threads must not follow namespaces' },
  {
    name: 'thread-law',
    type: 'same',
    series: 'subject.threads',
    windows: ['few namespaces', 'all namespaces'],
    why: 'as many threads with few namespaces as with all',
  },
  { name: 'restarts', type: 'restarts', max: 0, why: 'the subject lives through the run in one piece' },
  {
    name: 'rss',
    type: 'ceiling-over-median',
    series: 'subject.rssBytes',
    factor: 1.5,
    plus: 32 * MIB,
    why: 'memory stays near where it settled',
  },
  { name: 'rss-leak', type: 'leak', series: 'subject.rssBytes', minGrowth: 8 * MIB, why: 'no slow growth of memory' },
  { name: 'fds', type: 'ceiling-over-median', series: 'subject.fds', factor: 1, plus: 16, why: 'descriptors stay near where they settled' },
  { name: 'completeness', type: 'ceiling', series: 'poll.missing', max: 0, why: 'every socket of the steady population is in every poll' },
  { name: 'no-duplicates', type: 'ceiling', series: 'poll.duplicates', max: 0, why: 'no socket is twice in a poll' },
  { name: 'addresses', type: 'ceiling', series: 'poll.misaddressed', max: 0, why: "a row carries its own socket's addresses and ports" },
  { name: 'polls', type: 'count', series: 'poll.rows', min: 54, why: 'a poll that never came counts' },
  { name: 'poll-duration', type: 'quantile', series: 'poll.spanSeconds', q: 0.99, max: 1, why: 'a poll is over before the next is due' },
  {
    name: 'churn-coverage',
    type: 'ratio',
    numerator: 'churn.seen',
    denominator: 'churn.eligible',
    min: 0.95,
    why: 'namespaces that lived for two poll intervals have rows',
  },
  { name: 'no-pinned-namespaces', type: 'ceiling', series: 'load.goneSeconds', max: 2, why: 'no namespace stays alive after its deletion' },
];

export const REQUIRED: readonly Requirement[] = [
  { name: 'churn events', series: 'load.churnEvents', required: 600, why: 'the churn that duration and interval demand' },
  { name: 'rows beyond a flush', series: 'poll.rows', required: 501, why: 'a poll must be larger than one envelope' },
];

export function fakePlan(over: Partial<Plan> = {}): Plan {
  return {
    schema: 1,
    id: '20260101T120000Z-namespace-churn-7',
    scenario: 'namespace-churn',
    story: 'A steady population of namespaces and connections, while others are created and deleted without pause.',
    target: 'vm',
    accelerator: 'tcg',
    acceleratorReason: 'KVM opens but runs no guest code here',
    seed: 7,
    durationSeconds: 60,
    settings: { namespaces: 200, connections: 6, interval: 100, pollInterval: 1, flushRows: 500 },
    scaled: [],
    invariants: INVARIANTS,
    required: REQUIRED,
    subject: {
      name: 'netsoakd',
      file: 'harness/subjects/netsoakd.json',
      command: ['node', 'dist/collector/main.js', '--interval', '1s'],
      pollIntervalSeconds: 1,
    },
    provenance: { commit: 'f00dcafe', node: 'v20.20.2', kernel: '6.1.0-32-amd64' },
    replay: 'netsoak run namespace-churn --target vm --duration 1m --seed 7',
    startedAt: '2026-01-01T12:00:00.000Z',
    ...over,
  };
}

/** A run that passes: every invariant judged, every requirement reached. `period` is that of sampler and polls, in seconds. */
export function healthyRun(over: Partial<Plan> = {}, period = 1): StoredRun {
  const plan = fakePlan(over);
  const end = BEGIN + plan.durationSeconds;
  const events: Stored<RunEvent>[] = [
    { at: 0, kind: 'stage', stage: 'boot', state: 'begin' },
    { at: 0.1, kind: 'target', state: 'starting', detail: 'microVM, 2 cores, 1 GiB' },
    {
      at: 2,
      kind: 'target',
      state: 'up',
      detail: 'Linux 6.1.0-32-amd64',
      slowdown: 15,
      facts: { kernel: '6.1.0-32-amd64', node: 'v20.20.2' },
    },
    { at: 2, kind: 'stage', stage: 'boot', state: 'end' },
    { at: 2, kind: 'stage', stage: 'setup', state: 'begin' },
    { at: 2.1, kind: 'load-start', pid: 90 },
    { at: 2.2, kind: 'step', name: 'the subject works with a few namespaces', state: 'begin' },
    { at: 2.5, kind: 'subject-start', start: 1, pid: 100, startTicks: 4711, ordered: true },
    { at: 4, kind: 'mark', name: 'few namespaces', state: 'begin' },
    { at: 7, kind: 'mark', name: 'few namespaces', state: 'end' },
    { at: 7, kind: 'step', name: 'the subject works with a few namespaces', state: 'pass' },
    { at: 7, kind: 'stage', stage: 'setup', state: 'end' },
    { at: 7, kind: 'stage', stage: 'settle', state: 'begin' },
    { at: BEGIN, kind: 'stage', stage: 'settle', state: 'end' },
    { at: BEGIN, kind: 'step', name: 'it holds', state: 'begin' },
    { at: BEGIN, kind: 'stage', stage: 'measure', state: 'begin' },
    { at: BEGIN, kind: 'mark', name: 'all namespaces', state: 'begin' },
    { at: end, kind: 'mark', name: 'all namespaces', state: 'end' },
    { at: end, kind: 'stage', stage: 'measure', state: 'end' },
    { at: end, kind: 'step', name: 'it holds', state: 'pass' },
    { at: end, kind: 'stage', stage: 'heal', state: 'begin' },
    { at: end + 1, kind: 'subject-exit', start: 1, pid: 100, code: 0, signal: null, ordered: true, lastWords: '' },
    { at: end + 1.2, kind: 'load-exit', code: 0, signal: null, ordered: true, lastWords: '' },
    { at: end + 1.3, kind: 'stage', stage: 'heal', state: 'end' },
    { at: end + 1.4, kind: 'stage', stage: 'shutdown', state: 'begin' },
    { at: end + 1.6, kind: 'target', state: 'down', detail: 'powered off' },
    { at: end + 1.7, kind: 'judge-end', polls: plan.durationSeconds, rows: 2400 * plan.durationSeconds, detail: '' },
    { at: end + 1.8, kind: 'run-end' },
  ];
  return { plan, events, series: healthySeries(end, period), warnings: [] };
}

function healthySeries(end: number, period: number): SeriesPoint[] {
  const r = random(3);
  const series: SeriesPoint[] = [];
  for (let at = 3.5; at < end + 1; at += period) {
    const full = at >= BEGIN;
    const rss = (58 + 8 * (1 - Math.exp(-(at - 3) / 20)) + 4 * ((at / (9 * period)) % 1)) * MIB + 0.4 * MIB * r.normal();
    series.push({
      at,
      v: {
        'subject.threads': 14,
        'subject.rssBytes': Math.round(rss / 4096) * 4096,
        'subject.fds': 31 + Math.round(2 * r.uniform()),
        'subject.cpuSeconds': Number((at * 0.07 + 0.02 * Math.sin(at / 7)).toFixed(2)),
        'subject.processes': 1,
        'agent.lagSeconds': 0.002 + 0.003 * r.uniform(),
        'agent.rssBytes': 48 * MIB,
        'load.churnEvents': full ? Math.round((at - BEGIN) * 20) : 0,
        'load.goneSeconds': 0.02 + 0.05 * r.uniform(),
        'load.namespaces': full ? 200 + Math.round(12 + 4 * r.normal()) : 10,
      },
    });
    const eligible = full ? Math.round((at - BEGIN) * 9) : 0;
    series.push({
      at: at + 0.3,
      v: {
        'poll.rows': full ? 2400 + Math.round(40 * r.uniform()) : 180,
        'poll.spanSeconds': 0.12 + 0.03 * Math.abs(r.normal()),
        'poll.missing': 0,
        'poll.duplicates': 0,
        'poll.misaddressed': 0,
        'churn.eligible': eligible,
        'churn.seen': eligible,
      },
    });
  }
  return series;
}

/** Adds events where their time says. */
export function withEvents(run: StoredRun, ...events: readonly Stored<RunEvent>[]): StoredRun {
  return { ...run, events: [...run.events, ...events].sort((a, b) => a.at - b.at) };
}

export function withoutEvents(run: StoredRun, unwanted: (event: Stored<RunEvent>) => boolean): StoredRun {
  return { ...run, events: run.events.filter((event) => !unwanted(event)) };
}

/** Rewrites one series; a value that becomes undefined was never sampled. */
export function withSeries(run: StoredRun, name: string, change: (value: number, at: number) => number | null | undefined): StoredRun {
  const series = run.series.map((point) => {
    const old = point.v[name];
    if (old === undefined || old === null) return point;
    const { [name]: _, ...rest } = point.v;
    const value = change(old, point.at);
    return { at: point.at, v: value === undefined ? rest : { ...rest, [name]: value } };
  });
  return { ...run, series };
}

/** What would be stored if the harness were killed at this moment. */
export function cutAt(run: StoredRun, at: number): StoredRun {
  return { ...run, events: run.events.filter((event) => event.at <= at), series: run.series.filter((point) => point.at <= at) };
}
