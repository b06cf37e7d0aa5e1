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
        'agent.cpuSeconds': Number((0.3 + at * 0.003).toFixed(6)),
        'conductor.cpuSeconds': Number((0.5 + at * 0.005).toFixed(6)),
        'conductor.rssBytes': (64 + Math.round(3 * r.uniform())) * MIB,
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

/** A run that went wrong in every way that a report has a place for: a thread leak, a crash, wrong rows, gaps, a fault window. */
export function redRun(): StoredRun {
  const leak = withSeries(healthyRun(), 'subject.threads', (v, at) => (at > 22 ? v + Math.floor((at - 22) * 4.1) : v));
  const down = ['subject.threads', 'subject.rssBytes', 'subject.fds', 'subject.cpuSeconds', 'poll.rows', 'poll.spanSeconds'].reduce(
    (run, name) => withSeries(run, name, (v, at) => (at > 44 && at < 46.5 ? null : v)),
    leak,
  );
  const wrong = withSeries(down, 'poll.misaddressed', (v, at) => (at > 30 ? v + Math.round(at / 3) : v));
  const missing = withSeries(wrong, 'poll.missing', (v, at) => (at > 45 && at < 52 ? 1912 : v));
  const fewer = withSeries(missing, 'poll.rows', (v, at) => (at > 45 && at < 52 ? 500 : v));
  const row = {
    netns: '4026532291',
    cookie: '18412',
    src: '10.0.7.2',
    sport: '41002',
    dst: '10.0.7.1',
    dport: '8080',
    state: 'ESTABLISHED',
  };
  const second = {
    ...fewer,
    events: fewer.events.map((e): Stored<RunEvent> => (e.kind === 'subject-exit' ? { ...e, start: 2, pid: 180 } : e)),
  };
  return withEvents(
    second,
    { at: 27, kind: 'fault', name: 'netem loss 10 %', state: 'inject', detail: 'on every veth' },
    { at: 28, kind: 'fault', name: 'netem loss 10 %', state: 'effective', detail: '9.8 % measured' },
    { at: 36, kind: 'fault', name: 'netem loss 10 %', state: 'recover', detail: '' },
    { at: 37, kind: 'fault', name: 'netem loss 10 %', state: 'recovered', detail: '' },
    ...Array.from(
      { length: 12 },
      (_, i): Stored<RunEvent> => ({
        at: 30.3 + i,
        kind: 'offence',
        invariant: 'addresses',
        detail: 'a row carries the address of another socket',
        poll: `176711040${i}000000000`,
        expected: row,
        observed: { ...row, src: '10.0.9.2', sport: '41907' },
      }),
    ),
    {
      at: 45.3,
      kind: 'offence',
      invariant: 'completeness',
      detail: '1,912 of 2,412 steady sockets are missing',
      poll: '1767110445000000000',
    },
    {
      at: 22.7,
      kind: 'evidence',
      invariant: 'threads',
      data: {
        value: 17,
        threads: [
          ...Array.from({ length: 4 }, () => ({ tid: 1, name: 'libuv-worker', wchan: 'futex_wait_queue' })),
          ...Array.from({ length: 9 }, () => ({ tid: 2, name: 'ns-reader', wchan: 'skb_wait_for_more_packets' })),
          { tid: 3, name: 'node', wchan: 'ep_poll' },
        ],
        fds: [{ name: 'socket', count: 23 }],
        files: ['evidence/1-threads-fds.txt'],
      },
    },
    {
      at: 44.5,
      kind: 'subject-exit',
      start: 1,
      pid: 100,
      code: null,
      signal: 'SIGSEGV',
      ordered: false,
      lastWords: 'FATAL: reader 3: bad file descriptor <script>alert(1)</script>\n',
    },
    { at: 45.6, kind: 'subject-start', start: 2, pid: 180, startTicks: 9311, ordered: false },
    { at: 50, kind: 'note', text: 'the scenario notes something' },
  );
}

/** The size that a report must bear: 12 h, sampled and polled each second, 20 fault windows, 1,000 events. */
export function longRun(): StoredRun {
  const hours = 12;
  const base = healthyRun({
    durationSeconds: hours * 3600,
    required: REQUIRED.map((r) => (r.name === 'churn events' ? { ...r, required: 432_000 } : r)),
  });
  const r = random(9);
  const points = base.series.map(
    ({ at, v }, i): SeriesPoint =>
      'subject.rssBytes' in v
        ? {
            at,
            v: {
              ...v,
              'subject.lateTicks': Math.floor(i / 900),
              'subject.rowsRead': i * 1200,
              'subject.polls': i / 2,
              'load.sockets': 2400 + Math.round(60 * r.normal()),
              'load.steadyNamespaces': 200,
            },
          }
        : {
            at,
            v: {
              ...v,
              'poll.expected': 2400,
              'poll.gapSeconds': 1 + 0.01 * r.normal(),
              'poll.misattributed': 0,
              'poll.foreign': 0,
              'poll.wrongValues': 0,
              'poll.stale': 0,
              'rows.total': i * 1200,
            },
          },
  );
  const faults = Array.from({ length: 20 }, (_, i) => {
    const at = 1200 + i * 2050;
    const fault = { kind: 'fault', name: `${['netem loss', 'kill the subject', 'CPU starvation', 'clock step'][i % 4]} ${i + 1}` } as const;
    return (['inject', 'effective', 'recover', 'recovered'] as const).map(
      (state, k): Stored<RunEvent> => ({ ...fault, state, at: at + k * 150, detail: `as planned, ${at}` }),
    );
  });
  const notes = Array.from(
    { length: 900 },
    (_, i): Stored<RunEvent> => ({
      at: 100 + i * 47,
      kind: 'note',
      text: `churn window ${i}: ${Math.round(r.uniform() * 1e6)} events so far, nothing to report`,
    }),
  );
  return withEvents({ ...base, series: points }, ...faults.flat(), ...notes);
}
