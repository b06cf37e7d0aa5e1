/** The bounds and trends of a run as lines to draw over its series. */
import type { Invariant } from '../facts/plan.js';
import type { Sample } from '../stats/leak-gate.js';
import { inScope, scopeOf } from './finding.js';
import { leakOf } from './invariants.js';
import { settledLevel } from './level.js';
import { plain, quantity } from './quantity.js';
import type { Run } from './run.js';

export interface Line {
  readonly kind: 'ceiling' | 'trend';
  readonly invariant: string;
  readonly series: string;
  /** `16, threads`: the value with its unit and the invariant's name. */
  readonly label: string;
  readonly from: Sample;
  readonly to: Sample;
}

export function linesOf(run: Run): Line[] {
  return run.plan.invariants.flatMap((invariant) => linesOfInvariant(invariant, run));
}

function linesOfInvariant(invariant: Invariant, run: Run): Line[] {
  const spans = scopeOf(invariant, run);
  const from = spans[0]?.from;
  const to = spans.at(-1)?.to;
  if (from === undefined || to === undefined) return [];
  const level = (series: string, value: number, what: string): Line[] =>
    Number.isFinite(value)
      ? [
          {
            kind: 'ceiling',
            invariant: invariant.name,
            series,
            label: `${what} ${quantity(series, value)}`,
            from: { at: from, value },
            to: { at: to, value },
          },
        ]
      : [];
  switch (invariant.type) {
    case 'ceiling':
      return level(invariant.series, invariant.max, 'ceiling');
    case 'quantile':
      return level(invariant.series, invariant.max, `p${plain(invariant.q * 100, 6)} at most`);
    case 'ceiling-over-median': {
      const settled = settledLevel(invariant, inScope(invariant, invariant.series, run).known, run);
      return level(invariant.series, invariant.factor * settled + invariant.plus, 'ceiling over median');
    }
    case 'leak': {
      const found = leakOf(invariant, run)?.judged.value;
      if (!found?.line) return [];
      const rate = quantity(invariant.series, Math.abs(found.slopePerHour));
      const label = found.slopePerHour === 0 ? 'trend: level' : `trend ${found.slopePerHour < 0 ? '-' : '+'}${rate} an hour`;
      return [{ kind: 'trend', invariant: invariant.name, series: invariant.series, label, ...found.line }];
    }
    case 'same':
    case 'slope':
    case 'tracks':
    case 'stepwise':
    case 'balance':
    case 'rate':
    case 'rise':
    case 'count':
    case 'ratio':
    case 'restarts':
    case 'ends':
      return [];
  }
}
