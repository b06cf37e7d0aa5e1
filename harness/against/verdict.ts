/** The outcome of a soak beside another: that of B, and on top of it whether B costs more than A. Pure. */
import type { InvariantVerdict, Outcome, Verdict } from '../facts/verdict.js';
import { WORST_FIRST } from '../facts/verdict.js';
import { quantity } from '../verdict/quantity.js';
import type { Difference } from './differences.js';

/** What tells that an invariant compares with A: `cpu (against)`. */
const AGAINST = ' (against)';

/**
 * B's own verdict decides first: what B violates is a fail, whatever A did. A quantity that is worse than A's is a fail as well (a significant
 * regression). Where A could not be judged, nothing can be said of the difference, and a pass of B becomes `unknown`, or `infra` if that
 * broke A. That A violates something is no fault of B's; it is told.
 */
export function againstVerdict(before: Verdict, after: Verdict, found: readonly Difference[]): Verdict {
  const worse = found.filter(({ verdict }) => verdict === 'worse');
  const candidates: { outcome: Outcome; reason: string }[] = [{ outcome: after.verdict, reason: after.reason }];
  if (worse.length > 0) candidates.push({ outcome: 'fail', reason: `B takes more than A: ${worse.map(sentence).join('; ')}` });
  if (before.verdict === 'infra') candidates.push({ outcome: 'infra', reason: `A was not judged: ${before.reason}` });
  if (before.verdict === 'unknown' || before.verdict === 'partial')
    candidates.push({ outcome: 'unknown', reason: `A is ${before.verdict}, so there is nothing to compare with: ${before.reason}` });
  const [worst] = candidates.toSorted((x, y) => WORST_FIRST.indexOf(x.outcome) - WORST_FIRST.indexOf(y.outcome));
  const others = candidates.filter((candidate) => candidate !== worst && candidate.outcome !== 'pass');
  const isPass = worst?.outcome === 'pass';
  return {
    ...after,
    verdict: worst?.outcome ?? after.verdict,
    reason: isPass ? `${after.reason}; ${balance(found)}` : (worst?.reason ?? after.reason),
    invariants: [...after.invariants, ...found.map(asInvariant)],
    warnings: [
      ...others.map(({ outcome, reason }) => `${outcome}: ${reason}`),
      ...changed(before, after),
      ...after.warnings,
      ...before.warnings.map((line) => `A: ${line}`),
    ],
  };
}

/** Invariants that do not hold in the same way on both sides, in sentences. */
export function changed(before: Verdict, after: Verdict): string[] {
  return after.invariants.flatMap((now) => {
    const then = before.invariants.find(({ name }) => name === now.name);
    return then && then.verdict !== now.verdict
      ? [`${now.name}: A ${then.verdict} (${then.observed}), B ${now.verdict} (${now.observed})`]
      : [];
  });
}

/** `CPU +23 % (+19 to +28 %, 0.12 -> 0.15)`. */
export function sentence({ words, shift, before, after, series, form }: Difference): string {
  const show = (value: number): string => (form === 'rate' ? `${(100 * value).toFixed(1)} % of a core` : quantity(series, value));
  const range = shift ? `${signed(shift.estimate)} (${signed(shift.low)} to ${signed(shift.high)}), ` : '';
  return `${words} ${range}${show(before)} -> ${show(after)}`;
}

function balance(found: readonly Difference[]): string {
  const better = found.filter(({ verdict }) => verdict === 'better');
  const same = found.filter(({ verdict }) => verdict === 'same');
  if (better.length + same.length === 0) return 'what it costs was not compared: the runs are too short for that';
  const told = better.length > 0 ? [`B takes less than A: ${better.map(sentence).join('; ')}`] : [];
  return [...told, ...(same.length > 0 ? [`no difference seen in ${same.map(({ words }) => words).join(', ')}`] : [])].join('; ');
}

function asInvariant(found: Difference): InvariantVerdict {
  const verdict = found.verdict === 'worse' ? 'fail' : found.verdict === 'not-judged' ? 'skipped' : 'pass';
  const why = found.verdict === 'not-judged' ? `, not judged by ${found.blocks} blocks of time` : `, ${found.blocks} blocks of time`;
  return {
    name: `${found.name}${AGAINST}`,
    why: `B takes no more ${found.words} than A beside it`,
    verdict,
    bound: `at most ${(100 * found.floor).toFixed(0)} % more than A`,
    observed: `${sentence(found)}${why}`,
    firstViolationSeconds: null,
    series: found.series,
  };
}

export function signed(share: number): string {
  if (!Number.isFinite(share)) return 'unknown';
  return `${share < 0 ? '−' : '+'}${Math.abs(100 * share).toFixed(1)} %`;
}
