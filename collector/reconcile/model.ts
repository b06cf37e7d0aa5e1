/**
 * The words that all reconcilers share. A pass: desired (with its generation) -> observe (dumps, with a verdict) -> diff -> guard ->
 * confirm (a second look) -> plan (limits) -> act (one writer queue a namespace) -> verify (the echo) -> report.
 */

/** off: no dump and no write. observe: dumps, tells, writes nothing. repair: heals. */
export type Mode = 'off' | 'observe' | 'repair';
export const MODES: readonly Mode[] = ['off', 'observe', 'repair'];

/** Why a pass runs; the later of two that wait is the stronger. */
export const TRIGGERS = ['tick', 'event', 'manual', 'timejump', 'overflow', 'startup'] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** What a look at the kernel brought. */
export interface Observation<O> {
  /** Loss counter of the monitor at the start of the look: a plan made under an older one is discarded. */
  readonly epoch: number;
  /** False: the kernel called a dump inconsistent, and repeating did not help. */
  readonly consistent: boolean;
  readonly items: ReadonlyMap<string, O>;
}

/** A difference between what should be and what is. */
export type Drift<D, O> =
  | { readonly kind: 'missing'; readonly key: string; readonly want: D }
  | { readonly kind: 'modified'; readonly key: string; readonly want: D; readonly have: O }
  | { readonly kind: 'stale'; readonly key: string; readonly have: O }
  | { readonly kind: 'conflict'; readonly key: string; readonly want: D; readonly have: O; readonly owner: string };

export type DriftKind = Drift<unknown, unknown>['kind'];
export type Action = 'add' | 'replace' | 'delete';

/** Why a whole pass must not act. */
export interface Refusal {
  readonly reason: 'filter_parse' | 'no-anchors' | 'blast-radius' | 'torn' | 'listing-failed' | 'locked';
  readonly detail: string;
}

/** What became of one write. */
export type Outcome =
  | { readonly kind: 'ok' }
  /** What was to be deleted is not there: as good as done. */
  | { readonly kind: 'gone' }
  /** Something still refers to it: look again at the next pass. */
  | { readonly kind: 'busy'; readonly detail: string }
  /** The world must change first: no link, no gateway, no source address. */
  | { readonly kind: 'blocked'; readonly cause: string; readonly detail: string }
  /** The place is taken by something that is not ours. */
  | { readonly kind: 'conflict'; readonly detail: string }
  /** What was deleted was not what was planned, and has been put back. */
  | { readonly kind: 'undone'; readonly detail: string }
  /** Not sent: no longer wanted, planned under an older epoch, or switched off. */
  | { readonly kind: 'superseded' }
  | { readonly kind: 'error'; readonly errno: string; readonly detail: string };

/** Outcomes after which the kernel is as it should be. */
export const settled = (outcome: Outcome): boolean => outcome.kind === 'ok' || outcome.kind === 'gone';

/** Sum of a pass, for logs, metrics and tests. */
export interface PassReport {
  readonly trigger: Trigger;
  readonly result: 'ok' | 'noop' | 'torn' | 'aborted' | 'error';
  readonly refusal?: Refusal;
  /** Drift found, by kind. */
  readonly drift: Readonly<Partial<Record<DriftKind, number>>>;
  /** Writes done, by outcome. */
  readonly outcomes: Readonly<Partial<Record<Outcome['kind'] | 'dryrun', number>>>;
  /** Planned but left for the next pass by the blast-radius cap. */
  readonly capped: number;
}
