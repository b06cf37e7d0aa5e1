/** The outcome of a run, as stored in `verdict.json`. Derived from plan, events and series alone. */
import type { Plan } from './plan.js';

export type Outcome = 'pass' | 'flaky' | 'partial' | 'unknown' | 'fail' | 'infra';

/** Of several outcomes the worst stands: the first of this list. */
export const WORST_FIRST: readonly Outcome[] = ['fail', 'infra', 'unknown', 'partial', 'flaky', 'pass'];

export interface InvariantVerdict {
  readonly name: string;
  readonly why: string;
  /** `skipped`: not judged in a run of this length; lowers no verdict. */
  readonly verdict: 'pass' | 'fail' | 'unknown' | 'skipped';
  readonly bound: string;
  readonly observed: string;
  readonly firstViolationSeconds: number | null;
  /** Name of the series that the report should draw beside it. */
  readonly series?: string;
}

export interface ReachedVerdict {
  readonly name: string;
  readonly why: string;
  readonly count: number;
  readonly required: number;
}

export interface SubjectExit {
  readonly start: number;
  readonly cause: 'exit' | 'signal' | 'replaced';
  readonly code: number | null;
  readonly signal: string | null;
  readonly ordered: boolean;
  readonly atSeconds: number;
}

export interface Verdict {
  readonly schema: 1;
  readonly scenario: string;
  readonly verdict: Outcome;
  /** One sentence: the reason for this verdict ("threads 35 -> 212, crosses the ceiling of 16 at 12 s"). */
  readonly reason: string;
  /** Length of the measured phase as it really was. */
  readonly durationSeconds: number;
  readonly plannedSeconds: number;
  readonly target: string;
  readonly seed: number;
  readonly accelerator: string;
  /** Release of the guest's kernel, where one was asked for. */
  readonly kernel?: string;
  readonly subject: { readonly starts: number; readonly restarts: number; readonly exits: readonly SubjectExit[] };
  readonly invariants: readonly InvariantVerdict[];
  readonly reached: readonly ReachedVerdict[];
  /** What reached the judge in all, also outside the measured phase; null where its last word is not stored. */
  readonly judged: { readonly polls: number; readonly rows: number } | null;
  /** What the harness itself took, held to bounds of its own; lowers no verdict. */
  readonly harness: readonly InvariantVerdict[];
  /** Of what it ran with, by name: `kernel` (the target's), `node`, `netsoak`, `revision`; those that are stored. */
  readonly versions: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
  readonly quarantine?: Plan['quarantine'];
  readonly retryOf?: Plan['retryOf'];
}
