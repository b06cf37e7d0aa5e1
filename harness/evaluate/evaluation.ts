/** An evaluation: ways of doing the same thing, held against each other on the same loads. Which won, and by how much, is derived. Pure. */
import { METRICS, type MetricName } from '../bench/benchmark.js';
import { figure } from '../bench/format.js';
import type { Host } from '../bench/host.js';
import { LEAST_EFFECT } from '../bench/judge.js';
import { type MedianInterval, medianInterval } from '../stats/median-interval.js';
import { type Interval, relativeShift } from '../stats/shift.js';

/** One load. `values[v]` are the samples of variant v, each of a process of its own. */
export interface EvaluationCase {
  readonly name: string;
  readonly metrics: Readonly<Partial<Record<MetricName, readonly (readonly number[])[]>>>;
  /** What has no number to be compared: the dominant system call of each variant. */
  readonly words?: readonly { readonly what: string; readonly of: readonly string[] }[];
}

export interface Evaluation {
  readonly kind: 'evaluation';
  readonly schema: 1;
  readonly name: string;
  readonly question: string;
  /** UTC, ISO 8601. */
  readonly at: string;
  readonly revision: string;
  readonly host: Host;
  /** The first is what netsoak does. */
  readonly variants: readonly string[];
  /** What the figures are for one of. */
  readonly per: string;
  /** The metrics by which it is decided, the most important first; the others are shown. */
  readonly decides: readonly MetricName[];
  readonly cases: readonly EvaluationCase[];
  /** What a reader must know that the figures do not show. */
  readonly notes: readonly string[];
}

export type Outcome = 'first' | 'other' | 'even';

/** The first variant against another one, in one metric on one load. */
export interface Duel {
  readonly case: string;
  readonly metric: MetricName;
  readonly variant: string;
  readonly first: MedianInterval;
  readonly other: MedianInterval;
  /** What the other takes more, as a share of the first: 0.1 is a tenth more. */
  readonly shift: Interval;
  readonly outcome: Outcome;
}

export function duels(evaluation: Evaluation, metrics: readonly MetricName[] = evaluation.decides): Duel[] {
  return evaluation.cases.flatMap((load) =>
    metrics.flatMap((metric) => {
      const [mine = [], ...others] = load.metrics[metric] ?? [];
      return others.map((theirs, i): Duel => {
        const shift = relativeShift(mine, theirs).value;
        return {
          case: load.name,
          metric,
          variant: evaluation.variants[i + 1] ?? '?',
          first: medianInterval(mine).value,
          other: medianInterval(theirs).value,
          shift,
          outcome: outcomeOf(shift),
        };
      });
    }),
  );
}

/** Less is better. A difference is one when its interval leaves zero out and it is more than layout alone can do. */
function outcomeOf({ estimate, low, high }: Interval): Outcome {
  if (Math.abs(Math.log1p(estimate)) < Math.log1p(LEAST_EFFECT)) return 'even';
  if (low > 0) return 'first';
  return high < 0 ? 'other' : 'even';
}

export interface Verdict {
  /** By the metric that counts most: who won on most loads. */
  readonly winner: Outcome;
  /** One for each variant but the first. */
  readonly sentences: readonly string[];
}

export function verdictOf(evaluation: Evaluation): Verdict {
  const all = duels(evaluation);
  const main = all.filter(({ metric }) => metric === evaluation.decides[0]);
  const wins = (outcome: Outcome) => main.filter((duel) => duel.outcome === outcome).length;
  const winner = wins('first') > wins('other') ? 'first' : wins('other') > wins('first') ? 'other' : 'even';
  const sentences = evaluation.variants.slice(1).map((variant) => {
    const clauses = evaluation.decides.flatMap((metric) => {
      const found = all.filter((duel) => duel.variant === variant && duel.metric === metric);
      return found.length === 0 ? [] : [clause(found, metric)];
    });
    return `${evaluation.variants[0]} against ${variant}: ${clauses.join('; ')}.`;
  });
  return { winner, sentences };
}

/** `wins in wall time by 1.9 to 2.1 times`. */
function clause(found: readonly Duel[], metric: MetricName): string {
  const name = NAMES[metric];
  const parts = (['first', 'other', 'even'] as const).flatMap((outcome) => {
    const these = found.filter((duel) => duel.outcome === outcome);
    if (these.length === 0) return [];
    const where = these.length === found.length ? '' : ` (${these.map((duel) => duel.case).join('; ')})`;
    if (outcome === 'even') return [`no difference in ${name}${where}`];
    const times = these.map(({ shift }) => Math.max(1 + shift.estimate, 1 / (1 + shift.estimate)));
    return [`${outcome === 'first' ? 'wins' : 'loses'} in ${name} by ${range(times)}${where}`];
  });
  return parts.join(', ');
}

const NAMES: Readonly<Record<MetricName, string>> = {
  time: 'wall time',
  alloc: 'allocated bytes',
  cpu: 'CPU',
  rss: 'resident memory',
  switches: 'context switches',
  syscalls: 'system calls',
  threads: 'threads',
};

/** `4 %`, `1.9 times`, `1.9 to 3.2 times`. */
function range(times: readonly number[]): string {
  const [least, most] = [Math.min(...times), Math.max(...times)];
  if (most < 1.5) {
    const ends = [...new Set([least, most].map((x) => `${((x - 1) * 100).toFixed(0)}`))];
    return `${ends.join(' to ')} %`;
  }
  const ends = [...new Set([least, most].map((x) => (x < 10 ? x.toFixed(1) : x.toFixed(0))))];
  return `${ends.join(' to ')} times`;
}

export function shown(value: MedianInterval, metric: MetricName): string {
  return figure(value.estimate, metric);
}

/** Metrics that any load has, in the order of the table. */
export function metricsOf(evaluation: Evaluation): MetricName[] {
  return (Object.keys(METRICS) as MetricName[]).filter((metric) => evaluation.cases.some((load) => load.metrics[metric] !== undefined));
}
