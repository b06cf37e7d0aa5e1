/** What lies behind every picture of a run: its stages, windows and faults as spans, what befell the subject as moments. */
import type { RunEvent, Stored } from '../harness/facts/events.js';
import type { SubjectExit, Verdict } from '../harness/facts/verdict.js';
import { moment } from '../harness/verdict/quantity.js';

export interface Stretch {
  readonly kind: 'stage' | 'mark' | 'fault' | 'subject';
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

export interface Instant {
  readonly kind: 'restart' | 'ordered' | 'infra';
  readonly label: string;
  readonly at: number;
}

export interface Backdrop {
  /** The shared time axis, in seconds since the run began. */
  readonly from: number;
  readonly to: number;
  readonly stretches: readonly Stretch[];
  readonly instants: readonly Instant[];
}

export function backdropOf(events: readonly Stored<RunEvent>[], lastFact: number, verdict: Verdict): Backdrop {
  const to = Math.max(lastFact, 1);
  const open = new Map<string, Stretch>();
  const stretches: Stretch[] = [];
  const begin = (kind: Stretch['kind'], name: string, from: number): void => {
    if (!open.has(`${kind} ${name}`)) open.set(`${kind} ${name}`, { kind, name, from, to });
  };
  const end = (kind: Stretch['kind'], name: string, at: number): void => {
    const stretch = open.get(`${kind} ${name}`);
    if (stretch) stretches.push({ ...stretch, to: at });
    open.delete(`${kind} ${name}`);
  };
  for (const event of events) {
    if (event.kind === 'stage') (event.state === 'begin' ? begin : end)('stage', event.stage, event.at);
    else if (event.kind === 'mark') (event.state === 'begin' ? begin : end)('mark', event.name, event.at);
    else if (event.kind === 'fault')
      (event.state === 'inject' ? begin : event.state === 'recovered' || event.state === 'failed' ? end : ignore)(
        'fault',
        event.name,
        event.at,
      );
    else if (event.kind === 'subject-start') begin('subject', `start ${event.start}`, event.at);
    else if (event.kind === 'subject-exit') end('subject', `start ${event.start}`, event.at);
  }
  stretches.push(...open.values());
  stretches.sort((a, b) => a.from - b.from || a.to - b.to);
  return { from: 0, to, stretches, instants: [...verdict.subject.exits.map(instantOf), ...brokenAt(events)] };
}

function ignore(): void {}

function instantOf(exit: SubjectExit): Instant {
  return { kind: exit.ordered ? 'ordered' : 'restart', at: exit.atSeconds, label: `${exitWords(exit)} at ${moment(exit.atSeconds)}` };
}

/** `killed by SIGSEGV`, `exit 0`, `replaced itself`. */
export function exitWords(exit: SubjectExit): string {
  switch (exit.cause) {
    case 'exit':
      return `exit ${exit.code ?? 'unknown'}`;
    case 'signal':
      return `ended by ${exit.signal}`;
    case 'replaced':
      return 'replaced itself';
  }
}

function brokenAt(events: readonly Stored<RunEvent>[]): Instant[] {
  return events.flatMap((event): Instant[] => {
    if (event.kind === 'load-exit' && !event.ordered)
      return [{ kind: 'infra', at: event.at, label: `the load ended at ${moment(event.at)}` }];
    if (event.kind === 'error' && event.owner !== 'product')
      return [{ kind: 'infra', at: event.at, label: `${event.message} at ${moment(event.at)}` }];
    return [];
  });
}
