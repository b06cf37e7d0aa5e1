/** A real ClickHouse with the collector's schema: its prints are those of the bytes that were inserted, and its sums tell which rows differ. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { loadSchema } from '../judge/row.js';
import { ClickHouse } from '../pipeline/clickhouse.js';
import { PROJECT } from '../project.js';
import { BooksDatabase } from './database.js';
import { namedFinal } from './final-book.js';
import { FINAL, printInSql, RowPrinter } from './print.js';
import { namedRecord, RECORD_ENTRY, recordOf } from './record.js';
import { Shelf } from './shelf.js';
import type { TableBookOptions, TableEntry } from './table-book.js';
import type { BookOffence } from './tally.js';
import { namedRow } from './topic-book.js';

const PROTO = join(PROJECT, 'collector/netsoak.proto');
const { envelope, row } = loadSchema(PROTO, false);
const printer = new RowPrinter(envelope, row);
const NOW = BigInt(Date.now()) * 1_000_000n;

let dir: string;
let clickhouse: ClickHouse;
let database: BooksDatabase;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'netsoak-books-'));
  clickhouse = await ClickHouse.start(dir);
  const schema = ['clickhouse-schema', '--apply', '--target', `clickhouse:${clickhouse.url}/books/tcp`];
  execFileSync(process.execPath, [join(PROJECT, 'dist/collector/main.js'), ...schema]);
  database = await BooksDatabase.open(clickhouse.url, 'books.tcp', printInSql(row));
}, 120_000);
afterAll(async () => {
  await clickhouse?.stop();
  rmSync(dir, { recursive: true });
});

/** A row with something in every column, at the edges of their types in one row of three. */
function rowOf(poll: number, cookie: number): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const { name, id, type, resolvedType } of row.fieldsArray) {
    if (resolvedType) fields[name] = 1;
    else if (type === 'bytes') fields[name] = Buffer.alloc(cookie % 3 === 0 ? 16 : 4, id % 251);
    else if (type === 'string') fields[name] = cookie % 2 === 0 ? `${name} ${cookie % 5}` : '';
    else if (cookie % 3 === 0) fields[name] = type === 'uint32' ? 4_294_967_295 : type === 'uint64' ? '18446744073709551615' : '1';
    else fields[name] = id * cookie;
  }
  const identity = {
    hostname: 'h',
    netns_cookie: 1 + (cookie % 4),
    inet_diag_msg_socket_cookie: cookie,
    poll_id: String(NOW + BigInt(poll)),
  };
  return { ...fields, ...identity, timestamp_ns: String(NOW + 5n), kind: 1, congestion_algorithm_enum: 1 };
}

const written = (rows: readonly object[]): Buffer => Buffer.from(envelope.encode(envelope.fromObject({ row: rows })).finish());

async function insert(bytes: Buffer): Promise<void> {
  const frame = Buffer.concat([Buffer.from(lengthOf(bytes.length)), bytes]);
  const parameters = new URLSearchParams({
    query: 'INSERT INTO books.tcp FORMAT ProtobufList',
    format_schema_source: 'string',
    format_schema: readFileSync(PROTO, 'utf8'),
    format_schema_message_name: 'Row',
  });
  const response = await fetch(`${clickhouse.url}/?${parameters}`, { method: 'POST', body: new Uint8Array(frame) });
  expect(response.status, await response.text()).toBe(200);
}

function lengthOf(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...lengthOf(value >>> 7)];
}

const told: BookOffence[] = [];
beforeEach(() => {
  told.length = 0;
});

/** A book of the table that holds these rows under one id; asked, it gives up at once what the table lacks. */
function keep(of: 'polls' | 'finals' | 'records', id: string, entries: readonly TableEntry[]) {
  const named: TableBookOptions['named'] = { polls: namedRow, finals: namedFinal, records: namedRecord }[of];
  const shelf = new Shelf({ tell: (offence) => told.push(offence), named, overtakenBy: 3 }, (pages) => pages[of]);
  shelf.book.add(id, entries);
  return { book: shelf.book, ask: () => shelf.ask(database, true) };
}

it('agrees with the bytes in every column, also of rows that came twice', async () => {
  const bytes = written(Array.from({ length: 300 }, (_, i) => rowOf(1, i + 1)));
  await insert(bytes);
  await insert(bytes);
  const entries = printer.read(bytes);
  const { book, ask } = keep('polls', entries[0]?.poll ?? '', entries);
  await ask();
  expect(book.tally).toMatchObject({ lost: 0, changed: 0, duplicated: 0, agreed: { polls: 1, rows: 300 } });
});

it('names a row that is missing and one with another value', async () => {
  const rows = Array.from({ length: 50 }, (_, i) => rowOf(2, i + 1));
  const entries = printer.read(written(rows));
  await insert(written(rows.slice(1).map((each, i) => (i === 0 ? { ...each, tcp_info_rtt: 123_456 } : each))));
  await keep('polls', entries[0]?.poll ?? '', entries).ask();
  expect(told.map(({ wrong, detail }) => [wrong, detail])).toEqual([
    ['lost', 'the row of socket 1 in namespace 2 is not in the table'],
    ['changed', 'the row of socket 2 in namespace 3 has other values in the table than in the topic'],
  ]);
});

it('keeps final rows by the second of their stamps, apart from rows of polls', async () => {
  const second = NOW / 1_000_000_000n;
  const finals = Array.from({ length: 20 }, (_, i) => ({
    ...rowOf(3, i + 1),
    kind: FINAL,
    poll_id: '0',
    // The last moment of a second, which no double can tell from the first of the next.
    timestamp_ns: String(second * 1_000_000_000n + 999_999_999n),
  }));
  const entries = printer.read(written(finals));
  expect(new Set(entries.map(({ stampNs }) => stampNs / 1_000_000_000n))).toEqual(new Set([second]));
  await insert(written([...finals.slice(1), rowOf(4, 1)]));
  const { book, ask } = keep('finals', String(second), entries);
  await ask();
  expect(told.map(({ wrong, detail }) => [wrong, detail])).toEqual([
    ['lost', 'the final row of socket 1 in namespace 2 is not in the table'],
  ]);
  expect(book.tally.agreed.rows).toBe(19);
});

it('holds every value of a record of a poll, and misses one that never came', async () => {
  const record = {
    kind: 'poll_end',
    hostname: 'h',
    poll_id: String(NOW),
    duration_seconds: 0.123456789,
    rows: 7,
    namespaces: 3,
    interrupted: 0,
    skipped: 0,
    gone: 1,
  };
  const others = { changed: { ...record, poll_id: String(NOW + 1n) }, lost: { ...record, poll_id: String(NOW + 2n) } };
  await clickhouse.query(
    `INSERT INTO books.tcp_polls FORMAT JSONEachRow ${JSON.stringify(record)} ${JSON.stringify({ ...others.changed, gone: 2 })}`,
  );
  const asked = [record, others.changed, others.lost].map((one) => recordOf(JSON.stringify(one)));
  for (const { poll, print } of asked) await keep('records', poll, [{ ...RECORD_ENTRY, poll, print }]).ask();
  expect(told.map(({ wrong, detail }) => [wrong, detail])).toEqual([
    ['changed', `the record of poll ${NOW + 1n} has other values in the table than in the topic`],
    ['lost', `the record of poll ${NOW + 2n} is not in the table`],
  ]);
});
