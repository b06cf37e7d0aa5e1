/** The benchmarks of this repository, each called once: what is promised is there, and none of it has come loose from the code it measures. */
import { expect, test } from 'vitest';
import { PROJECT } from '../project.js';
import { ask } from './ask.js';
import { rowId } from './benchmark.js';
import { discover } from './discover.js';
import { measure } from './measure.js';

const { signal } = new AbortController();

test('every benchmark is there, and runs', async () => {
  const { rows, skipped } = await discover(PROJECT, (order) => ask(order, 0, signal));
  expect(skipped).toEqual([]);
  expect(rows.map(rowId)).toEqual(
    expect.arrayContaining([
      ...['1 row', '1,000 rows', '100,000 rows'].map((rows) => `native/decode: ${rows} to protobuf`),
      ...['1 row', '1,000 rows', '100,000 rows'].map((rows) => `native/append: ${rows} an envelope`),
      ...['protobuf', 'objects'].map((what) => `native/decode: 100 rows to ${what}, in TypeScript`),
      ...['native', 'generated code', 'reflection'].map((way) => `native/protobuf: ${way}`),
      'native/filter: sixty conditions',
      ...[100, '1,000', '5,000'].map((count) => `collector/namespaces: ${count} processes`),
      ...[100, '10,000', '1,000,000'].map((count) => `collector/reconcile/diff: ${count} routes`),
      'collector/outbox: flush 2,000 rows, 620 KiB',
      ...['nowhere', 'a device', 'standard output'].map((where) => `collector/export/file: 64 KiB to ${where}`),
      ...['tcp', 'unix', 'udp', 'unixgram', 'http', 'kafka', 'clickhouse'].map((kind) => `collector/export/far: 312 rows over ${kind}`),
      'collector/export/spool/spool: append and replay 64 KiB',
      'collector/netsoakd: 100 empty namespaces',
      'harness/stats/leak-gate: 12 h, a sample a second',
      'harness/judge/row: decode as the judge does',
      'reports/run-report: report of 12 h',
    ]),
  );
  const rehearsed = await measure(
    rows,
    [{ root: PROJECT }],
    0,
    (order, padding) => ask(order, padding, signal),
    () => {},
  );
  expect(rehearsed.failed).toEqual([]);
  const systemCalls = rehearsed.sides[0]?.filter(({ suite }) => suite === 'collector/netsoakd').map(({ metrics }) => metrics.syscalls?.[0]);
  expect(systemCalls?.map((calls) => calls !== undefined && calls > 10)).toEqual([true, true]);
}, 600_000);
