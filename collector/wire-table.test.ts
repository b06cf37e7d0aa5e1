import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { wireFields } from '../native/index.js';
import { wireTable } from './wire-table.js';

const read = (name: string) => readFileSync(fileURLToPath(new URL(name, import.meta.url)), 'utf8');
const csv = read('wire-fields.csv');

it('is what WIRE.md says: else run npm run wire-table > collector/WIRE.md', () => {
  expect(wireTable(csv, wireFields())).toBe(read('WIRE.md'));
});

it('says of each of the 156 fields whether it is filled, optional or reserved', () => {
  const rows = read('WIRE.md').match(/^\| \d+ \| \w+ \| \w+ \| (filled|optional|reserved) \| .+ \|$/gm);
  expect(rows).toHaveLength(156);
});

it('fails when a field is neither encoded nor reserved, or encoded otherwise than the record has it', () => {
  const fields = wireFields();
  expect(() =>
    wireTable(
      csv,
      fields.filter(({ number }) => number !== 1233),
    ),
  ).toThrow('1233 tcp_info_snd_cwnd');
  expect(() => wireTable(csv, [...fields, { number: 32, name: 'nsid', type: 'uint32', source: 'own' }])).toThrow('32 nsid');
  expect(() =>
    wireTable(
      csv,
      fields.map((field) => (field.number === 20 ? { ...field, type: 'bytes' } : field)),
    ),
  ).toThrow('hostname');
});
