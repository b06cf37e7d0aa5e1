/** What a row costs from end to end, from the samples of a run that had services: a pure reading, judged by nobody. */
import type { Run } from './run.js';
import type { Reading } from './samples.js';

export interface CostLine {
  readonly who: 'daemon' | 'broker' | 'database';
  /** Of one core, per million rows that the daemon handed over; undefined where it was not measured. */
  readonly cpuSecondsPerMillion: number | undefined;
  readonly mostRssBytes: number | undefined;
  /** On the wire, in the topic, in the table. */
  readonly bytesARow: number | undefined;
}

export interface Cost {
  /** Rows that the daemon handed over in the measured phase. */
  readonly rows: number;
  readonly lines: readonly CostLine[];
}

/** Undefined for a run without services, or in which no row was handed over. */
export function costOf({ plan, columns, timeline: { measure } }: Run): Cost | undefined {
  if (plan.services === undefined || measure === null) return undefined;
  const of = (series: string): readonly Reading[] => (columns.get(series) ?? []).filter(({ at }) => at >= measure.from && at <= measure.to);
  const rows = risen(of('subject.rowsExported'));
  if (!rows) return undefined;
  const line = (who: CostLine['who'], series: string, bytes: number | undefined): CostLine => {
    const cpu = risen(of(`${series}.cpuSeconds`));
    return {
      who,
      cpuSecondsPerMillion: cpu === undefined ? undefined : (cpu / rows) * 1e6,
      mostRssBytes: most(of(`${series}.rssBytes`)),
      bytesARow: bytes === undefined || !Number.isFinite(bytes) ? undefined : bytes,
    };
  };
  const over = (bytes: number | undefined): number | undefined => (bytes === undefined ? undefined : bytes / rows);
  // The table may be behind the daemon: its bytes are held against its own rows.
  const [tableBytes, tableRows] = [last(of('clickhouse.tableBytes')), last(of('clickhouse.tableRows'))];
  return {
    rows,
    lines: [
      line('daemon', 'subject', over(risen(of('subject.exportedBytes')))),
      ...(plan.services.includes('kafka') ? [line('broker', 'kafka', over(risen(of('kafka.topicBytes'))))] : []),
      ...(plan.services.includes('clickhouse')
        ? [line('database', 'clickhouse', tableBytes === undefined || !tableRows ? undefined : tableBytes / tableRows)]
        : []),
    ],
  };
}

/** How far a counter rose, over its resets; undefined with less than two samples. */
function risen(readings: readonly Reading[]): number | undefined {
  const known = readings.flatMap(({ value }) => (value === null ? [] : [value]));
  if (known.length < 2) return undefined;
  return known.slice(1).reduce((sum, value, index) => {
    const before = known[index] as number;
    return sum + (value >= before ? value - before : value);
  }, 0);
}

function most(readings: readonly Reading[]): number | undefined {
  const known = readings.flatMap(({ value }) => (value === null ? [] : [value]));
  return known.length === 0 ? undefined : Math.max(...known);
}

function last(readings: readonly Reading[]): number | undefined {
  return readings.findLast(({ value }) => value !== null)?.value ?? undefined;
}
