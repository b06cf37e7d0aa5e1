/**
 * A ClickHouse whose user may not: at the start that is exit 77, in mid-run nothing is lost. The database is real; who is let in is
 * decided by a door before it, with ClickHouse's own codes and words, since the one in a process knows no users.
 */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ClickHouse } from '../../harness/pipeline/clickhouse.js';
import { checkServices } from '../../harness/pipeline/given.js';
import { PROJECT } from '../../harness/project.js';
import { NO_CREDENTIALS } from '../credentials.js';
import { frameOfRows } from './contract.test-support.js';
import { openFarEnd } from './exporter.js';
import { Retrying } from './retrying.js';

const WRONG_PASSWORD = [516, 'default: Authentication failed: password is incorrect, or there is no user with such name'] as const;
const NOT_ALLOWED = [497, 'soak: Not enough privileges'] as const;

let dir: string;
let database: ClickHouse;
let door: http.Server;
let url: string;
/** What the door answers in place of the database. */
let refuse: (query: string) => readonly [code: number, words: string] | 'no grant' | undefined;
beforeAll(async () => {
  dir = fs.mkdtempSync(join(tmpdir(), 'netsoak-rights-'));
  database = await ClickHouse.start(dir);
  await database.query('CREATE DATABASE netsoak');
  await database.query('CREATE TABLE netsoak.rows (record_counter UInt64) ENGINE = MergeTree ORDER BY tuple()');
  door = http.createServer(async (request, response) => {
    const body = await buffer(request);
    const query = new URL(request.url ?? '', 'http://x').searchParams.get('query') ?? body.toString();
    const refusal = refuse(query);
    if (refusal === 'no grant') return response.end('0\n');
    if (refusal !== undefined) {
      response.writeHead(403, { 'x-clickhouse-exception-code': refusal[0] });
      return response.end(`Code: ${refusal[0]}. DB::Exception: ${refusal[1]}.\n`);
    }
    const answer = await fetch(`${database.url}${request.url}`, { method: 'POST', body });
    const summary = answer.headers.get('x-clickhouse-summary');
    return response.writeHead(answer.status, summary === null ? {} : { 'x-clickhouse-summary': summary }).end(await answer.text());
  });
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(door.address() as AddressInfo).port}`;
}, 120_000);
beforeEach(() => {
  refuse = () => undefined;
});
afterAll(async () => {
  door?.close();
  door?.closeAllConnections();
  await database?.stop();
  fs.rmSync(dir, { recursive: true });
});

const OPTIONS = { hostname: 'web1', longest: 768 << 10, patient: false, credentials: NO_CREDENTIALS };
const open = () => openFarEnd({ kind: 'clickhouse', url: new URL(url), database: 'netsoak', table: 'rows' }, 'protobufList', OPTIONS);

describe('a ClickHouse without rights', () => {
  it('is exit 77 where the user is not let in', async () => {
    refuse = () => WRONG_PASSWORD;
    await expect(open()).rejects.toMatchObject({ exitCode: 77, message: expect.stringContaining('Authentication failed') });
  });

  it('is exit 77 where the user may look, and not INSERT', async () => {
    refuse = (query) => (query.startsWith('CHECK GRANT') ? 'no grant' : undefined);
    await expect(open()).rejects.toMatchObject({ exitCode: 77, message: expect.stringContaining('does not let this user INSERT') });
  });

  it('loses nothing where the right is taken away in mid-run and given back', async () => {
    const inner = await open();
    let refused = 0;
    const exporter = new Retrying(inner, {
      pause: () => new Promise((resolve) => setTimeout(resolve, 20)),
      retried: () => {
        refused++;
      },
    });
    await exporter.write(frameOfRows(0, 3, 1), 3);
    refuse = (query) => (query.startsWith('INSERT') ? NOT_ALLOWED : undefined);
    const write = exporter.write(frameOfRows(3, 4, 1), 4);
    while (refused < 3) await new Promise((resolve) => setTimeout(resolve, 10));
    refuse = () => undefined;
    await write;
    await exporter.close();
    expect((await database.query('SELECT record_counter FROM netsoak.rows ORDER BY 1')).trim().split('\n').map(Number)).toEqual([
      0, 1, 2, 3, 4, 5, 6,
    ]);
  });

  it('is exit 77 where the schema is to be made, and says which statement was refused', async () => {
    refuse = () => NOT_ALLOWED;
    const words = ['clickhouse-schema', '--apply', '--target', `clickhouse:${url}/netsoak/tcp`];
    await expect(promisify(execFile)(process.execPath, [join(PROJECT, 'dist/collector/main.js'), ...words])).rejects.toMatchObject({
      code: 77,
      stderr: expect.stringContaining('did not take "SELECT comment FROM system.tables'),
    });
  });

  it('ends `netsoak run` before anything starts', async () => {
    refuse = () => WRONG_PASSWORD;
    const asked = checkServices({ clickhouse: url }, ['clickhouse'], 'host');
    await expect(asked).rejects.toMatchObject({ owner: 'user', message: expect.stringContaining('Authentication failed') });
  });
});
