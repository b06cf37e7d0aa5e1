/** What the plan says about a verdict beyond the facts of the run: a second try is never a plain pass, a quarantined scenario fails no job. */
import type { Plan } from '../facts/plan.js';
import type { Verdict } from '../facts/verdict.js';

export function underCircumstances({ quarantine, retryOf }: Plan, verdict: Verdict): Verdict {
  return {
    ...(retryOf && verdict.verdict === 'pass'
      ? { ...verdict, verdict: 'flaky', reason: `passed at the second try; the first was infra: ${retryOf.reason}` }
      : verdict),
    ...(retryOf && { retryOf }),
    ...(quarantine && { quarantine }),
  };
}

/** Where it ran, in words: the target, and the kernel if one was asked for. */
export function placeOf({ target, kernel }: Pick<Verdict, 'target' | 'kernel'>): string {
  return kernel === undefined ? target : `${target}, kernel ${kernel}`;
}

/**
 * Whether a verdict is shown but decides nothing. Quarantine is for a scenario that tells now this, now that; what the machine
 * broke or somebody interrupted it does not excuse.
 */
export function isExcused({ verdict, quarantine }: Verdict): boolean {
  return quarantine !== undefined && (verdict === 'fail' || verdict === 'flaky' || verdict === 'unknown');
}
