/**
 * The verdict of a run: a pure, total fold over what is stored, which may end anywhere. The worst outcome stands:
 * fail, infra, unknown, partial, flaky, pass.
 *
 * | what is stored                                                             | outcome |
 * | -------------------------------------------------------------------------- | ------- |
 * | an invariant is violated (also if it happened before anything below)       | fail    |
 * | an unordered exit, restart or replacement beyond what the plan allows      | fail    |
 * | a signal that only crashes raise, even at an ordered end                   | fail    |
 * | an exit status other than 0 at an ordered end                              | fail    |
 * | an `error` owned by the product; an offence that no invariant answers for  | fail    |
 * | a step failed, and no `error` of another owner, fault that failed or       | fail    |
 * | interruption says why                                                      |         |
 * | an `error` owned by infra, harness or user                                 | infra   |
 * | the load ended unordered; the target went down before it was wound up      | infra   |
 * | an invariant has a gap of three lost samples, or too many unknown ones     | unknown |
 * | a bound in time was missed while the machine did not let the subject run   | unknown |
 * | a step did not end in its time, most of which others had the processors    | unknown |
 * | an invariant has too few samples; a requirement was not reached            | unknown (*) |
 * | a fault never took effect, or never recovered; a step never ended          | unknown (*) |
 * | nothing was measured, or no invariant could be judged                      | unknown (*) |
 * | interrupted; no `run-end` (the harness died); measured less than planned   | partial |
 *
 * (*) In a run that was cut short these go without saying, and it is just partial; so they do where the infrastructure broke.
 *
 * Violations after the load was killed, the target lost or the infrastructure failed are not held against the product: the
 * stage it stood on was gone. Whatever stood before stays a fail. `flaky` comes from trying again and is not decided here.
 */
import type { RunEvent, SeriesPoint, Stored } from '../facts/events.js';
import type { Plan } from '../facts/plan.js';
import { type Outcome, type ReachedVerdict, type Verdict, WORST_FIRST } from '../facts/verdict.js';
import {
  type Cause,
  cause,
  errorsAndSteps,
  faultsInDoubt,
  infrastructure,
  nothingJudged,
  ofFinding,
  strayOffences,
  unaskedEnds,
  unaskedRestarts,
  unreached,
} from './causes.js';
import type { Finding } from './finding.js';
import { judgeInvariant } from './invariants.js';
import { ownCost } from './own-cost.js';
import { moment } from './quantity.js';
import { asRun, type Run } from './run.js';
import { eventsOf, type Timeline } from './timeline.js';

/** Never throws, whatever prefix of a run it is given. Values of the result are ready to print and unescaped. */
export function deriveVerdict(plan: Plan, events: readonly Stored<RunEvent>[], series: readonly SeriesPoint[]): Verdict {
  const run = asRun(plan, events, series);
  const { timeline, measured, isWhole } = run;
  const findings = plan.invariants.map((invariant) => judgeInvariant(invariant, run));
  const reached = plan.required.map((requirement): ReachedVerdict => {
    const { name, why, required } = requirement;
    return { name, why, required, count: largestOf(run, requirement.series) };
  });
  const cut = cutShort(plan, timeline, measured, isWhole);
  const causes = [
    ...cut,
    ...findings.flatMap(ofFinding),
    ...unaskedRestarts(run),
    ...unaskedEnds(run),
    ...errorsAndSteps(run),
    ...infrastructure(run),
    ...strayOffences(run),
    ...faultsInDoubt(run),
    ...unreached(reached),
    ...nothingJudged(timeline, findings),
  ]
    .filter(({ expectedWhenCut }, _, all) => !expectedWhenCut || !all.some(({ outcome }) => outcome === 'partial' || outcome === 'infra'))
    .sort((a, b) => WORST_FIRST.indexOf(a.outcome) - WORST_FIRST.indexOf(b.outcome) || (a.at === b.at ? 0 : a.at - b.at));
  const [first, ...rest] = causes;
  const harness = ownCost(run);
  const judged = eventsOf(events, 'judge-end')[0];
  return {
    schema: 1,
    scenario: plan.scenario,
    verdict: first?.outcome ?? 'pass',
    reason:
      first?.reason ??
      `${judgedCount(findings)} held and ${reached.length} requirement${reached.length === 1 ? ' was' : 's were'} reached in ${moment(measured)}`,
    durationSeconds: measured,
    plannedSeconds: plan.durationSeconds,
    target: plan.target,
    seed: plan.seed,
    accelerator: plan.accelerator,
    ...(plan.kernel && { kernel: plan.kernel.release }),
    subject: { starts: run.history.starts, restarts: run.history.restarts.length, exits: run.history.exits },
    invariants: findings.map((finding) => finding.verdict),
    reached,
    judged: judged ? { polls: judged.polls, rows: judged.rows } : null,
    harness,
    versions: versionsOf(plan, events),
    warnings: [
      ...rest.map(({ outcome, reason }) => `${outcome}: ${reason}`),
      ...findings.flatMap((finding) => finding.warnings),
      ...harness
        .filter(({ verdict: v }) => v === 'fail')
        .map(({ name, observed, bound }) => `the harness itself: ${name}: ${observed}; ${bound}`),
    ],
  };
}

/** The worst of several outcomes; `pass` of none. */
export function worst(outcomes: readonly Outcome[]): Outcome {
  return WORST_FIRST.find((outcome) => outcomes.includes(outcome)) ?? 'pass';
}

/** Why less was seen than planned. Not when the run came to its end in order and only never measured: then nothing ran. */
function cutShort(plan: Plan, timeline: Timeline, measured: number, isWhole: boolean): Cause[] {
  const done = timeline.measure ? `after ${moment(measured)} of ${moment(plan.durationSeconds)}` : 'before anything was measured';
  if (timeline.interrupted)
    return [
      cause(
        'partial',
        `interrupted by ${timeline.interrupted.signal} ${isWhole ? 'after the measured phase' : done}`,
        timeline.interrupted.at,
      ),
    ];
  if (!timeline.ended)
    return [
      cause(
        'partial',
        `the harness died ${isWhole ? 'after the measured phase' : done}: the end of the run is not stored`,
        timeline.lastFact,
      ),
    ];
  if (timeline.measure && !isWhole) return [cause('partial', `measured ${moment(measured)} of ${moment(plan.durationSeconds)} planned`)];
  return [];
}

const VERSIONS = ['kernel', 'node', 'netsoak', 'revision'] as const;

/** The target's own kernel and node where it came up, else those of the machine it was to run on. */
function versionsOf({ provenance }: Plan, events: readonly Stored<RunEvent>[]): Verdict['versions'] {
  const up = eventsOf(events, 'target').find(({ state }) => state === 'up');
  const all: Readonly<Record<string, string | undefined>> = { kernel: provenance.hostKernel, ...provenance, ...up?.facts };
  return Object.fromEntries(
    VERSIONS.flatMap((name) => {
      const version = all[name];
      return version === undefined ? [] : [[name, version]];
    }),
  );
}

/** The series is cumulative, so its last value is its largest; the largest also survives a counter that began anew. */
function largestOf({ columns, timeline }: Run, series: string): number {
  let largest = 0;
  for (const { at, value } of columns.get(series) ?? []) {
    if (at < timeline.trustedUntil && value !== null && value > largest) largest = value;
  }
  return largest;
}

function judgedCount(findings: readonly Finding[]): string {
  const judged = findings.filter(({ verdict }) => verdict.verdict === 'pass').length;
  return `${judged} invariant${judged === 1 ? '' : 's'}`;
}
