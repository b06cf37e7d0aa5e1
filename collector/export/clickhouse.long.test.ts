/** The clickhouse exporter against ClickHouse: the contract, and what it says of servers and tables that will not do. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClickHouse } from '../../harness/pipeline/clickhouse.js';
import { freePorts } from '../../harness/pipeline/program.js';
import { NO_CREDENTIALS } from '../credentials.js';
import { type Bench, exporterContract, frameOfRows, type TestRow } from './contract.test-support.js';
import { openFarEnd } from './exporter.js';
import { Retrying } from './retrying.js';

let dir: string;
let database: ClickHouse;
beforeAll(async () => {
  dir = fs.mkdtempSync(join(tmpdir(), 'netsoak-clickhouse-'));
  database = await ClickHouse.start(dir);
  await database.query('CREATE DATABASE netsoak');
}, 120_000);
afterAll(async () => {
  await database?.stop();
  fs.rmSync(dir, { recursive: true });
});

let tables = 0;
async function newTable(columns = 'hostname String, label String, record_counter UInt64', comment = ''): Promise<string> {
  const table = `rows_${tables++}`;
  await database.query(`CREATE TABLE netsoak.${table} (${columns}) ENGINE = MergeTree ORDER BY tuple() COMMENT '${comment}'`);
  return table;
}

const target = (table: string, url = database.url) => ({ kind: 'clickhouse', url: new URL(url), database: 'netsoak', table }) as const;
const OPTIONS = { hostname: 'web1', longest: 768 << 10, patient: false, credentials: NO_CREDENTIALS };

async function rowsOf(table: string): Promise<TestRow[]> {
  const text = await database.query(`SELECT record_counter, label FROM netsoak.${table} ORDER BY record_counter FORMAT TabSeparated`);
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [number, label] = line.split('\t') as [string, string];
      return { number: Number(number), label };
    });
}

async function open(): Promise<Bench> {
  const table = await newTable();
  return { exporter: await openFarEnd(target(table), 'protobufList', OPTIONS), arrived: () => rowsOf(table) };
}

exporterContract('clickhouse', open);

describe('export: clickhouse', () => {
  it('refuses, before the first row, a table or a database that is not there: exit 64', async () => {
    await expect(openFarEnd(target('nowhere'), 'protobufList', OPTIONS)).rejects.toMatchObject({
      exitCode: 64,
      message: `clickhouse ${database.url} has no table netsoak.nowhere, or not for this user`,
    });
  });

  it('refuses a table of another schema version, and takes one that bears none', async () => {
    const other = await newTable(undefined, 'netsoak schema 999: rows');
    await expect(openFarEnd(target(other), 'protobufList', OPTIONS)).rejects.toMatchObject({
      exitCode: 64,
      message: expect.stringContaining('is of schema version 999'),
    });
    const bare = await openFarEnd(target(await newTable(undefined, 'mine')), 'protobufList', OPTIONS);
    await bare.close();
  });

  it('refuses a server that is not there: exit 64, unless there is a spool', async () => {
    const [port] = (await freePorts(1)) as [number];
    const nobody = target('rows', `http://127.0.0.1:${port}`);
    await expect(openFarEnd(nobody, 'protobufList', OPTIONS)).rejects.toMatchObject({ exitCode: 64 });
    const patient = await openFarEnd(nobody, 'protobufList', { ...OPTIONS, patient: true });
    await expect(patient.write(frameOfRows(0, 1, 1), 1)).rejects.toMatchObject({ reason: 'unreachable', final: false });
    await patient.close();
  });

  it('does not take an INSERT for done of which fewer rows were written than sent', async () => {
    const table = await newTable();
    const exporter = await openFarEnd(target(table), 'protobufList', OPTIONS);
    await expect(exporter.write(frameOfRows(0, 3, 1), 4)).rejects.toMatchObject({
      reason: 'unreachable',
      message: expect.stringContaining('it says that it wrote 3 of 4 rows'),
    });
    await exporter.close();
  });

  it('waits for a table that somebody took away in mid-run, and loses nothing', async () => {
    const table = await newTable();
    const inner = await openFarEnd(target(table), 'protobufList', OPTIONS);
    let retries = 0;
    const exporter = new Retrying(inner, {
      pause: () => new Promise((resolve) => setTimeout(resolve, 50)),
      retried: () => {
        retries++;
      },
    });
    await database.query(`RENAME TABLE netsoak.${table} TO netsoak.${table}_away`);
    const write = exporter.write(frameOfRows(0, 5, 1), 5);
    while (retries < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    await database.query(`RENAME TABLE netsoak.${table}_away TO netsoak.${table}`);
    await write;
    await exporter.close();
    expect(await rowsOf(table)).toHaveLength(5);
  });

  it('drops an envelope that no table can be given, and goes on', async () => {
    const table = await newTable();
    const exporter = await openFarEnd(target(table), 'protobufList', OPTIONS);
    await expect(exporter.write(Buffer.from([5, 0x52, 3, 0xff, 0xff, 0xff]), 1)).rejects.toMatchObject({ reason: 'refused', final: false });
    await exporter.write(frameOfRows(0, 2, 1), 2);
    await exporter.close();
    expect(await rowsOf(table)).toHaveLength(2);
  });

  it('writes the records of polls, whatever keys they have that the table lacks', async () => {
    const table = await newTable('kind String, poll_id UInt64, rows UInt64');
    const exporter = await openFarEnd(target(table), 'jsonl', OPTIONS);
    await exporter.write(Buffer.from('{"kind":"poll_end","poll_id":"18446744073709551615","rows":3,"new":1}\n'), 0);
    await exporter.close();
    expect(await database.query(`SELECT * FROM netsoak.${table} FORMAT TabSeparated`)).toBe('poll_end\t18446744073709551615\t3\n');
  });
});
