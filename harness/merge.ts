/** Several runs seen as one: of one call with several scenarios, or of the shards of a job. Pure. */
import type { Plan } from './facts/plan.js';
import { type Outcome, type Verdict, WORST_FIRST } from './facts/verdict.js';
import { rateAtMost } from './stats/rate-bound.js';
import { isExcused, placeOf } from './verdict/circumstances.js';
import { plain } from './verdict/quantity.js';

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

/** Runs of one scenario in one place, as tries of the same thing: how often is it called anything but pass? */
export interface Tally {
  readonly scenario: string;
  readonly place: string;
  readonly runs: number;
  readonly notPassed: number;
  /** What that bounds the rate to (0..1), with 95 % confidence. */
  readonly rateAtMost: number;
  /** Invariants that some of them did not judge. */
  readonly notJudged: readonly string[];
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
  /** Of scenarios that ran more than once in the same place. */
  readonly tallies: readonly Tally[];
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
    tallies: talliesOf(runs.map(({ verdict }) => verdict)),
    runs,
    superseded: inOrder.filter(({ run }) => retried.has(run.id)).map(({ run }) => run),
  };
}

function talliesOf(verdicts: readonly Verdict[]): Tally[] {
  const groups = new Map<string, Verdict[]>();
  for (const verdict of verdicts) {
    const what = `${verdict.scenario} on ${placeOf(verdict)}`;
    groups.set(what, [...(groups.get(what) ?? []), verdict]);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (!first || group.length < 2) return [];
    const notPassed = group.filter(({ verdict }) => verdict !== 'pass').length;
    const judged = (verdict: string): boolean => verdict === 'pass' || verdict === 'fail';
    const notJudged = group.flatMap(({ invariants }) => invariants.filter(({ verdict }) => !judged(verdict)).map(({ name }) => name));
    return [
      {
        scenario: first.scenario,
        place: placeOf(first),
        runs: group.length,
        notPassed,
        rateAtMost: rateAtMost(notPassed, group.length),
        notJudged: [...new Set(notJudged)],
      },
    ];
  });
}

/** `namespace-churn on host: 0 of 50 runs called anything but pass, ...` */
export function tallySentence({ scenario, place, runs, notPassed, rateAtMost: most, notJudged }: Tally): string {
  const bound = `which bounds the rate to ${plain(100 * most)} % (95 % confidence)`;
  const judged = notJudged.length === 0 ? 'each judged every invariant' : `not judged in each: ${notJudged.join(', ')}`;
  return `${scenario} on ${place}: ${notPassed} of ${runs} runs called anything but pass, ${bound}; ${judged}`;
}
