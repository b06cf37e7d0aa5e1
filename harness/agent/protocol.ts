/**
 * What conductor and agent say to each other: one JSON object a line, over a virtio-serial port (vm) or a
 * Unix socket (host). The agent speaks first (`hello`), beats once a second, and ends with `bye`.
 */
import type { RunEvent, SeriesPoint } from '../facts/events.js';
import type { Invariant, SettingValue } from '../facts/plan.js';
import type { SubjectDescription } from '../subject.js';

/** The work of one run, as the agent needs it. */
export interface Work {
  readonly runId: string;
  /** Compiled scenario module, same path inside and outside the target. */
  readonly scenarioFile: string;
  readonly settings: Readonly<Record<string, SettingValue>>;
  readonly durationSeconds: number;
  readonly seed: number;
  readonly slowdown: number;
  readonly subject: SubjectDescription;
  readonly invariants: readonly Invariant[];
  /** Absolute paths of the load generator and the row relay. */
  readonly programs: { readonly load: string; readonly relay: string };
  readonly project: string;
}

export type ToAgent = { readonly cmd: 'run'; readonly work: Work } | { readonly cmd: 'interrupt'; readonly reason: string };

export type FromAgent =
  | { readonly hello: Hello }
  | { readonly event: RunEvent }
  | { readonly series: SeriesPoint['v'] }
  | { readonly beat: number }
  /** Everything is stopped; nothing follows. */
  | { readonly bye: { readonly finished: boolean } };

export interface Hello {
  readonly kernel: string;
  readonly node: string;
  /** Milliseconds of {@link calibrate}, to compare with the machine outside. */
  readonly calibrationMs: number;
}

/**
 * Milliseconds of a fixed piece of JavaScript work, the least of several tries: under emulation the first ones pay
 * for compiling the code twice. Inside over outside is how much slower the target is.
 */
export function calibrate(): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 6; i++) {
    const from = process.hrtime.bigint();
    work();
    least = Math.min(least, Number(process.hrtime.bigint() - from) / 1e6);
  }
  return least;
}

function work(): void {
  let x = 1;
  const table = new Map<number, number>();
  for (let i = 0; i < 30_000; i++) {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0;
    table.set(x & 1023, i);
  }
}
