import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { discover, suitesOf } from './discover.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'netsoak-discover-'));
  for (const folder of ['a', 'dist/a', 'dist/b']) mkdirSync(join(root, folder), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true }));

const touch = (...files: string[]): void => {
  for (const file of files) writeFileSync(join(root, file), '');
};

test('finds what is compiled and still has its source: a deleted benchmark leaves its output behind', () => {
  touch('dist/a/one.bench.js', 'a/one.bench.ts', 'dist/b/gone.bench.js', 'dist/a/plain.js', 'a/plain.ts');
  expect(suitesOf(root)).toEqual(['a/one']);
  expect(suitesOf(join(root, 'nowhere'))).toEqual([]);
});

test('what cannot run here, and what cannot be loaded, is skipped with its reason', async () => {
  touch('dist/a/one.bench.js', 'a/one.bench.ts', 'dist/a/two.bench.js', 'a/two.bench.ts');
  const { rows, skipped } = await discover(root, async (order) =>
    order.kind === 'list' && order.suite === 'a/one'
      ? {
          kind: 'rows',
          rows: [
            { suite: 'a/one', name: 'here', per: 'row' },
            { suite: 'a/one', name: 'there', per: 'row', unavailable: 'it takes root' },
          ],
        }
      : { kind: 'failed', message: 'no such export' },
  );
  expect(rows).toEqual([{ suite: 'a/one', name: 'here', per: 'row' }]);
  expect(skipped).toEqual(['a/one: there: it takes root', 'a/two: no such export']);
});
