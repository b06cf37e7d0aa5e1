/** The scenario `pipeline` as a user runs it: green with the real subject, red with planted faults, and the report names rows. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { RunEvent } from '../facts/events.js';
import { mutantFile } from '../mutants.js';
import { it, type Runs } from '../soak.test-support.js';
import type { Tally } from './tally.js';

const SHORT = ['--target', 'host', '--duration', '40s'];

const stored = (runs: Runs, name: string): string => readFileSync(join(runs.latest(), name), 'utf8');

/** The last word of the books. */
function tally(runs: Runs): Tally {
  const events = stored(runs, 'events.ndjson')
    .split('\n')
    .filter((line) => line.includes('"kind":"books"'))
    .map((line) => JSON.parse(line) as Extract<RunEvent, { kind: 'books' }>);
  const last = events.at(-1);
  if (!last) throw new Error('no books were kept');
  // This version made it: all books were kept.
  return last.tally as Tally;
}

describe('netsoakd', () => {
  it('has every row in all four books', async ({ runs }) => {
    const { code, stderr } = await runs.run('run', 'pipeline', ...SHORT);
    expect(code, stderr).toBe(0);
    const { books, finals, records, lives, pending } = tally(runs);
    expect(pending).toBe(0);
    expect(books.table).toEqual(books.topic);
    expect(books.topic).toEqual(books.daemon);
    expect(books.daemon.rows).toBeGreaterThan(10_000);
    for (const line of [finals, records]) {
      expect(line.owed).toBeGreaterThan(0);
      expect(line.topic).toBeGreaterThanOrEqual(line.owed);
      expect(line.table).toBe(line.topic);
    }
    expect(lives).toEqual({ over: 1, unasked: 0, unknown: 0, missing: 0 });
    expect(stored(runs, 'report.html')).toContain('every poll of the measured phase is settled');
  });

  it.for(['broker-stopped', 'clickhouse-stopped', 'subject-killed'] as const)('loses nothing in %s', async (fault, { runs }) => {
    const { code, stderr } = await runs.run('run', 'pipeline', ...SHORT, '--set', `fault=${fault}`);
    expect(code, stderr).toBe(0);
    expect(tally(runs).pending).toBe(0);
  });
});

describe('a planted fault', () => {
  it.for([
    ['drop-one-in-10000', 'completeness', 'lost', /socket \d+ \([^)]*\) of \S+ is not in this poll/],
    ['duplicate-rows', 'books-duplicated', 'duplicated', /the row of socket \d+ in namespace \d+ stands in the topic twice/],
    ['swapped-addresses', 'addresses', 'changed', /socket \d+ \([^)]*\) of \S+ has addresses that are not its own/],
  ] as const)('%s fails by %s, and the report names rows', async ([mutant, invariant, wrong, row], { runs }) => {
    await runs.run('run', 'pipeline', ...SHORT, '--subject', mutantFile(mutant));
    expect(runs.failed()).toContain(invariant);
    const books = stored(runs, 'report.html').split('<section id="books">')[1]?.split('</section>')[0] ?? '';
    expect(books).toContain(`<h3>${wrong}`);
    expect(books.replaceAll('-&gt;', '->')).toMatch(row);
  });
});
