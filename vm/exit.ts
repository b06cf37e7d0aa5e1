/**
 * How a guest ended, told from what was seen outside. Pure: qemu.ts gathers the witnesses, this weighs them.
 * No text of the guest decides between good and bad, except the status of its command, which only text can carry.
 */
import type { QmpEvent } from './qmp.js';

export type VmExit = {
  /** For people: what happened, with the guest's own last words where they matter. */
  readonly sentence: string;
} & (
  | {
      readonly kind: 'powered-off';
      /** Exit status of the command (128 + n when signal n ended it), null when something else switched the guest off. */
      readonly status: number | null;
    }
  /** The guest gave up before it was complete. */
  | { readonly kind: 'boot-failed'; readonly reason: string }
  | { readonly kind: 'panic'; readonly console: readonly string[] }
  /** Its kernel runs nobody any more: the watchdog was not fed. */
  | { readonly kind: 'hang'; readonly console: readonly string[] }
  /** QEMU ended by itself, or was killed by somebody else. */
  | { readonly kind: 'qemu-failed' }
  /** Ended by stop(), kill() or the abort signal. */
  | { readonly kind: 'killed' }
);

export interface Witnesses {
  /** All that QEMU told over QMP, in order. */
  readonly events: readonly QmpEvent[];
  /** Set when we ended it: who asked. */
  readonly endedBy?: 'kill' | 'stop' | 'abort' | 'watchdog' | 'panic' | undefined;
  readonly code: number | null;
  readonly signal: string | null;
  readonly stderr: string;
  /** The end of the console log. */
  readonly console: string;
}

/** Lines of the console worth showing. */
const TAIL = 30;

export function exitOf(seen: Witnesses): VmExit {
  const lines = consoleLines(seen.console);
  const told = (event: string) => seen.events.some((e) => e.event === event);
  if (told('GUEST_PANICKED') || seen.endedBy === 'panic') return panic(lines);
  if (told('WATCHDOG') || seen.endedBy === 'watchdog') {
    return {
      kind: 'hang',
      console: lines.slice(-TAIL),
      sentence: `the guest hangs: its kernel fed the watchdog no more${lastWords(lines)}`,
    };
  }
  if (seen.endedBy !== undefined) return { kind: 'killed', sentence: `the guest was ended from outside${lastWords(lines)}` };
  const shutdown = seen.events.find((e) => e.event === 'SHUTDOWN')?.data;
  switch (shutdown?.reason) {
    case 'guest-shutdown':
      return poweredOff(lines);
    case 'guest-reset':
      // Nothing of ours restarts the guest; a kernel that dies too early for pvpanic does, and so does a triple fault.
      return panic(lines);
  }
  const how = seen.signal === null ? `ended with status ${seen.code}` : `was killed by ${seen.signal}`;
  const why = seen.stderr.trim().split('\n').at(-1);
  return { kind: 'qemu-failed', sentence: `QEMU ${how}${why ? `: ${why}` : lastWords(lines)}` };
}

function panic(lines: readonly string[]): VmExit {
  const at = lines.findIndex((line) => line.includes('Kernel panic - not syncing'));
  const cause = lines[at];
  const sentence = cause
    ? `the guest's kernel panicked: ${cause.replace(/^.*not syncing: /, '')}`
    : `the guest's kernel reset itself${lastWords(lines)}`;
  // An oops prints its trace before the panic, a panic after: both are wanted.
  const shown = at < 0 ? lines.slice(-TAIL) : lines.slice(Math.max(0, at - TAIL), at + TAIL);
  return { kind: 'panic', console: shown, sentence };
}

function poweredOff(lines: readonly string[]): VmExit {
  const failed = lines.findLast((line) => line.includes(`${MARK}boot failed: `));
  if (failed !== undefined) {
    const reason = failed.slice(failed.indexOf('boot failed: ') + 'boot failed: '.length);
    return { kind: 'boot-failed', reason, sentence: `the guest did not come up: ${reason}` };
  }
  const ended = lines.map((line) => /netsoak-guest: the command ended with status (\d+)$/.exec(line)?.[1]).findLast(Boolean);
  if (ended === undefined) return { kind: 'powered-off', status: null, sentence: `the guest switched itself off${lastWords(lines)}` };
  return { kind: 'powered-off', status: Number(ended), sentence: `the guest's command ended with status ${ended}` };
}

/** How init.sh marks its lines. */
const MARK = 'netsoak-guest: ';

/** Text of the console without terminal controls and the kernel's time stamps. */
export function consoleLines(text: string): string[] {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: a serial console is full of them
      .replace(/\x1b\[[0-9;?]*[A-Za-z]|\r/g, '')
      .split('\n')
      .map((line) => line.replace(/^\[ *\d+\.\d+\] /, '').trimEnd())
      .filter((line) => line !== '')
  );
}

/** A clause to follow a sentence. `lines` are those of {@link consoleLines}. */
export function lastWords(lines: readonly string[]): string {
  const last = lines.at(-1);
  return last === undefined ? '; it never said a word on its console' : `; the last line of its console: ${last}`;
}
