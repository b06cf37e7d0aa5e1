/** One line of the table of figures: what was measured, what it must reach, and whether it does. Pure. */
import { align } from '../bench/text.js';

/** What is promised of the collector. `most`: the measured value must not be above it. */
export interface Requirement {
  /** Short, for `--only`. */
  readonly name: string;
  readonly what: string;
  readonly most: number;
  readonly unit: Unit;
}

export type Unit = 'ratio' | 'threads' | 'MB' | 'exponent' | 'ms' | 'sockets missing' | 'polls late';

export const FIGURES = [
  { name: 'cpu-over-floor', what: 'CPU a poll of 40,000 sockets, over a C program that only receives', most: 1.2, unit: 'ratio' },
  { name: 'cpu-over-ss', what: 'CPU a poll of 40,000 sockets, over `ss -tinmoeHa`', most: 0.28, unit: 'ratio' },
  { name: 'wall-over-floor', what: 'wall time to poll 1,000 namespaces x 10 sockets by two workers, over one thread of the C program', most: 0.6, unit: 'ratio' }, // biome-ignore format: one line a promise
  { name: 'threads', what: 'OS threads at 10 namespaces', most: 16, unit: 'threads' },
  { name: 'threads-added', what: 'OS threads added by 10,000 namespaces', most: 0, unit: 'threads' },
  { name: 'rss', what: 'RSS while 40,000 sockets are polled', most: 100, unit: 'MB' },
  { name: 'rss-added', what: 'RSS added by 10,000 namespaces', most: 15, unit: 'MB' },
  { name: 'slope', what: 'CPU a poll against sockets, 1,000 to 40,000, slope on log-log axes', most: 1.05, unit: 'exponent' },
  { name: 'loop-delay', what: 'event-loop delay of JavaScript while 40,000 sockets are polled, p99', most: 10, unit: 'ms' },
  { name: 'closed', what: 'connections of 1 ms at 500 a second for 30 s, without a row that holds their final tcp_info', most: 0, unit: 'sockets missing' }, // biome-ignore format: one line a promise
  { name: 'new-namespace', what: 'polls (interval 1 s) that a new bind-mounted namespace waits beyond the next for its first row', most: 0, unit: 'polls late' }, // biome-ignore format: one line a promise
] as const satisfies readonly Requirement[];

export type FigureName = (typeof FIGURES)[number]['name'];

export interface Measurement {
  readonly value: number;
  /** 95 % interval of the median, where it is one. */
  readonly interval?: readonly [low: number, high: number];
  /** Absolute values behind a ratio, counts behind a zero. */
  readonly detail: string;
  /** Why it says nothing: then it is neither kept nor broken. */
  readonly vacuous?: string;
  /** What may have made it worse than it is: kept stands, missed does not. */
  readonly disturbed?: string;
}

export type Measurements = Readonly<Partial<Record<FigureName, Measurement>>>;

export type Kept = 'kept' | 'missed' | 'unknown';

export function judgeFigure({ most }: Requirement, measured: Measurement | undefined): Kept {
  if (measured === undefined || measured.vacuous !== undefined || !Number.isFinite(measured.value)) return 'unknown';
  if (measured.value <= most) return 'kept';
  return measured.disturbed === undefined ? 'missed' : 'unknown';
}

const UNITS: Readonly<Record<Unit, { readonly suffix: string; readonly digits: number }>> = {
  ratio: { suffix: '', digits: 3 },
  threads: { suffix: '', digits: 0 },
  MB: { suffix: ' MB', digits: 1 },
  exponent: { suffix: '', digits: 3 },
  ms: { suffix: ' ms', digits: 2 },
  'sockets missing': { suffix: ' missing', digits: 0 },
  'polls late': { suffix: ' late', digits: 0 },
};

export function show(value: number, unit: Unit): string {
  const { suffix, digits } = UNITS[unit];
  return `${value.toFixed(digits)}${suffix}`;
}

/** @param mark colours a verdict */
export function figuresTable(
  asked: readonly FigureName[],
  measured: Measurements,
  mark: (kept: Kept, text: string) => string = (_, text) => text,
): string {
  const lines = FIGURES.filter(({ name }) => asked.includes(name)).map((figure) => {
    const found = measured[figure.name];
    const kept = judgeFigure(figure, found);
    const interval = found?.interval?.map((end) => show(end, figure.unit)).join(' to ');
    return [
      `${kept.toUpperCase().padEnd(7)} ${figure.name}`,
      `at most ${show(figure.most, figure.unit)}`,
      found === undefined || Number.isNaN(found.value) ? '-' : show(found.value, figure.unit),
      interval === undefined ? '' : `(${interval})`,
      found?.vacuous ?? [found?.detail ?? 'not measured', kept === 'unknown' ? found?.disturbed : undefined].filter(Boolean).join('; '),
    ];
  });
  const table = align([['        figure', 'required', 'measured', '', ''], ...lines]);
  // Marks of a terminal take no room, but align() would count them.
  return table.replace(/^(KEPT|MISSED|UNKNOWN)/gm, (word) => mark(word.toLowerCase() as Kept, word));
}
