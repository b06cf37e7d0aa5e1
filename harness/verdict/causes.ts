/** What speaks against a plain pass, one function a kind of fact; judge.ts has the table of them and lets the worst stand. */
import type { Outcome, ReachedVerdict } from '../facts/verdict.js';
import type { Finding } from './finding.js';
import { restartSentence, uncleanEnds } from './lives.js';
import { moment, plain } from './quantity.js';
import type { Run } from './run.js';
import { starvedSeconds } from './starved.js';
import { eventsOf, type Timeline } from './timeline.js';

/** One thing that speaks against a plain pass. */
export interface Cause {
  readonly outcome: Outcome;
  readonly reason: string;
  /** Of several of one outcome the earliest names the verdict; infinity when it has no moment of its own. */
  readonly at: number;
  /** Only says that less was seen than planned. In a run that was cut short or lost its infrastructure that goes without saying. */
  readonly expectedWhenCut: boolean;
}

/** A step is given many times what it takes; only where others had the processors for more than this share of it is that why it was late. */
const MOSTLY = 0.5;
const NEVER = Number.POSITIVE_INFINITY;

export function cause(outcome: Outcome, reason: string, at = NEVER): Cause {
  return { outcome, reason, at, expectedWhenCut: false };
}

function tooLittle(reason: string, at = NEVER): Cause {
  return { outcome: 'unknown', reason, at, expectedWhenCut: true };
}

export function ofFinding({ verdict, sentence, at, cause: why }: Finding): Cause[] {
  if (verdict.verdict === 'fail') return [cause('fail', sentence, at)];
  if (verdict.verdict === 'unknown') return [why === 'few' ? tooLittle(sentence) : cause('unknown', sentence)];
  return [];
}

export function unreached(reached: readonly ReachedVerdict[]): Cause[] {
  return reached
    .filter(({ count, required }) => count < required)
    .map(({ name, count, required }) =>
      tooLittle(`${name}: reached ${plain(count)} of ${plain(required)} that the run needs to mean anything`),
    );
}

/** A subject that dies fails its run even where the scenario forgot to say so. */
export function unaskedRestarts(run: Run): Cause[] {
  if (run.plan.invariants.some((invariant) => invariant.type === 'restarts')) return [];
  const seen = run.history.restarts.filter(({ at }) => at <= run.timeline.trustedUntil);
  const [first] = seen;
  return first ? [cause('fail', `${restartSentence(run, seen.length)}, first ${first.words}`, first.at)] : [];
}

/** One that does not end as it should when it is asked to fails its run even where the scenario forgot to say so. */
export function unaskedEnds(run: Run): Cause[] {
  if (run.plan.invariants.some((invariant) => invariant.type === 'ends')) return [];
  const { own, excused } = uncleanEnds(run);
  return [
    ...own.slice(0, 1).map(({ words, at }) => cause('fail', words, at)),
    ...excused.slice(0, 1).map(({ words, at }) => cause('unknown', words, at)),
  ];
}

export function errorsAndSteps(run: Run): Cause[] {
  const errors = eventsOf(run.events, 'error');
  const isProducts = (error: (typeof errors)[number]): boolean => error.owner === 'product' && error.at <= run.timeline.trustedUntil;
  const causes = errors.map((error) => cause(isProducts(error) ? 'fail' : 'infra', `${error.message} (${error.owner})`, error.at));
  const othersErred = errors.some((error) => !isProducts(error));
  const notItsFault = Math.min(run.timeline.trustedUntil, run.timeline.interrupted?.at ?? NEVER);
  const failedFaults = eventsOf(run.events, 'fault').filter(({ state }) => state === 'failed');
  const open = new Map<string, number>();
  for (const step of eventsOf(run.events, 'step')) {
    const began = open.get(step.name) ?? step.at;
    if (step.state === 'begin') open.set(step.name, step.at);
    else open.delete(step.name);
    if (step.state !== 'fail') continue;
    // The error that made a step fail is told just before it or just after it.
    if (othersErred || step.at >= notItsFault) continue;
    // So does the fault that the step waited for in vain, in the same words; it is in doubt, not the subject.
    if (failedFaults.some(({ at, detail }) => at >= began && at <= step.at && detail === step.error)) continue;
    const why = step.error ? `: ${step.error}` : '';
    const sentence = `step "${step.name}" failed at ${moment(step.at)}${why}`;
    const starved = step.late ? starvedSeconds(run, began, step.at) : 0;
    causes.push(
      starved > MOSTLY * (step.at - began)
        ? cause('unknown', `${sentence}; the subject waited ${plain(starved)} s of it for processors that others had`, step.at)
        : cause('fail', sentence, step.at),
    );
  }
  for (const [name, at] of open) causes.push(tooLittle(`step "${name}" began at ${moment(at)} and never ended`, at));
  return causes;
}

export function infrastructure({ events, timeline }: Run): Cause[] {
  const lost = timeline.targetLost
    ? [cause('infra', `the target was lost at ${moment(timeline.targetLost.at)}: ${timeline.targetLost.detail}`, timeline.targetLost.at)]
    : [];
  const load = eventsOf(events, 'load-exit').find((exit) => !exit.ordered);
  return load
    ? [...lost, cause('infra', `the load ended unordered (${load.signal ?? `exit ${load.code}`}) at ${moment(load.at)}`, load.at)]
    : lost;
}

/** A finding of the judge under a name that the plan does not know must not be lost. */
export function strayOffences({ plan, events, timeline }: Run): Cause[] {
  const { measure } = timeline;
  const stray = eventsOf(events, 'offence').find(
    ({ at, invariant }) =>
      measure &&
      at >= measure.from &&
      at <= measure.to &&
      at < timeline.trustedUntil &&
      !plan.invariants.some(({ name }) => name === invariant),
  );
  return stray ? [cause('fail', `offence against "${stray.invariant}", which the plan does not name: ${stray.detail}`, stray.at)] : [];
}

export function faultsInDoubt({ plan, events }: Run): Cause[] {
  const last = new Map<string, { state: string; at: number; detail: string }>();
  const causes: Cause[] = [];
  for (const { name, state, at, detail } of eventsOf(events, 'fault')) {
    last.set(name, { state, at, detail });
    if (state === 'failed') causes.push(cause('unknown', `fault "${name}" failed at ${moment(at)}: ${detail}`, at));
  }
  for (const name of plan.faults ?? []) if (!last.has(name)) causes.push(tooLittle(`fault "${name}" was planned and never injected`));
  for (const [name, { state, at }] of last) {
    if (state === 'inject') causes.push(tooLittle(`fault "${name}" was injected at ${moment(at)} and never took effect`, at));
    if (state === 'effective' || state === 'recover') causes.push(tooLittle(`fault "${name}" never recovered`, at));
  }
  return causes;
}

export function nothingJudged(timeline: Timeline, findings: readonly Finding[]): Cause[] {
  if (!timeline.measure) return [tooLittle('nothing was measured')];
  return findings.some(({ verdict }) => verdict.verdict === 'pass' || verdict.verdict === 'fail')
    ? []
    : [tooLittle('no invariant could be judged')];
}
