/**
 * What can happen in a run. One union is the spine of harness, store, live view, verdict and report:
 * `events.ndjson` is a sequence of {@link Stored}<{@link RunEvent}>, appended while the run goes on and
 * never rewritten. Everything that is claimed later (verdict, report, JUnit) is a fold over plan, events
 * and series; if a feature needs a side channel, this union is missing a case.
 */

import type { StoredTally } from '../books/tally.js';
import type { TopFunction } from '../profile/top.js';
import type { ServiceName } from './plan.js';

/** Time of JavaScript, bytes of JavaScript, time of all threads with the kernel's share. */
export type ProfileKind = 'cpu' | 'allocations' | 'native';

/** An event as it stands in `events.ndjson`: `at` is seconds on the conductor's monotonic clock since the run began. */
export type Stored<E> = E & { readonly at: number };

/** The stages of a run, in this order. Only `measure` is judged by ceilings, cadence and completeness. */
export type Stage = 'boot' | 'setup' | 'settle' | 'measure' | 'heal' | 'shutdown';

/** Who has to mend an error: decides between exit code 1, 3 and 64 and whether a retry is allowed. */
export type Owner = 'product' | 'infra' | 'harness' | 'user';

export type RunEvent =
  | { readonly kind: 'stage'; readonly stage: Stage; readonly state: 'begin' | 'end' }
  /** A named window inside the measured phase, set by the scenario (`ten namespaces`, `full`). */
  | { readonly kind: 'mark'; readonly name: string; readonly state: 'begin' | 'end' }
  | {
      readonly kind: 'target';
      readonly state: 'starting' | 'up' | 'down';
      readonly detail: string;
      /** Times slower than the machine outside, measured; 1 on `host`. Present once the target is up. */
      readonly slowdown?: number;
      readonly facts?: Readonly<Record<string, string>>;
    }
  /** A broker or a database beside the target. `address` as it is called outside the target, without user and password. */
  | {
      readonly kind: 'service';
      readonly name: ServiceName;
      readonly state: 'up' | 'down';
      readonly address: string;
      readonly detail: string;
    }
  | {
      readonly kind: 'subject-start';
      /** 1 for the first start; counts every start. */
      readonly start: number;
      readonly pid: number;
      /** Field 22 of /proc/PID/stat (proc(5)), in clock ticks since boot. */
      readonly startTicks: number;
      /** Whether the plan ordered this start. The first one always is. */
      readonly ordered: boolean;
    }
  | {
      readonly kind: 'subject-exit';
      readonly start: number;
      readonly pid: number;
      readonly code: number | null;
      readonly signal: string | null;
      readonly ordered: boolean;
      /** How long after it was asked to end (SIGTERM); absent where nobody asked. */
      readonly afterSeconds?: number;
      /** Last lines of the subject's stderr, for people; never a witness. */
      readonly lastWords: string;
    }
  /** A restart that no exit told of: same pid and start time, other program image or process start metric. */
  | {
      readonly kind: 'subject-replaced';
      readonly start: number;
      readonly witness: 'startstack' | 'start-time-metric' | 'pid';
      readonly before: string;
      readonly after: string;
    }
  | { readonly kind: 'load-start'; readonly pid: number }
  | {
      readonly kind: 'load-exit';
      readonly code: number | null;
      readonly signal: string | null;
      readonly ordered: boolean;
      readonly lastWords: string;
    }
  | {
      readonly kind: 'step';
      readonly name: string;
      readonly state: 'begin' | 'pass' | 'fail' | 'skip';
      readonly error?: string;
      /** It failed because it did not come to an end in its time. */
      readonly late?: true;
    }
  /** One finding of the judge (rows against the load's ledger); the first ones of each class carry the row. */
  | {
      readonly kind: 'offence';
      readonly invariant: string;
      readonly detail: string;
      readonly poll?: string;
      readonly expected?: Readonly<Record<string, string>>;
      readonly observed?: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: 'fault';
      readonly name: string;
      readonly state: 'inject' | 'effective' | 'recover' | 'recovered' | 'failed';
      readonly detail: string;
    }
  /** A first violation seen while the run goes on, with what was gathered at that moment. */
  | { readonly kind: 'evidence'; readonly invariant: string; readonly data: Readonly<Record<string, unknown>> }
  /** How the books of a pipeline stand; the last one of a run has the last word. `settled`: no poll is open in any of them. */
  | { readonly kind: 'books'; readonly settled: boolean; readonly tally: StoredTally }
  /** Facts that the judge alone can tell once it has read everything (`judge-end` is its last event). */
  | { readonly kind: 'judge-end'; readonly polls: number; readonly rows: number; readonly detail: string }
  | {
      readonly kind: 'error';
      readonly owner: Owner;
      readonly code: string;
      readonly message: string;
      readonly hint: string;
      /** Seconds before `at` that it came about; a hang is noticed by its length. Absent means 0. */
      readonly ageSeconds?: number;
    }
  /** A profile of the subject was stored (`run --profile`): which functions took most by themselves. */
  | { readonly kind: 'profile'; readonly of: ProfileKind; readonly file: string; readonly top: readonly TopFunction[] }
  | { readonly kind: 'interrupted'; readonly signal: string }
  | { readonly kind: 'note'; readonly text: string }
  /** The last event of a run that was brought to its end in order. Its absence means the harness died. */
  | { readonly kind: 'run-end' };

/**
 * One line of `series.ndjson`: values of several series at one moment. `null` is *unknown* (a scrape that
 * failed, a file that vanished), never zero. Series names are `who.what` with the unit last:
 * `subject.rssBytes`, `poll.spanSeconds`, `load.churnEvents`.
 */
export interface SeriesPoint {
  readonly at: number;
  readonly v: Readonly<Record<string, number | null>>;
}
