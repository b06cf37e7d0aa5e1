/** What a measurement leaves behind. Every table, report and baseline is made from these alone. */
import type { MetricName, Row } from './benchmark.js';
import type { Host } from './host.js';

export type RowSamples = Row & {
  /** One number a process, in the order taken. */
  readonly metrics: Readonly<Partial<Record<MetricName, readonly number[]>>>;
};

/** One tree measured once. */
export interface BenchResult {
  readonly kind: 'bench-result';
  readonly schema: 1;
  /** UTC, ISO 8601. */
  readonly at: string;
  /** For people: `working tree`, `HEAD~1 (1a2b3c)`, `baseline main`. */
  readonly label: string;
  readonly revision: string;
  readonly host: Host;
  readonly rows: readonly RowSamples[];
  readonly warnings: readonly string[];
}

/** Noise of identical code on one host, as a share (0.02 is two percent), by {@link noiseKey}. */
export interface Noise {
  readonly at: string;
  readonly host: Host;
  readonly rows: Readonly<Record<string, number>>;
}

export function noiseKey(id: string, metric: MetricName): string {
  return `${id} / ${metric}`;
}

/** Two results to be compared, with everything the judgement needs. */
export interface BenchComparison {
  readonly kind: 'bench-comparison';
  readonly schema: 1;
  readonly at: string;
  readonly old: BenchResult;
  readonly new: BenchResult;
  /** Old and new were sampled in turn; otherwise the machine may have changed its mood in between. */
  readonly interleaved: boolean;
  /** The immediate second measurement of those rows that looked worse. Absent: nothing looked worse, or there was no way to repeat it. */
  readonly again?: { readonly old: readonly RowSamples[]; readonly new: readonly RowSamples[] };
  readonly noise: Noise | null;
  /** What could not be compared, with why. */
  readonly missing: readonly string[];
}
