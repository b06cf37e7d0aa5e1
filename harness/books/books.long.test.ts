/** The scenario `pipeline` as a user runs it: green with the real subject, red with planted faults, and the report names rows. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunEvent } from '../facts/events.js';
import { mutantFile } from '../mutants.js';
import { Runs } from '../soak.test-support.js';
import type { Tally } from './tally.js';

const SHORT = ['--target', 'host', '--duration', '40s'];
/** Starting broker and database, and settling their books, come on top. */
const LIMIT = 900_000;

let runs: Runs;
beforeEach(() => {
  runs = new Runs();
});
afterEach(async () => {
  await expect.poll(() => runs.traces(), { timeout: 30_000 }).toEqual([]);
  runs.remove();
});

const stored = (name: string): string => readFileSync(join(runs.latest(), name), 'utf8');

/** The last word of the books. */
function tally(): Tally {
  const events = stored('events.ndjson')
    .split('\n')
    .filter((line) => line.includes('"kind":"books"'))
    .map((line) => JSON.parse(line) as Extract<RunEvent, { kind: 'books' }>);
  const last = events.at(-1);
  if (!last) throw new Error('no books were kept');
  return last.tally;
}

describe('netsoakd', () => {
  it(
    'has every row in all four books',
    async () => {
      const { code, stderr } = await runs.run('run', 'pipeline', ...SHORT);
      expect(code, stderr).toBe(0);
      const { books, pending } = tally();
      expect(pending).toBe(0);
      expect(books.table).toEqual(books.topic);
      expect(books.topic).toEqual(books.daemon);
      expect(books.daemon.rows).toBeGreaterThan(10_000);
      expect(stored('report.html')).toContain('every poll of the measured phase is settled');
    },
    LIMIT,
  );

  it.each(['broker-stopped', 'clickhouse-stopped', 'subject-killed'])(
    'loses nothing in %s',
    async (fault) => {
      const { code, stderr } = await runs.run('run', 'pipeline', ...SHORT, '--set', `fault=${fault}`);
      expect(code, stderr).toBe(0);
      expect(tally().pending).toBe(0);
    },
    LIMIT,
  );
});

describe('a planted fault', () => {
  it.each([
    ['drop-one-in-10000', 'completeness', 'lost', /socket \d+ \([^)]*\) of \S+ is not in this poll/],
    ['duplicate-rows', 'books-duplicated', 'duplicated', /the row of socket \d+ in namespace \d+ stands in the topic twice/],
    ['swapped-addresses', 'addresses', 'changed', /socket \d+ \([^)]*\) of \S+ has addresses that are not its own/],
  ])(
    '%s fails by %s, and the report names rows',
    async (mutant, invariant, wrong, row) => {
      await runs.run('run', 'pipeline', ...SHORT, '--subject', mutantFile(mutant));
      expect(runs.failed()).toContain(invariant);
      const books = stored('report.html').split('<section id="books">')[1]?.split('</section>')[0] ?? '';
      expect(books).toContain(`<h3>${wrong}`);
      expect(books.replaceAll('-&gt;', '->')).toMatch(row);
    },
    LIMIT,
  );
});
