import { expect, it } from 'vitest';
import { RECORD_COLUMNS, type RecordValues, recordOf, recordPrint } from './record.js';
import { RecordBook } from './record-book.js';
import type { BookOffence } from './tally.js';

const VALUES: RecordValues = {
  kind: 'poll_end',
  hostname: 'h',
  poll_id: '1795236864000000001',
  duration_seconds: 0.25,
  rows: 10,
  namespaces: 4,
  interrupted: 0,
  skipped: 0,
  gone: 1,
  sampled_out: 3,
};
const record = (some: RecordValues = {}) => recordOf(JSON.stringify({ ...VALUES, ...some }));

it('has another print when any single value is another, and the same for numbers as for text', () => {
  const { print } = record();
  for (const column of RECORD_COLUMNS) expect(record({ [column]: column === 'poll_id' ? '7' : 7 }).print, column).not.toBe(print);
  expect(recordPrint({ ...VALUES, duration_seconds: '0.25000000000000006', rows: '10' })).toBe(print);
  const { sampled_out: _, ...unsampled } = VALUES;
  expect(recordPrint(unsampled)).toBe(record({ sampled_out: 0 }).print);
});

it('counts a record once however often it is delivered, and names one that comes again with other values', () => {
  const told: BookOffence[] = [];
  const book = new RecordBook((offence) => told.push(offence));
  expect([record(), record(), record({ rows: 11 }), record({ poll_id: '2' })].map((one) => book.add(one))).toEqual([
    true,
    false,
    false,
    true,
  ]);
  expect(book.tally).toEqual({ records: 2, duplicated: 1 });
  expect(told.map(({ wrong, detail }) => [wrong, detail])).toEqual([
    ['duplicated', 'the record of poll 1795236864000000001 stands in the topic again, with other values'],
  ]);
});

it('refuses a line that is no record', () => {
  expect(() => recordOf('{"kind":"poll_end","poll_id":7}')).toThrow('no record of a poll');
});
