/**
 * The plan of a run: everything that decides what will happen and how it will be judged, fixed before the
 * target boots, stored as `plan.json`. Invariants are data, so a stored run can be judged again without the
 * scenario's code.
 */

/**
 * What must hold. Samples are those of stage `measure` (or of `window`, a mark of the scenario).
 * Each form is `unknown` when its series has too few samples; a stored violation is a `fail` whatever comes after.
 */
export type Invariant = {
  readonly name: string;
  /** One sentence for the report: what this protects. */
  readonly why: string;
  /** Restrict to a named window (mark) of the measured phase. */
  readonly window?: string;
  /** A bound in time, which the subject can hold only where the machine lets it run; where it did not, a violation is `unknown`. */
  readonly needsCpu?: NeedsCpu;
} /** No sample above `max`. `max: 0` over an offence count is a completeness check. */ & (
  | { readonly type: 'ceiling'; readonly series: string; readonly max: number }
  /** No sample above `factor` x median after warm-up + `plus`. The short-run form of a leak check. */
  | { readonly type: 'ceiling-over-median'; readonly series: string; readonly factor: number; readonly plus: number }
  /** The largest sample in each window is the same number. Proves that a figure does not depend on what differs between the windows. */
  | { readonly type: 'same'; readonly series: string; readonly windows: readonly string[] }
  /**
   * The least-squares line of `series` over `against` rises or falls by at most `maxChange` (in the unit of `series`) over the whole range of
   * `against`: a law, where `same` compares levels. Samples pair by time; `unknown` unless `against` takes five values or more.
   */
  | { readonly type: 'slope'; readonly series: string; readonly against: string; readonly maxChange: number }
  /**
   * `series`, a counter that the subject tells of itself, moves as `of` does, a counter of what was seen of it, give or take what comes within
   * `slackSeconds`; and none of `counters`, which it tells beside it, steps back within a start. Not judged where the subject's description has
   * no such metric.
   */
  | {
      readonly type: 'tracks';
      readonly series: string;
      readonly of: string;
      readonly slackSeconds: number;
      readonly counters?: readonly string[];
    }
  /**
   * In every scrape `series`, told since the start of the subject, lies between what so many polls brought as `steps` tells there and what one
   * more brought, by `of` and `ofSteps`: cumulative and of one point in time, too. Not judged where the subject's description lacks one of them.
   */
  | { readonly type: 'stepwise'; readonly series: string; readonly steps: string; readonly of: string; readonly ofSteps: string }
  /** In every scrape `series` is the sum of `parts`. Not judged where the subject's description lacks one of them. */
  | { readonly type: 'balance'; readonly series: string; readonly parts: readonly string[] }
  /** A cumulative series rises by at most so much a second, on the average of each start. */
  | { readonly type: 'rate'; readonly series: string; readonly maxPerSecond: number }
  /**
   * The least sample of the last third of the phase at most that of the first third + `plus`: a leak that is too slow for a ceiling. For phases
   * too short for the leak gate, in which the subject is not started again; not judged in others.
   */
  | { readonly type: 'rise'; readonly series: string; readonly plus: number }
  /** Quantile q (0..1, nearest rank) of the samples at most `max`. */
  | { readonly type: 'quantile'; readonly series: string; readonly q: number; readonly max: number }
  /** Number of samples (events in time, such as polls) in the measured phase at least `min` and at most `max`, more in a phase that lasted longer. */
  | { readonly type: 'count'; readonly series: string; readonly min: number; readonly max?: number }
  /** Last value of `numerator` over last value of `denominator` at least `min`; unknown when the denominator is 0. */
  | { readonly type: 'ratio'; readonly numerator: string; readonly denominator: string; readonly min: number }
  /** Unordered restarts, from exits, starts and `subject-replaced`, at most `max`. */
  | { readonly type: 'restarts'; readonly max: number }
  /** Ends that the plan ordered, and that had an exit status other than 0, at most `max`. */
  | { readonly type: 'ends'; readonly max: number }
  /** Leak gate of long runs (20 min and more); not judged in shorter ones, which lowers no verdict. `minGrowth` in the series' unit. */
  | { readonly type: 'leak'; readonly series: string; readonly minGrowth: number }
);

/** How far a subject that was kept from running may have missed a bound in time. */
export interface NeedsCpu {
  /** A sample may suffer from what the subject waited in so many seconds before it, on top of the time that the sample itself measures. */
  readonly withinSeconds: number;
  /** Who misses his turn by a moment waits so much longer, for the next one. */
  readonly tickSeconds?: number;
}

/** What must have happened for a green run to mean anything: last value of a cumulative series. */
export interface Requirement {
  readonly name: string;
  readonly why: string;
  readonly series: string;
  readonly required: number;
}

export type TargetKind = 'vm' | 'host';
/** What may run beside the target for a scenario. */
export type ServiceName = 'kafka' | 'clickhouse';
export type Accelerator = 'kvm' | 'tcg' | 'none';

/** A setting of a scenario after defaults, `--set` and scaling. */
export type SettingValue = number | string | boolean;

export interface Plan {
  readonly schema: 1;
  readonly id: string;
  readonly scenario: string;
  readonly story: string;
  readonly target: TargetKind;
  readonly accelerator: Accelerator;
  /** Why this accelerator, in words (`KVM opens but runs no guest code here`). */
  readonly acceleratorReason: string;
  /** The guest's kernel, where one was asked for (`run --kernel`); else it is the one of the set-up. */
  readonly kernel?: PlannedKernel;
  readonly seed: number;
  /** Length of the measured phase. */
  readonly durationSeconds: number;
  readonly settings: Readonly<Record<string, SettingValue>>;
  /** What was scaled down because the target is slow, in words; shown in the report. */
  readonly scaled: readonly string[];
  readonly invariants: readonly Invariant[];
  readonly required: readonly Requirement[];
  /** Faults that must take effect for the run to mean anything; absent in plans of scenarios without. */
  readonly faults?: readonly string[];
  /** What runs beside the target; absent in plans of scenarios without. */
  readonly services?: readonly ServiceName[];
  /** Of the services those that somebody else runs (`--kafka`, `--clickhouse`), as they were named, `***` for a password. */
  readonly given?: Readonly<Partial<Record<ServiceName, string>>>;
  readonly subject: {
    readonly name: string;
    readonly file: string;
    readonly command: readonly string[];
    readonly pollIntervalSeconds: number;
  };
  readonly provenance: Readonly<Record<string, string>>;
  /** The command that repeats this run. */
  readonly replay: string;
  /** UTC, ISO 8601. */
  readonly startedAt: string;
  /** The part of a larger set that this run belongs to (`--shard 1/4`); all shards together are to cover `scenarios`. */
  readonly shard?: { readonly index: number; readonly of: number; readonly scenarios: readonly string[] };
  /** Known to be flaky: its verdict is shown and counted, and fails no job. */
  readonly quarantine?: Quarantine;
  /** Profiles are taken of the subject, which costs it a little. */
  readonly profile?: true;
  /** It was soaked beside another of the same plan (`--against`): A is what B is held against; B knows the run directory of A. */
  readonly against?: { readonly word: string; readonly side: 'A' } | { readonly word: string; readonly side: 'B'; readonly before: string };
  /** This run is the second try of one that the infrastructure broke. */
  readonly retryOf?: { readonly id: string; readonly reason: string };
}

/** A kernel that was named on the command line. */
export interface PlannedKernel {
  /** As it was named: a package, a file or a folder. */
  readonly word: string;
  /** `uname -r`. */
  readonly release: string;
  /** What it is: package and version, or the digest of the image. */
  readonly origin: string;
}

/** Why and since when (a day, YYYY-MM-DD) a scenario's verdict fails no job. */
export interface Quarantine {
  readonly reason: string;
  readonly since: string;
}
