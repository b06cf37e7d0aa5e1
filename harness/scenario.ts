/**
 * What a scenario file may say. A scenario is one file with one default export; it reads like a test plan:
 * what is the load, what is broken on purpose, what must hold, what must have happened.
 * The description is pure (it is imported outside the target to make the plan); only the steps act, and they
 * run inside the target.
 */
import type { FaultName } from './facts/faults.js';
import type { Invariant, Requirement, ServiceName, SettingValue, TargetKind } from './facts/plan.js';

export interface PlanContext {
  readonly target: TargetKind;
  /** 1 on `host` and with KVM; about 15 under TCG. */
  readonly slowdown: number;
  readonly durationSeconds: number;
  /** Settings after defaults, scaling and `--set`. */
  readonly settings: Readonly<Record<string, SettingValue>>;
}

/** The load generator, seen from a step. Every call resolves when the generator has done it. */
export interface Load {
  /** Grows the steady population to so many namespaces, each with so many connections (both ends and a listener counted as sockets). */
  steady(o: { namespaces: number; connections: number }): Promise<void>;
  /** Lets one connection of every steady namespace carry `bytes` more each interval, so that stale rows show. */
  pulse(o: { intervalMs: number; bytes: number }): Promise<void>;
  /** Starts adding and deleting namespaces, one of each an interval; lifetimes are drawn from the seed. */
  churn(o: { intervalMs: number; minLifetimeMs: number; maxLifetimeMs: number; connections: number }): Promise<void>;
  stopChurn(): Promise<void>;
  /**
   * Connections that are closed at once, in a namespace of their own that is there `afterMs` before the first of them; each end must come
   * as one final row.
   */
  brief(o: { perSecond: number; afterMs: number }): Promise<void>;
  stopBrief(): Promise<void>;
}

/** Real containers (runc), each with namespaces of its own and no bind mount of its network namespace anywhere. */
export interface ContainerLoad {
  /** Starts one with so many connections; resolves when they are made. */
  start(o: { connections: number }): Promise<void>;
  /** SIGTERM to the oldest; resolves when it is gone. */
  stopOldest(): Promise<void>;
}

export interface Subject {
  /** Starts it and waits until it is ready. */
  start(): Promise<void>;
  /** SIGTERM, waits for its exit. Ordered: not a restart. */
  stop(): Promise<void>;
  kill(signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void>;
  /**
   * Waits until the metric behind a series of its description (`subject.rowsInSpool`) is at most so much. Resolves at once where the
   * description has no such metric; rejects when it takes longer.
   */
  until(o: { series: string; most: number; limitSeconds: number }): Promise<void>;
}

export interface StepContext {
  readonly settings: Readonly<Record<string, SettingValue>>;
  readonly durationSeconds: number;
  readonly seed: number;
  readonly slowdown: number;
  readonly signal: AbortSignal;
  /** Where {@link Scenario.services} are for those in the target: the values of the placeholders. */
  readonly services: Readonly<Record<string, string>>;
  readonly load: Load;
  readonly containers: ContainerLoad;
  readonly subject: Subject;
  /** What the plan holds of the scenario's `faults`. */
  readonly faults: readonly FaultName[];
  /**
   * Injects a fault that the scenario named in `faults`, waits until it took effect, lets it last so long, recovers and waits until all is
   * well again. Rejects when one of the two never comes.
   */
  fault(name: FaultName, seconds: number): Promise<void>;
  /** Stores a sample of series of the scenario's own, with the unit last (`tc.stalePairs`, `net.receivedBytesPerSecond`). */
  sample(values: Readonly<Record<string, number>>): Promise<void>;
  /** Opens the measured phase. Ceilings, cadence and completeness hold from here to {@link endMeasure}. */
  beginMeasure(): Promise<void>;
  endMeasure(): Promise<void>;
  /** Runs `body` inside a named window of the series. */
  window<T>(name: string, body: () => Promise<T>): Promise<T>;
  /** Waits, ends early when the run is interrupted. */
  sleep(seconds: number): Promise<void>;
  note(text: string): void;
  /** Tells a violation of an invariant of form ceiling with maximum 0, in words. Whoever tells it records the figure too. */
  offend(invariant: string, detail: string): void;
}

export interface Step {
  readonly name: string;
  /** Seconds that it takes, on a target as fast as this machine, for what a setting counts (rounds, sweeps) and the duration does not bound. */
  readonly allowanceSeconds?: (settings: StepContext['settings']) => number;
  readonly run: (context: StepContext) => Promise<void>;
}

export interface Setting {
  readonly default: SettingValue;
  /** What it is, with its unit. */
  readonly help: string;
  /** Value on a slow target (TCG) unless `--set` says otherwise. */
  readonly whenSlow?: SettingValue;
}

export interface Scenario {
  readonly name: string;
  /** One or two sentences: load, fault, what must hold. */
  readonly story: string;
  readonly targets: readonly TargetKind[];
  readonly settings: Readonly<Record<string, Setting>>;
  readonly holds: (context: PlanContext) => readonly Invariant[];
  readonly reaches: (context: PlanContext) => readonly Requirement[];
  /**
   * Options of the subject that it needs, by the names of its description (`closed-rows`); a subject that lacks one is refused when planning.
   */
  readonly needs?: readonly string[];
  /**
   * What runs beside the target: a broker with a topic of the run's own, a database with the collector's schema, which reads that topic
   * when there are both. A subject is told of them by the placeholders {kafka} {topic} {clickhouse} {database} {table}.
   */
  readonly services?: readonly ServiceName[];
  /** What it breaks on purpose. Each must take effect, or the run is `unknown`; one that the target lacks is refused when planning. */
  readonly faults?: (context: PlanContext) => readonly FaultName[];
  readonly steps: readonly Step[];
}

/** Checks the shape at compile time and gives editors the types. */
export function scenario(description: Scenario): Scenario {
  return description;
}
