/**
 * Restarts that the plan did not order, from witnesses that read no text: exit statuses, the supervisor's starts, and a program
 * image or start time that changed under the same pid. A subject that died and never came back counts as well. An exit by a
 * signal that only a crash raises is a crash even if the plan had just ordered an end: nobody orders SIGSEGV.
 */
import type { RunEvent, Stored } from '../facts/events.js';
import type { SubjectExit } from '../facts/verdict.js';
import { moment } from './quantity.js';

export interface SubjectHistory {
  readonly starts: number;
  readonly exits: readonly SubjectExit[];
  /** Each unordered restart, in order, in words: `SIGSEGV at 12 s`. */
  readonly restarts: readonly { readonly at: number; readonly words: string }[];
}

const CRASH_SIGNALS: ReadonlySet<string> = new Set(['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGTRAP', 'SIGSYS']);
/** Several witnesses may tell of one execve; the slower one is the metric, scraped every few seconds. */
const SAME_REPLACEMENT_SECONDS = 15;

export function subjectHistory(events: readonly Stored<RunEvent>[]): SubjectHistory {
  let starts = 0;
  const exits: SubjectExit[] = [];
  const restarts: { at: number; words: string }[] = [];
  for (const event of events) {
    if (event.kind === 'subject-start') {
      const skipped = event.start - starts - 1;
      starts = Math.max(starts, event.start);
      const explained = exits.some((exit) => exit.start === event.start - 1 && exit.cause !== 'replaced');
      // Without its exit (a fact that was lost, or a supervisor other than ours) the start itself is the witness.
      if (!event.ordered && event.start > 1 && !explained)
        restarts.push({ at: event.at, words: `start ${event.start} at ${moment(event.at)}` });
      else if (skipped > 0) restarts.push({ at: event.at, words: `${skipped} starts unseen before ${moment(event.at)}` });
    } else if (event.kind === 'subject-exit') {
      const crashed = event.signal !== null && CRASH_SIGNALS.has(event.signal);
      const ordered = event.ordered && !crashed;
      exits.push({
        start: event.start,
        cause: event.signal === null ? 'exit' : 'signal',
        code: event.code,
        signal: event.signal,
        ordered,
        atSeconds: event.at,
      });
      if (!ordered) restarts.push({ at: event.at, words: `${event.signal ?? `exit ${event.code}`} at ${moment(event.at)}` });
    } else if (event.kind === 'subject-replaced') {
      const last = exits.findLast((exit) => exit.cause === 'replaced' && exit.start === event.start);
      if (last && event.at - last.atSeconds < SAME_REPLACEMENT_SECONDS) continue;
      exits.push({ start: event.start, cause: 'replaced', code: null, signal: null, ordered: false, atSeconds: event.at });
      restarts.push({ at: event.at, words: `replaced itself at ${moment(event.at)}` });
    }
  }
  return { starts, exits, restarts };
}
