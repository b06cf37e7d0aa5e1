/**
 * The record that ends a poll (collector/polls.ts), as it stands in the topic and as the table has it. Its values make a print too, so that the
 * table's answers are held against it like rows.
 */
import { crc32 } from 'node:zlib';

export interface PollRecord {
  /** As its rows have it. */
  readonly poll: string;
  readonly rows: number;
  readonly durationSeconds: number;
  /** Of all its values. */
  readonly print: number;
}

/** Columns of the table, all of them; a key that a record leaves out has their default, 0. */
export const RECORD_COLUMNS = [
  'kind',
  'hostname',
  'poll_id',
  'duration_seconds',
  'rows',
  'namespaces',
  'interrupted',
  'skipped',
  'gone',
  'sampled_out',
] as const;

/** A record is of no socket, and the only one of its poll. */
export const RECORD_ENTRY = { netns: 0, cookie: 0 } as const;

export type RecordValues = Readonly<Partial<Record<(typeof RECORD_COLUMNS)[number], string | number>>>;

/** @throws Error on a line that is no record */
export function recordOf(line: string): PollRecord {
  const values = JSON.parse(line) as RecordValues;
  const { poll_id, rows, duration_seconds } = values;
  if (typeof poll_id !== 'string' || typeof rows !== 'number' || typeof duration_seconds !== 'number')
    throw new Error(`no record of a poll: ${line.slice(0, 200)}`);
  return { poll: poll_id, rows, durationSeconds: duration_seconds, print: recordPrint(values) };
}

/** The same number for the same values, whether they come as text or as numbers. */
export function recordPrint(values: RecordValues): number {
  const of = (column: (typeof RECORD_COLUMNS)[number]): string | number => {
    const value = values[column] ?? 0;
    // A database may read the last digit of a double otherwise; the clock counts nanoseconds.
    return column === 'duration_seconds' ? Math.round(Number(value) * 1e9) : value;
  };
  return crc32(RECORD_COLUMNS.map(of).join('\t'));
}

export function namedRecord({ poll }: { readonly poll: string }): string {
  return `the record of poll ${poll}`;
}
