import { expect, it } from 'vitest';
import type { RunEvent, SeriesPoint, Stored } from '../facts/events.js';
import type { Plan } from '../facts/plan.js';
import { costOf } from './cost.js';
import { asRun } from './run.js';

const MEASURE: Stored<RunEvent>[] = [
  { at: 10, kind: 'stage', stage: 'measure', state: 'begin' },
  { at: 20, kind: 'stage', stage: 'measure', state: 'end' },
];

function cost(points: readonly SeriesPoint[], services: Plan['services'] = ['kafka', 'clickhouse']) {
  const plan = { durationSeconds: 10, ...(services && { services }) } as unknown as Plan;
  return costOf(asRun(plan, MEASURE, points));
}

const at = (seconds: number, v: SeriesPoint['v']): SeriesPoint => ({ at: seconds, v });

it('counts what each part took in the measured phase, over the rows that the daemon handed over in it', () => {
  const points = [
    at(5, { 'subject.rowsExported': 900, 'subject.cpuSeconds': 50, 'kafka.rssBytes': 9e9 }),
    at(11, {
      'subject.rowsExported': 1000,
      'subject.exportedBytes': 0,
      'subject.cpuSeconds': 60,
      'kafka.cpuSeconds': 5,
      'kafka.topicBytes': 100,
    }),
    at(15, { 'kafka.rssBytes': 300, 'subject.rssBytes': 70, 'clickhouse.tableBytes': null, 'clickhouse.tableRows': null }),
    at(16, { 'clickhouse.tableBytes': 5000, 'clickhouse.tableRows': 100, 'kafka.rssBytes': 200 }),
    at(19, {
      'subject.rowsExported': 3000,
      'subject.exportedBytes': 600_000,
      'subject.cpuSeconds': 61,
      'kafka.cpuSeconds': 9,
      'kafka.topicBytes': 400_100,
    }),
  ];
  expect(cost(points)).toEqual({
    rows: 2000,
    lines: [
      { who: 'daemon', cpuSecondsPerMillion: 500, mostRssBytes: 70, bytesARow: 300 },
      { who: 'broker', cpuSecondsPerMillion: 2000, mostRssBytes: 300, bytesARow: 200 },
      { who: 'database', cpuSecondsPerMillion: undefined, mostRssBytes: undefined, bytesARow: 50 },
    ],
  });
});

it('goes on counting where the daemon was started again', () => {
  const rows = [100, 150, null, 20, 40].map((value, index) => at(11 + index, { 'subject.rowsExported': value }));
  expect(cost(rows, ['kafka'])?.rows).toBe(90);
});

it.each([
  ['a run without services', [at(11, { 'subject.rowsExported': 0 }), at(12, { 'subject.rowsExported': 9 })], undefined],
  ['a daemon that handed nothing over', [at(11, { 'subject.rowsExported': 5 }), at(12, { 'subject.rowsExported': 5 })], ['kafka'] as const],
])('says nothing of %s', (_, points, services) => {
  expect(costOf(asRun({ durationSeconds: 10, ...(services && { services }) } as unknown as Plan, MEASURE, points))).toBeUndefined();
});
