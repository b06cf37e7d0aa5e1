/**
 * What a `*.bench.ts` file exports: `export const benchmarks: readonly Benchmark[]`. It takes this file's types alone (`import type`),
 * so that a benchmark beside the collector pulls no harness into it, and a revision from before the harness can be measured too.
 */

export type Benchmark = LoopBenchmark | ProgramBenchmark;

interface Named {
  /** Unique in its file; the file's path stands before it in every table. */
  readonly name: string;
  /** What the figures are for one of: `row`, `envelope`, `poll`. Default `call`. */
  readonly per?: string;
  /** Why it cannot run on this machine (`needs root`), or undefined. Asked once, before anything is measured. */
  unavailable?(): string | undefined;
}

/** A piece of code, called over and over by tinybench in a process of its own. Measured: wall time, CPU time, heap allocated. */
export interface LoopBenchmark extends Named {
  /** How many `per` one call does; figures are divided by it. A call of less than a microsecond measures the clock: do many in one. */
  readonly ops?: number;
  /** Builds what the call works on; not measured. */
  prepare(): PreparedCall | Promise<PreparedCall>;
}

export interface PreparedCall {
  /** A promise is awaited, which adds one microtask turn to each call. */
  call(): unknown;
  release?(): void | Promise<void>;
}

/** A whole program, watched from outside through /proc. Measured: CPU, RSS, context switches, system calls. */
export interface ProgramBenchmark extends Named {
  /** Starts the program and resolves when it is at work. It must not outlive `stop` or an abort. */
  start(signal: AbortSignal): Promise<StartedProgram>;
}

export interface StartedProgram {
  readonly pid: number;
  /** Seconds to let it settle before looking, and seconds to look. */
  readonly settleSeconds: number;
  readonly watchSeconds: number;
  /** How many `per` it has done since it started; the figures are for one. */
  done(): number | Promise<number>;
  stop(): Promise<void>;
}

export interface Metric {
  readonly unit: 'ns' | 'B' | '';
  readonly what: string;
  /** Judged metrics can be a regression; the others are shown beside them. Less is better for all. */
  readonly judged: boolean;
  /** Whether it is a figure for one `per`, or a level of the whole program. */
  readonly perOp: boolean;
}

export type MetricName = keyof typeof METRICS;

export const METRICS = {
  time: { unit: 'ns', what: 'wall time, median of the calls of one process', judged: true, perOp: true },
  alloc: { unit: 'B', what: 'bytes allocated on the JavaScript heap', judged: false, perOp: true },
  cpu: { unit: 'ns', what: 'CPU time of all threads', judged: true, perOp: true },
  rss: { unit: 'B', what: 'resident memory at the end', judged: true, perOp: false },
  switches: { unit: '', what: 'context switches of all threads', judged: false, perOp: true },
  syscalls: { unit: '', what: 'system calls, counted by strace in a process that is not timed', judged: false, perOp: true },
  threads: { unit: '', what: 'threads at the end', judged: false, perOp: false },
} as const satisfies Readonly<Record<string, Metric>>;

export const METRIC_NAMES = Object.keys(METRICS) as MetricName[];

/** What one process measured. */
export interface Sample {
  readonly metrics: Readonly<Partial<Record<MetricName, number>>>;
  readonly warnings: readonly string[];
}

/** A benchmark as discovery found it. */
export interface Row {
  /** Path of its file in the project, without `.bench.ts`: `native/decode`. */
  readonly suite: string;
  readonly name: string;
  readonly per: string;
}

export function rowId({ suite, name }: Pick<Row, 'suite' | 'name'>): string {
  return `${suite}: ${name}`;
}
