/**
 * Takes samples in rounds. In each round every row gets one process for each side, the sides one right after the other and taking
 * turns at being first, so that whatever the machine does meanwhile it does to both. The processes of a few rows live at the same time and work
 * in slices, never two at once: each sample is then of seconds, though it takes tenths of one. The first round rehearses: it warms caches.
 */
import { Baton } from './baton.js';
import { METRIC_NAMES, type MetricName, type Row, rowId, type Sample } from './benchmark.js';
import { benchFile } from './discover.js';
import type { RowSamples } from './result.js';
import type { Answer, Order } from './sampler.js';

export interface Side {
  /** The tree: its `dist/` is measured. */
  readonly root: string;
  /** A regression to plant on this side: in this row, so large a share of each call. */
  readonly planted?: { readonly row: string; readonly share: number };
}

/** Of how many rows the processes live at the same time. */
const ROWS_AT_ONCE = 4;

export interface Turn {
  readonly round: number;
  readonly row: number;
  readonly side: number;
  /** Bytes of environment, the same for both sides of a pair. */
  readonly padding: number;
}

/** The order of `rounds` counted rounds after the warm-up round 0. */
export function schedule(rows: number, sides: number, rounds: number): Turn[] {
  const turns: Turn[] = [];
  for (let round = 0; round <= rounds; round++) {
    for (let i = 0; i < rows; i++) {
      // Each round starts elsewhere, so that no row always follows the same neighbour at the same distance from the start.
      const row = (i + round * 7) % rows;
      const order = Array.from({ length: sides }, (_, side) => ((round + row) % 2 === 0 ? side : sides - 1 - side));
      for (const side of order) turns.push({ round, row, side, padding: (round * 613 + row * 97) % 4096 });
    }
  }
  return turns;
}

export interface Measured {
  /** For each side the rows that gave every sample. */
  readonly sides: readonly (readonly RowSamples[])[];
  readonly failed: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * @param ask starts a sampler, and awaits the function that it is given whenever that rests
 * @param onTurn called before each process, for the live line
 */
export async function measure(
  rows: readonly Row[],
  sides: readonly Side[],
  rounds: number,
  ask: (order: Order, padding: number, turn: () => Promise<void>) => Promise<Answer>,
  onTurn: (done: number, of: number, row: Row) => void,
): Promise<Measured> {
  const taken = sides.map(() => rows.map((): Sample[] => []));
  const traced = sides.map(() => rows.map((): Sample | undefined => undefined));
  const failed = new Map<number, string>();
  const warnings = new Map<string, number>();
  const turns = schedule(rows.length, sides.length, rounds);
  const baton = new Baton();
  const nextTurn = (): Promise<void> => {
    baton.pass();
    return baton.take();
  };
  let begun = 0;
  const take = async (turn: Turn): Promise<void> => {
    await baton.take();
    try {
      const row = rows[turn.row] as Row;
      const done = begun++;
      if (failed.has(turn.row)) return;
      onTurn(done, turns.length, row);
      const { root, planted } = sides[turn.side] as Side;
      const slowdown = planted?.row === rowId(row) ? { slowdown: planted.share } : {};
      const order: Order = { kind: 'sample', file: benchFile(root, row.suite), name: row.name, rehearse: turn.round === 0, ...slowdown };
      const answer = await ask(order, turn.padding, nextTurn);
      if (answer.kind !== 'sample') {
        const why = answer.kind === 'failed' ? answer.message : 'not there';
        failed.set(turn.row, `${rowId(row)}: ${sides.length > 1 ? `on the ${turn.side === 0 ? 'old' : 'new'} side: ` : ''}${why}`);
        return;
      }
      for (const warning of answer.sample.warnings) {
        const text = `${rowId(row)}: ${warning}`;
        warnings.set(text, (warnings.get(text) ?? 0) + 1);
      }
      if (turn.round > 0) taken[turn.side]?.[turn.row]?.push(answer.sample);
      else (traced[turn.side] as (Sample | undefined)[])[turn.row] = answer.sample;
    } finally {
      baton.pass();
    }
  };
  const atOnce = ROWS_AT_ONCE * sides.length;
  for (let from = 0; from < turns.length; from += atOnce) {
    const ends = await Promise.allSettled(turns.slice(from, from + atOnce).map(take));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }
  const good = rows.map((_, i) => i).filter((i) => !failed.has(i));
  return {
    sides: sides.map((_, side) => good.map((i) => gather(rows[i] as Row, taken[side]?.[i] ?? [], traced[side]?.[i]))),
    failed: [...failed.values()],
    warnings: [...warnings].map(([text, count]) => (count > 1 ? `${text} (${count} times)` : text)),
  };
}

/** Samples of one row by metric. Only what the counted processes do not measure is taken from the warm-up one: system calls. */
function gather(row: Row, samples: readonly Sample[], warmUp: Sample | undefined): RowSamples {
  const metrics: Partial<Record<MetricName, readonly number[]>> = {};
  for (const name of METRIC_NAMES) {
    const values = samples.flatMap(({ metrics }) => metrics[name] ?? []);
    if (values.length > 0) metrics[name] = values;
  }
  if (warmUp?.metrics.syscalls !== undefined) metrics.syscalls = [warmUp.metrics.syscalls];
  return { ...row, metrics };
}
