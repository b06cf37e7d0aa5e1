/**
 * What conductor and agent say to each other: one JSON object a line, over a virtio-serial port (vm) or a
 * Unix socket (host). The agent speaks first (`hello`), beats once a second, and ends with `bye`.
 */
import type { RunEvent, SeriesPoint } from '../facts/events.js';
import type { OutsideFaultName } from '../facts/faults.js';
import type { Invariant, SettingValue } from '../facts/plan.js';
import type { SubjectDescription } from '../subject.js';

/** The work of one run, as the agent needs it. */
export interface Work {
  /** Name of the run's cgroup, unique on this machine. */
  readonly cgroup: string;
  /** Compiled scenario module, same path inside and outside the target. */
  readonly scenarioFile: string;
  readonly settings: Readonly<Record<string, SettingValue>>;
  readonly durationSeconds: number;
  readonly seed: number;
  readonly slowdown: number;
  readonly subject: SubjectDescription;
  readonly invariants: readonly Invariant[];
  readonly faults: readonly string[];
  /** Absolute paths of the load generator, of what runs in its containers, and of the row relay. */
  readonly programs: { readonly load: string; readonly contained: string; readonly relay: string };
  readonly project: string;
  /** More placeholders of the subject's description: where services beside the target are for those in it. */
  readonly services: Readonly<Record<string, string>>;
  readonly profile: boolean;
}

export type ToAgent =
  | { readonly cmd: 'run'; readonly work: Work }
  | { readonly cmd: 'interrupt'; readonly reason: string }
  /** For how long the machine outside kept the target from running, in all. */
  | { readonly cmd: 'starved'; readonly seconds: number }
  /** Something for one of the shells of `netsoak shell RUN`. */
  | { readonly cmd: 'shell'; readonly shell: number; readonly say: ToShell }
  /** The answer to `fault`: it has recovered, or why not. */
  | { readonly cmd: 'fault-over'; readonly call: number; readonly error?: string };

/** What is said to a shell in the target; bytes in base64. */
export type ToShell =
  | {
      readonly open: {
        /** What it is to run; its output comes as one stream. */
        readonly commands?: string;
        /** It is one for people, on a terminal like this. */
        readonly terminal?: { readonly rows: number; readonly columns: number; readonly term: string };
      };
    }
  | { readonly data: string }
  | { readonly size: readonly [rows: number, columns: number] }
  /** The last piece of its output has been read: the next may come. */
  | { readonly taken: true }
  | { readonly close: true };

export type FromShell = { readonly data: string } | { readonly exit: number };

export type FromAgent =
  | { readonly hello: Hello }
  /** Milliseconds of {@link calibrate}, to compare with the machine outside. Comes soon after `hello`. */
  | { readonly calibrationMs: number }
  | { readonly event: RunEvent }
  | { readonly series: SeriesPoint['v'] }
  | { readonly beat: number }
  /** A file for the run directory, as gzip in base64. */
  | { readonly file: { readonly kind: 'profiles' | 'evidence'; readonly name: string; readonly gzip: string } }
  /** Asks the conductor to run a fault of what is outside through its phases. */
  | { readonly fault: { readonly call: number; readonly name: OutsideFaultName; readonly seconds: number } }
  | { readonly shell: number; readonly say: FromShell }
  /** Everything is stopped; nothing follows. */
  | { readonly bye: { readonly finished: boolean } };

export interface Hello {
  readonly kernel: string;
  readonly node: string;
}

/** Tries go on so long, or so often. Emulated, V8's own compiler needs a few hundred milliseconds before it helps. */
const CALIBRATION_MS = 500;
const CALIBRATION_TRIES = 60;
/** However long they take: on a machine whose cores are wanted by others the first tries say nothing. */
const LEAST_TRIES = 10;

/**
 * Milliseconds of a fixed piece of JavaScript work, the least of several tries: the first ones pay for compiling it.
 * Inside over outside is how much slower the target is.
 */
export function calibrate(): number {
  const began = performance.now();
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < LEAST_TRIES || (i < CALIBRATION_TRIES && performance.now() - began < CALIBRATION_MS); i++) {
    const from = performance.now();
    work();
    least = Math.min(least, performance.now() - from);
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
