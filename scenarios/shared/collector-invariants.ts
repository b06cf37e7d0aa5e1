/** What every scenario demands of a collector of sockets: bounds that stood here before any mutant was written. */
import type { Invariant, Requirement } from '../../harness/facts/plan.js';
import type { PlanContext } from '../../harness/scenario.js';

const MIB = 1024 * 1024;
/** Node's 7 threads, libuv's 4, two workers and an event thread make 14. */
const THREAD_CEILING = 16;

/** Judge's series that must stay 0 in every poll, by the name of the invariant that they break. */
const PER_POLL: readonly (readonly [name: string, series: string, why: string])[] = [
  ['completeness', 'poll.missing', 'every socket of the steady population is in every poll'],
  ['no-duplicates', 'poll.duplicates', 'no socket is twice in a poll'],
  ['addresses', 'poll.misaddressed', "a row carries its own socket's addresses and ports"],
  ['attribution', 'poll.misattributed', 'a row is filed under the namespace that its socket lives in'],
  ['no-foreign-rows', 'poll.foreign', 'a steady namespace shows no socket that is not its own'],
  ['values', 'poll.wrongValues', 'byte counts are those that were sent and received'],
  ['freshness', 'poll.stale', 'rows show the kernel of this poll, not of an earlier one'],
];

export function collectorInvariants(plan: PlanContext, windows: { readonly few: string; readonly full: string }): Invariant[] {
  return [
    ...processInvariants(),
    {
      name: 'thread-law',
      type: 'same',
      series: 'subject.threads',
      windows: [windows.few, windows.full],
      why: 'as many threads with few namespaces as with all',
    },
    ...rowInvariants(),
    ...paceInvariants(plan),
    ...metricsInvariants(plan),
    ...frugalityInvariants(plan),
  ];
}

/** Cores that a healthy subject takes at the load below: 0.06 to 0.25 on `host`; in an emulated guest 0.2, and 0.59 by its clock while others have its CPUs. */
const CORES = { fast: 0.6, slow: 1.5 };
/** Sockets, churn and polls a second at which they were measured. */
const MEASURED = { connections: 1200, churnMs: 100, intervalSeconds: 1 };

/** What an undisturbed subject takes of the machine: where nothing is broken on purpose, and nothing grows. */
export function frugalityInvariants({ settings, slowdown }: PlanContext): Invariant[] {
  const connections = Number(settings.namespaces ?? 0) * Number(settings.connections ?? 0);
  const load = Math.max(1, connections / MEASURED.connections, MEASURED.churnMs / Number(settings.interval ?? MEASURED.churnMs));
  const pace = Math.max(1, MEASURED.intervalSeconds / Number(settings.pollInterval));
  return [
    {
      name: 'cpu',
      type: 'rate',
      series: 'subject.cpuSeconds',
      maxPerSecond: (slowdown > 4 ? CORES.slow : CORES.fast) * load * pace,
      why: 'it takes of the processors what its load asks for',
    },
    {
      name: 'fd-rise',
      type: 'rise',
      series: 'subject.fds',
      plus: 6,
      why: 'no growth of descriptors, also in a run too short for the leak gate',
    },
  ];
}

/** Of the subject as a process: threads, restarts, how it ends, memory, descriptors, children. */
export function processInvariants(): Invariant[] {
  return [
    { name: 'threads', type: 'ceiling', series: 'subject.threads', max: THREAD_CEILING, why: 'threads must not follow namespaces' },
    { name: 'restarts', type: 'restarts', max: 0, why: 'the subject lives through the run in one piece' },
    { name: 'orderly-ends', type: 'ends', max: 0, why: 'asked to stop, it hands on what it has and ends with status 0' },
    { name: 'zombies', type: 'ceiling', series: 'subject.zombies', max: 0, why: 'dead children are waited for' },
    {
      name: 'rss',
      type: 'ceiling-over-median',
      series: 'subject.rssBytes',
      factor: 1.1,
      plus: 16 * MIB,
      why: 'memory stays near where it settled',
    },
    { name: 'rss-leak', type: 'leak', series: 'subject.rssBytes', minGrowth: 8 * MIB, why: 'no slow growth of memory' },
    {
      name: 'fds',
      type: 'ceiling-over-median',
      series: 'subject.fds',
      factor: 1,
      plus: 16,
      why: 'descriptors stay near where they settled',
    },
    { name: 'fd-leak', type: 'leak', series: 'subject.fds', minGrowth: 8, why: 'no slow growth of descriptors' },
  ];
}

/** Of every poll: each row right, none missing, none twice. `completeIn` names the window in which none may be missing; without, always. */
export function rowInvariants(completeIn?: string): Invariant[] {
  return PER_POLL.map(([name, series, why]): Invariant => {
    const window = name === 'completeness' && completeIn !== undefined ? { window: completeIn } : {};
    return { name, type: 'ceiling', series, max: 0, why, ...window };
  });
}

/** Of sockets that closed: each end of each brief connection, by the list of the load. */
export function finalRowInvariants(): Extract<Invariant, { type: 'ceiling' }>[] {
  const zero = (name: string, series: string, why: string) => ({ name, type: 'ceiling', series, max: 0, why }) as const;
  return [
    zero('final-rows', 'brief.missing', 'each end of each connection has its final row'),
    zero('final-values', 'brief.wrong', 'a final row has its own addresses and final byte counts'),
  ];
}

/** Counters, of those that the descriptions of subjects name (harness/subjects/). */
const COUNTERS = [
  'subject.lateTicks',
  'subject.rowsRead',
  'subject.rowsExported',
  'subject.rowsDropped',
  'subject.exportedBytes',
  'subject.pollSecondsTotal',
  'subject.polls',
  'subject.namespaceErrors',
] as const;

/** Of what it tells of itself. A metrics endpoint that hangs or fails leaves this unknown, and the run with it. */
export function metricsInvariants(plan: PlanContext): Invariant[] {
  // A poll is counted when it is judged, an interval after it ended; a slow guest is scraped every 5 s.
  const slackSeconds = 3 * Number(plan.settings.pollInterval) + (plan.slowdown > 4 ? 15 : 2);
  return [
    {
      name: 'metrics-truth',
      type: 'tracks',
      series: 'subject.rowsExported',
      of: 'rows.total',
      slackSeconds,
      counters: COUNTERS,
      why: 'as many rows are told as arrived, and no counter steps back',
    },
    {
      name: 'metrics-by-poll',
      type: 'stepwise',
      series: 'subject.rowsRead',
      steps: 'subject.polls',
      of: 'rows.total',
      ofSteps: 'polls.total',
      why: 'as many rows are told after each poll as the polls until then brought',
    },
    {
      name: 'metrics-balance',
      type: 'balance',
      series: 'subject.rowsRead',
      parts: ['subject.rowsExported', 'subject.rowsDropped', 'subject.rowsInMemory', 'subject.rowsInSpool'],
      why: 'each row read is told as exported, dropped, in memory or in the spool',
    },
    {
      name: 'polls-truth',
      type: 'tracks',
      series: 'subject.polls',
      of: 'polls.total',
      slackSeconds,
      why: 'as many polls are told as arrived',
    },
  ];
}

/** Of the polls as events in time. */
export function paceInvariants(plan: PlanContext): Invariant[] {
  const interval = Number(plan.settings.pollInterval);
  const needsCpu = { withinSeconds: interval };
  return [
    {
      name: 'polls',
      type: 'count',
      series: 'poll.rows',
      min: Math.floor((0.9 * plan.durationSeconds) / interval),
      max: Math.ceil((1.1 * plan.durationSeconds) / interval) + 2,
      needsCpu,
      why: 'a poll that never came counts, and one that is told twice',
    },
    {
      name: 'poll-pace',
      type: 'quantile',
      series: 'poll.gapSeconds',
      q: 0.9,
      max: 1.5 * interval,
      // A turn that finds the poll before still under way is left out.
      needsCpu: { ...needsCpu, tickSeconds: interval },
      why: 'polls begin an interval apart; a poll told twice does not stand for one that was left out',
    },
    {
      name: 'poll-duration',
      type: 'quantile',
      series: 'poll.spanSeconds',
      // A higher quantile is the one longest poll of a short run, which a busy machine makes.
      q: 0.95,
      max: interval,
      needsCpu,
      why: 'a poll is over before the next is due',
    },
    {
      name: 'delivery',
      type: 'quantile',
      series: 'poll.deliverySeconds',
      q: 0.5,
      // Milliseconds where nobody waits, 80 ms with 16,000 sockets; stamps of the poll before would be off by a whole interval.
      max: Math.max(0.5, interval / 4) * plan.slowdown,
      needsCpu,
      why: 'rows are handed on as they are read, and stamped when they were: the last of a poll arrives within a moment of its stamp',
    },
  ];
}

/** What churn demands on top: dead namespaces are let go of, live ones are found. */
export function churnInvariants(plan: PlanContext): Invariant[] {
  const interval = Number(plan.settings.pollInterval);
  return [
    {
      name: 'churn-coverage',
      type: 'ratio',
      numerator: 'churn.seen',
      denominator: 'churn.eligible',
      min: 0.99,
      needsCpu: { withinSeconds: 4 * interval },
      why: 'namespaces that lived for two poll intervals have rows',
    },
    {
      name: 'churn-completeness',
      type: 'ceiling',
      series: 'poll.churnMissing',
      max: 0,
      // What is noticeable in so long a time is less than the quarter of an interval that a namespace must be there before a poll.
      needsCpu: { withinSeconds: 2 * interval },
      why: 'a poll has every socket of every namespace that was there when it began and is there when it ends',
    },
    {
      name: 'no-pinned-namespaces',
      type: 'ceiling',
      series: 'load.heldSeconds',
      // Also where the subject comes to few turns: it holds a namespace for a dump, which takes milliseconds.
      max: plan.slowdown > 4 ? 4 : 2,
      why: 'no namespace outlives one that was deleted later and that nobody could hold',
    },
  ];
}

/** Without namespaces that a poll had to show as they came and went, `churn-completeness` says nothing. */
export function churnReached(required: number): Requirement {
  return {
    name: 'churned sockets due',
    series: 'churn.due',
    required: Math.floor(required),
    why: 'polls had to show sockets of namespaces that come and go',
  };
}
