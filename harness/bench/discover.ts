/** Finds the benchmarks of a built tree: every `*.bench.js` in dist/ whose source still stands beside the code it measures. */
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Row } from './benchmark.js';
import { rowId } from './benchmark.js';
import type { Answer, Order } from './sampler.js';

export interface Discovered {
  readonly rows: readonly Row[];
  /** What will not be measured, with why. */
  readonly skipped: readonly string[];
}

const SUFFIX = '.bench.js';

/** Suites of the tree at `root`, sorted: `native/decode` for dist/native/decode.bench.js. */
export function suitesOf(root: string): string[] {
  const dist = join(root, 'dist');
  if (!existsSync(dist)) return [];
  return readdirSync(dist, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(SUFFIX))
    .map((entry) => relative(dist, join(entry.parentPath, entry.name)).slice(0, -SUFFIX.length))
    .filter((suite) => existsSync(join(root, `${suite}.bench.ts`)))
    .sort();
}

export function benchFile(root: string, suite: string): string {
  return join(root, 'dist', `${suite}${SUFFIX}`);
}

/**
 * All rows of the tree at `root` that can be measured here. A file that cannot be loaded is skipped with its reason.
 * @param ask starts a sampler
 */
export async function discover(root: string, ask: (order: Order) => Promise<Answer>): Promise<Discovered> {
  const rows: Row[] = [];
  const skipped: string[] = [];
  for (const suite of suitesOf(root)) {
    const answer = await ask({ kind: 'list', file: benchFile(root, suite), suite });
    if (answer.kind !== 'rows') {
      skipped.push(`${suite}: ${answer.kind === 'failed' ? answer.message : answer.kind}`);
      continue;
    }
    for (const { unavailable, ...row } of answer.rows) {
      if (unavailable === undefined) rows.push(row);
      else skipped.push(`${rowId(row)}: ${unavailable}`);
    }
  }
  return { rows, skipped };
}
