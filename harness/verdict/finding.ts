/** What every form of invariant needs to come to a finding: its samples, whether they are enough, and the words for it. */
import type { Invariant } from '../facts/plan.js';
import type { InvariantVerdict } from '../facts/verdict.js';
import { moment } from './quantity.js';
import type { Run } from './run.js';
import { type Samples, samplesOf } from './samples.js';
import type { Span } from './timeline.js';

/** An invariant of one type. */
export type Of<T extends Invariant['type']> = Extract<Invariant, { type: T }>;

export interface Finding {
  readonly verdict: InvariantVerdict;
  /** For the reason of the run: `threads 13 -> 212, crosses the ceiling of 16 at 12 s`. */
  readonly sentence: string;
  /** When it was first violated, to tell which of several came first; infinity for a comparison, which has no moment of its own. */
  readonly at: number;
  /** Why it is unknown: `few` is what a run that was cut short has to expect, `gap` and `starved` are not. */
  readonly cause: 'few' | 'gap' | 'starved' | null;
  readonly warnings: readonly string[];
}

/** Fewer samples than these are no evidence; a window inside the run is often just three seconds long. */
export const MIN_SAMPLES = 5;
export const MIN_WINDOW_SAMPLES = 2;
/** With more than one sample in ten unknown the rest are not trusted either, gaps or not; two lost ones alone say nothing. */
const MAX_UNKNOWN_SHARE = 0.1;
const FORGIVEN_UNKNOWN = 2;

export function scopeOf(invariant: Invariant, run: Run): readonly Span[] {
  if (invariant.window !== undefined) return run.timeline.windows.get(invariant.window) ?? [];
  return run.timeline.measure ? [run.timeline.measure] : [];
}

export function inScope(invariant: Invariant, series: string, run: Run): Samples {
  return samplesOf(run.columns, series, scopeOf(invariant, run), run.timeline);
}

/** Whether all that could still have come into these spans is stored. */
export function ended(spans: readonly Span[], run: Run): boolean {
  return spans.length > 0 && spans.every((span) => span.closed && span.to <= run.timeline.trustedUntil);
}

export function tooLittle({ known, gaps, unknown }: Samples, least: number): { cause: 'few' | 'gap'; text: string } | null {
  const [gap] = gaps;
  const lost = unknown > FORGIVEN_UNKNOWN && unknown > MAX_UNKNOWN_SHARE * (known.length + unknown);
  if (gap && known.length >= least) {
    const more = gaps.length > 1 ? ` and ${gaps.length - 1} more gap${gaps.length > 2 ? 's' : ''}` : '';
    return { cause: 'gap', text: `unknown from ${moment(gap.from)} to ${moment(gap.to)}${more}` };
  }
  if (lost) return { cause: 'gap', text: `${unknown} of ${known.length + unknown} samples are unknown` };
  if (known.length < least) return { cause: 'few', text: `${known.length} samples, too few to judge` };
  return null;
}

export function unlessUnknown(
  invariant: Invariant,
  samples: Samples,
  run: Run,
  bound: string,
  series: string,
  observed: () => string,
  warnings: readonly string[] = [],
): Finding {
  if (scopeOf(invariant, run).length === 0) {
    return unknown(
      invariant,
      bound,
      invariant.window === undefined ? 'nothing was measured' : `window "${invariant.window}" never began`,
      'few',
      series,
    );
  }
  const reason = tooLittle(samples, invariant.window === undefined ? MIN_SAMPLES : MIN_WINDOW_SAMPLES);
  if (reason) return unknown(invariant, bound, reason.text, reason.cause, series);
  const lost =
    samples.unknown > 0 ? [`${invariant.name}: ${samples.unknown} of ${samples.known.length + samples.unknown} samples are unknown`] : [];
  return finding(invariant, 'pass', bound, observed(), { series, warnings: [...lost, ...warnings] });
}

export function unknown(
  invariant: Invariant,
  bound: string,
  observed: string,
  cause: NonNullable<Finding['cause']>,
  series?: string,
): Finding {
  return { ...finding(invariant, 'unknown', bound, observed, series === undefined ? {} : { series }), cause };
}

export function finding(
  invariant: Invariant,
  verdict: InvariantVerdict['verdict'],
  bound: string,
  observed: string,
  more: { series?: string; at?: number; sentence?: string; warnings?: readonly string[] },
): Finding {
  return {
    verdict: {
      name: invariant.name,
      why: invariant.why,
      verdict,
      bound,
      observed,
      firstViolationSeconds: more.at ?? null,
      ...(more.series === undefined ? {} : { series: more.series }),
    },
    sentence: more.sentence ?? `${invariant.name}: ${observed}`,
    at: invariant.type === 'same' ? Number.POSITIVE_INFINITY : (more.at ?? Number.POSITIVE_INFINITY),
    cause: null,
    warnings: more.warnings ?? [],
  };
}
