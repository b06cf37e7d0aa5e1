/**
 * Which pictures a run gets. Series that belong together share one (the groups below); a series that an invariant or a
 * requirement names gets a picture even if nobody has heard of it; all others become small ones.
 */
import type { Plan } from '../harness/facts/plan.js';
import type { InvariantVerdict, Verdict } from '../harness/facts/verdict.js';
import type { Form } from './buckets.js';

export type Unit = 'bytes' | 'seconds' | 'percent' | 'plain';

export interface ChartLine {
  readonly series: string;
  readonly label: string;
  readonly form: Form;
}

export interface Chart {
  readonly id: string;
  readonly title: string;
  readonly unit: Unit;
  readonly lines: readonly ChartLine[];
  /** One paragraph: what is drawn, and what a good and a bad one look like. */
  readonly how: string;
  /** Invariants that judge one of its series. */
  readonly judgedBy: readonly InvariantVerdict[];
}

interface Group {
  readonly title: string;
  readonly unit: Unit;
  /** Series, label and form, by series name. */
  readonly series: Readonly<Record<string, readonly [label: string, form?: Form]>>;
  readonly how: string;
}

const GROUPS: readonly Group[] = [
  {
    title: 'Threads of the subject',
    unit: 'plain',
    series: { 'subject.threads': ['threads'] },
    how: 'Operating-system threads of every process of the subject, counted in /proc once a second. A good line is flat: it does not know how many namespaces there are. A staircase that follows the load is a thread leaked with each namespace.',
  },
  {
    title: 'File descriptors of the subject',
    unit: 'plain',
    series: { 'subject.fds': ['descriptors'] },
    how: 'Open descriptors of every process of the subject. It may tremble while a poll is under way, but must come back to the same level after it; a slope is a descriptor that nobody closes.',
  },
  {
    title: 'Memory of the subject',
    unit: 'bytes',
    series: { 'subject.rssBytes': ['resident'] },
    how: 'Resident memory. The band reaches from the smallest to the largest sample of each moment, the line is their mean. A sawtooth is a garbage collector at work and harmless while its troughs stay level; troughs that rise are a leak. Runs of 20 minutes and more also carry the trend line that the leak gate fitted.',
  },
  {
    title: 'CPU of the subject',
    unit: 'percent',
    series: { 'subject.cpuSeconds': ['of one core', 'rate'] },
    how: 'User and system time of the subject in a second of the run; 100 % is one core. It should follow the number of sockets, not the time that has passed.',
  },
  {
    title: 'Waiting for a processor',
    unit: 'percent',
    series: { 'subject.starvedSeconds': ['the subject', 'rate'], 'target.starvedSeconds': ['the machine that it runs in', 'rate'] },
    how: 'Share of each second in which the subject wanted to run and others had the processors, as the kernel counts it. On an idle machine the line lies near zero. Where it does not, bounds in time say little about the subject, and one that was missed there is called unknown.',
  },
  {
    title: 'Duration of a poll',
    unit: 'seconds',
    series: { 'poll.spanSeconds': ['from the first row to the last'] },
    how: 'How long each poll took, read from the rows themselves. A poll must be over before the next one is due. Single peaks are the machine, a rising line is the subject.',
  },
  {
    title: 'Rhythm of the polls',
    unit: 'seconds',
    series: { 'poll.gapSeconds': ['since the poll before'] },
    how: 'Time from the beginning of one poll to the next. A good line lies on the poll interval; a peak of twice that is a poll that never came, and a line that climbs without end is a subject that has stopped polling.',
  },
  {
    title: 'Delivery of a poll',
    unit: 'seconds',
    series: { 'poll.deliverySeconds': ['from its last stamp until it was here'] },
    how: 'How long the rows of a poll took from the moment that they are stamped with to the judge. A few milliseconds on an idle machine; a line that lies an interval high is a subject that sits on its rows, or stamps them too early.',
  },
  {
    title: 'Rows a poll',
    unit: 'plain',
    series: { 'poll.rows': ['rows that came'], 'poll.expected': ['steady sockets expected'] },
    how: 'Rows that arrived in each poll, and the sockets of the steady population that the load generator knows to exist. Rows may exceed what is expected (churned namespaces have sockets too) but must never fall below.',
  },
  {
    title: 'Rows that are wrong',
    unit: 'plain',
    series: {
      'poll.missing': ['missing'],
      'poll.churnMissing': ['missing in churned namespaces'],
      'poll.duplicates': ['twice'],
      'poll.misaddressed': ['wrong address'],
      'poll.misattributed': ['wrong namespace'],
      'poll.foreign': ['not of this namespace'],
      'poll.wrongValues': ['wrong byte counts'],
      'poll.stale': ['stale'],
    },
    how: "Each poll is held against the load generator's own list of sockets. Every line must lie on zero from the first poll to the last: one row that is missing, doubled, misaddressed, misfiled or stale is a fault of the product.",
  },
  {
    title: 'Rows by three accounts',
    unit: 'plain',
    series: {
      'subject.rowsRead': ['read, as it tells', 'rate'],
      'subject.rowsExported': ['exported, as it tells', 'rate'],
      'rows.total': ['arrived', 'rate'],
    },
    how: 'Rows in a second: what the subject counts, and what came. The lines lie on one another but for the moment at which each was asked; one that parts from the others is a counter that lies, or rows that were lost.',
  },
  {
    title: 'Polls by two accounts',
    unit: 'plain',
    series: { 'subject.polls': ['made, as it tells', 'rate'], 'polls.total': ['arrived', 'rate'] },
    how: 'Polls in a second: what the subject counts, and what came. Both are one by the interval.',
  },
  {
    title: 'Processes of the subject',
    unit: 'plain',
    series: { 'subject.processes': ['alive'], 'subject.zombies': ['dead and not waited for'] },
    how: 'Processes in its cgroup, and dead children of theirs that nobody has waited for. A good picture is two flat lines, the second on zero.',
  },
  {
    title: 'Rows that wait in the daemon',
    unit: 'plain',
    series: { 'subject.rowsInMemory': ['in memory'], 'subject.rowsInSpool': ['in the spool'] },
    how: 'Rows that were read and that the far end has not acknowledged yet. In memory it is a few envelopes at any time; while the far end is away the spool fills, and once it is back it must fall to zero again.',
  },
  {
    title: 'CPU of broker and database',
    unit: 'percent',
    series: { 'kafka.cpuSeconds': ['broker', 'rate'], 'clickhouse.cpuSeconds': ['database', 'rate'] },
    how: 'User and system time in a second of the run; 100 % is one core. They run beside the target, on the same machine.',
  },
  {
    title: 'Memory of broker and database',
    unit: 'bytes',
    series: { 'kafka.rssBytes': ['broker'], 'clickhouse.rssBytes': ['database'] },
    how: 'Resident memory; a hole is the time in which one of them was down.',
  },
  {
    title: 'Rows on their way',
    unit: 'plain',
    series: { 'books.pending': ['not settled'] },
    how: 'Polls, records of polls and seconds of final rows that are not yet whole in every book. A few are always under way, since ClickHouse reads in blocks; while a broker or a database is away the line climbs, and afterwards it must come down again.',
  },
  {
    title: 'Books that do not agree',
    unit: 'plain',
    series: {
      'books.lost': ['lost'],
      'books.duplicated': ['twice'],
      'books.changed': ['changed'],
      'books.late': ['late'],
      'books.lostBeyondCrash': ['lost beyond memory'],
      'books.lostInCrash': ['died in memory'],
      'books.redelivered': ['delivered again'],
    },
    how: 'Rows that one book of the pipeline has and the next has not, or has otherwise, since the phase began. Lost, twice, changed and late must lie on zero; rows that died with a killed daemon, or were delivered again after a retry, are what a fault may cost.',
  },
  {
    title: 'Namespaces',
    unit: 'plain',
    series: { 'load.namespaces': ['alive'], 'load.steadyNamespaces': ['steady'] },
    how: 'Network namespaces that the load holds at each moment, the steady ones and all of them. This is what the other pictures must be seen against: a figure of the subject that takes the shape of this one grows with the load.',
  },
  {
    title: 'Churn',
    unit: 'plain',
    series: { 'load.churnEvents': ['events a second', 'rate'], 'load.lateEvents': ['late ones a second', 'rate'] },
    how: 'Namespaces added and deleted in a second. It proves that the load was there; a hole here means that the subject had nothing to stand up to.',
  },
  {
    title: 'Death of namespaces',
    unit: 'seconds',
    series: { 'load.goneSeconds': ['until gone'], 'load.heldSeconds': ['held by somebody'] },
    how: 'Time from the deletion of a namespace until the kernel has destroyed it, the longest of each second, seen by the end of its veth peer; a kernel that is busy with the namespaces of other programs takes its time. Held is what one lived on after a later one that nobody could hold had gone: a subject that keeps a descriptor open holds the namespace alive, and the points climb.',
  },
  {
    title: 'Churned namespaces seen',
    unit: 'plain',
    series: { 'churn.eligible': ['lived for two polls'], 'churn.seen': ['have rows'] },
    how: 'Namespaces that came and went but lived long enough to be seen, and those of them for which rows arrived. The two lines should lie on one another.',
  },
  {
    title: 'Sockets of churned namespaces that were due',
    unit: 'plain',
    series: { 'churn.due': ['in a second', 'rate'] },
    how: 'Rows that polls owed of namespaces that come and go, because these were there for long enough. It proves that there was something to be missing.',
  },
  {
    title: 'The harness itself',
    unit: 'seconds',
    series: { 'agent.lagSeconds': ['lateness of its clock'] },
    how: 'How late the sampler woke up inside the target. Peaks here say that the machine was busy, and that peaks elsewhere at the same moment may not be the subject.',
  },
  {
    title: 'CPU of the harness',
    unit: 'percent',
    series: { 'conductor.cpuSeconds': ['conductor', 'rate'], 'agent.cpuSeconds': ['agent', 'rate'] },
    how: 'User and system time of the one who conducts and stores, and of the one who samples inside the target, in a second of the run; 100 % is one core. Load and judge are not counted. On host both together are to stay under 1 %.',
  },
  {
    title: 'Memory of the harness',
    unit: 'bytes',
    series: { 'conductor.rssBytes': ['conductor'], 'agent.rssBytes': ['agent'] },
    how: 'Resident memory of the same two. A sawtooth is a garbage collector at work; troughs that rise are a leak of the harness, which its own gate tells of in runs of 20 minutes and more.',
  },
];

export interface ChosenCharts {
  readonly charts: readonly Chart[];
  /** Series that are sampled and in no chart, in order of name. */
  readonly others: readonly string[];
}

/** `present`: names of the series that have any sample. Charts with a failed invariant come first, then those that are judged. */
export function chooseCharts(present: ReadonlySet<string>, plan: Plan, verdict: Verdict): ChosenCharts {
  const drawn = new Set<string>();
  const charts: Chart[] = [];
  const add = (title: string, unit: Unit, how: string, lines: readonly ChartLine[]): void => {
    const mine = lines.filter(({ series }) => present.has(series));
    if (mine.length === 0) return;
    for (const { series } of mine) drawn.add(series);
    const judgedBy = verdict.invariants.filter(
      (invariant) => invariant.series !== undefined && mine.some(({ series }) => series === invariant.series),
    );
    charts.push({ id: `c${charts.length + 1}`, title, unit, how, lines: mine, judgedBy });
  };
  for (const { title, unit, series, how } of GROUPS) {
    add(
      title,
      unit,
      how,
      Object.entries(series).map(([name, [label, form]]) => ({ series: name, label, form: form ?? 'level' })),
    );
  }
  const named = [...plan.invariants.flatMap(seriesOfInvariant), ...plan.required.map(({ series }) => series)];
  for (const series of named) {
    if (!drawn.has(series)) add(series, unitOf(series), howUnknown(series), [{ series, label: series, form: 'level' }]);
  }
  const weight = (chart: Chart): number =>
    chart.judgedBy.some(({ verdict: v }) => v === 'fail') ? 0 : chart.judgedBy.some(({ verdict: v }) => v === 'unknown') ? 1 : 2;
  return {
    charts: charts.toSorted((a, b) => weight(a) - weight(b)),
    others: [...present].filter((series) => !drawn.has(series)).sort(),
  };
}

function seriesOfInvariant(invariant: Plan['invariants'][number]): string[] {
  if (invariant.type === 'ratio') return [invariant.numerator, invariant.denominator];
  return invariant.type === 'restarts' || invariant.type === 'ends' ? [] : [invariant.series];
}

export function unitOf(series: string): Unit {
  if (series.endsWith('Bytes')) return 'bytes';
  return series.endsWith('Seconds') || series.endsWith('SecondsTotal') ? 'seconds' : 'plain';
}

function howUnknown(series: string): string {
  return `The series ${series} as it was sampled. The line is the mean of each moment, the band reaches from its smallest to its largest sample; a dashed line is the bound that it is held to.`;
}
