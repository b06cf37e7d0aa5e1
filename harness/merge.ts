/** Several runs seen as one: of one call with several scenarios, or of the shards of a job. Pure. */
import type { Plan } from './facts/plan.js';
import { type Outcome, type Verdict, WORST_FIRST } from './facts/verdict.js';
import { isExcused } from './verdict/circumstances.js';

/** A run as reporters see it. */
export interface ReportedRun {
  readonly id: string;
  readonly verdict: Verdict;
  /** UTC, ISO 8601. */
  readonly startedAt: string;
  /** The command that repeats it. */
  readonly replay: string;
  /** Where its report is, relative to the place of the merged one. */
  readonly report?: string;
}

export interface Merged {
  readonly schema: 1;
  readonly kind: 'merged';
  readonly verdict: Outcome;
  readonly reason: string;
  /** Runs that count, by outcome. */
  readonly counts: Readonly<Record<Outcome, number>>;
  /** Runs that failed nobody because their scenario is in quarantine. */
  readonly excused: number;
  /** Scenarios that a shard was to run and of which there is no run. */
  readonly missing: readonly string[];
  readonly runs: readonly ReportedRun[];
  /** First tries, each followed by a second one. They decide nothing. */
  readonly superseded: readonly ReportedRun[];
}

export function merge(all: readonly { readonly plan: Plan; readonly run: ReportedRun }[]): Merged {
  const retried = new Set(all.flatMap(({ plan }) => (plan.retryOf ? [plan.retryOf.id] : [])));
  const inOrder = all.toSorted((a, b) => (a.run.id < b.run.id ? -1 : 1));
  const runs = inOrder.filter(({ run }) => !retried.has(run.id)).map(({ run }) => run);
  const present = new Set(runs.map(({ verdict }) => verdict.scenario));
  const missing = [...new Set(all.flatMap(({ plan }) => plan.shard?.scenarios ?? []))].filter((name) => !present.has(name)).sort();
  const counting = runs.filter(({ verdict }) => !isExcused(verdict));
  const counts = Object.fromEntries(
    WORST_FIRST.map((outcome) => [outcome, counting.filter(({ verdict }) => verdict.verdict === outcome).length]),
  ) as Record<Outcome, number>;
  const lacking: readonly Outcome[] = missing.length > 0 || runs.length === 0 ? ['unknown'] : [];
  const verdict = WORST_FIRST.find((outcome) => counts[outcome] > 0 || lacking.includes(outcome)) ?? 'pass';
  const told = WORST_FIRST.filter((outcome) => counts[outcome] > 0).map((outcome) => `${counts[outcome]} ${outcome}`);
  const excused = runs.length - counting.length;
  return {
    schema: 1,
    kind: 'merged',
    verdict,
    reason: [
      `${runs.length} run${runs.length === 1 ? '' : 's'}`,
      ...told,
      ...(excused > 0 ? [`${excused} in quarantine and not counted`] : []),
      ...(missing.length > 0 ? [`no run of ${missing.join(', ')}`] : []),
    ].join(', '),
    counts,
    excused,
    missing,
    runs,
    superseded: inOrder.filter(({ run }) => retried.has(run.id)).map(({ run }) => run),
  };
}
