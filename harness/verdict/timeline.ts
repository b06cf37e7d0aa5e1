/**
 * What the events say about time: the measured phase, named windows, when the subject was down by order, and from when on nothing
 * can be held against the product because the stage it stood on had broken. The store may end anywhere; whatever is missing is
 * told by `closed` and `ended`, never guessed.
 */
import type { RunEvent, SeriesPoint, Stage, Stored } from '../facts/events.js';

export interface Span {
  readonly from: number;
  readonly to: number;
  /** Whether its end is stored; if not, `to` is the last fact of the run. */
  readonly closed: boolean;
}

export type EventOf<K extends RunEvent['kind']> = Stored<Extract<RunEvent, { kind: K }>>;

export interface Timeline {
  readonly measure: Span | null;
  /** Windows by the name of their mark; a name may have several. */
  readonly windows: ReadonlyMap<string, readonly Span[]>;
  readonly interrupted: EventOf<'interrupted'> | null;
  /** Whether `run-end` is stored. */
  readonly ended: boolean;
  /** From here on violations are not the product's: load killed, target lost, judge gone, an error of the infrastructure. Infinity if never. */
  readonly trustedUntil: number;
  /** First unordered end of the target. */
  readonly targetLost: EventOf<'target'> | null;
  /** Between an exit that the plan ordered and the next start, and from a fault's injection until it recovered, the subject may fall silent. */
  readonly orderedDowntimes: readonly Span[];
  readonly lastFact: number;
}

export function eventsOf<K extends RunEvent['kind']>(events: readonly Stored<RunEvent>[], kind: K): EventOf<K>[] {
  return events.filter((event): event is EventOf<K> => event.kind === kind);
}

/** When the subject was started, each time. */
export function startsOf(events: readonly Stored<RunEvent>[]): number[] {
  return eventsOf(events, 'subject-start').map(({ at }) => at);
}

export function timelineOf(events: readonly Stored<RunEvent>[], series: readonly SeriesPoint[]): Timeline {
  let lastFact = 0;
  for (const { at } of events) lastFact = Math.max(lastFact, at);
  for (const { at } of series) lastFact = Math.max(lastFact, at);
  const targetLost = findLostTarget(events);
  const broken = [
    targetLost,
    events.find((event) => event.kind === 'load-exit' && !event.ordered),
    events.find((event) => event.kind === 'error' && (event.owner === 'infra' || event.code.startsWith('judge-'))),
  ];
  return {
    measure: spanOfStage(events, 'measure', lastFact),
    windows: windowsOf(events, lastFact),
    interrupted: eventsOf(events, 'interrupted')[0] ?? null,
    ended: events.some((event) => event.kind === 'run-end'),
    trustedUntil: Math.min(...broken.map(cameAbout)),
    targetLost,
    orderedDowntimes: downtimesOf(events, lastFact),
    lastFact,
  };
}

function cameAbout(event: Stored<RunEvent> | null | undefined): number {
  if (!event) return Number.POSITIVE_INFINITY;
  return event.kind === 'error' ? event.at - (event.ageSeconds ?? 0) : event.at;
}

function spanOfStage(events: readonly Stored<RunEvent>[], stage: Stage, lastFact: number): Span | null {
  const mine = eventsOf(events, 'stage').filter((event) => event.stage === stage);
  const from = mine.find((event) => event.state === 'begin')?.at;
  if (from === undefined) return null;
  const to = mine.findLast((event) => event.state === 'end' && event.at >= from)?.at;
  return { from, to: to ?? Math.max(from, lastFact), closed: to !== undefined };
}

function windowsOf(events: readonly Stored<RunEvent>[], lastFact: number): Map<string, Span[]> {
  const windows = new Map<string, Span[]>();
  const open = new Map<string, number>();
  const add = (name: string, span: Span): void => {
    windows.set(name, [...(windows.get(name) ?? []), span]);
  };
  for (const mark of eventsOf(events, 'mark')) {
    const from = open.get(mark.name);
    if (mark.state === 'begin') {
      if (from === undefined) open.set(mark.name, mark.at);
    } else if (from !== undefined) {
      open.delete(mark.name);
      add(mark.name, { from, to: mark.at, closed: true });
    }
  }
  for (const [name, from] of open) add(name, { from, to: Math.max(from, lastFact), closed: false });
  return windows;
}

/** A target that goes down is lost unless the run was being wound up: healed, shutting down, or interrupted. */
function findLostTarget(events: readonly Stored<RunEvent>[]): EventOf<'target'> | null {
  for (const event of events) {
    if (event.kind === 'interrupted' || event.kind === 'run-end') return null;
    if (event.kind === 'stage' && (event.stage === 'shutdown' || (event.stage === 'heal' && event.state === 'end'))) return null;
    if (event.kind === 'target' && event.state === 'down') return event;
  }
  return null;
}

function downtimesOf(events: readonly Stored<RunEvent>[], lastFact: number): Span[] {
  const downtimes: Span[] = [];
  let down: number | undefined;
  for (const event of events) {
    if (event.kind === 'subject-exit' && event.ordered) down ??= event.at;
    else if (event.kind === 'subject-start' && down !== undefined) {
      downtimes.push({ from: down, to: event.at, closed: true });
      down = undefined;
    }
  }
  if (down !== undefined) downtimes.push({ from: down, to: Math.max(down, lastFact), closed: false });
  return merged([...downtimes, ...faultSpans(events, lastFact)]);
}

function faultSpans(events: readonly Stored<RunEvent>[], lastFact: number): Span[] {
  const spans: Span[] = [];
  const open = new Map<string, number>();
  for (const { name, state, at } of eventsOf(events, 'fault')) {
    if (state === 'inject') open.set(name, at);
    const from = open.get(name);
    if (from === undefined || (state !== 'recovered' && state !== 'failed')) continue;
    open.delete(name);
    spans.push({ from, to: at, closed: true });
  }
  for (const from of open.values()) spans.push({ from, to: Math.max(from, lastFact), closed: false });
  return spans;
}

/** Spans that overlap become one, so that no second is forgiven twice. */
function merged(spans: readonly Span[]): Span[] {
  const out: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    const last = out.at(-1);
    if (last && span.from <= last.to)
      out[out.length - 1] = { from: last.from, to: Math.max(last.to, span.to), closed: last.closed && span.closed };
    else out.push(span);
  }
  return out;
}
