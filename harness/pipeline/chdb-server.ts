#!/usr/bin/env node
/**
 * ClickHouse's HTTP interface, as far as an exporter needs it, over chdb, which has none: `node chdb-server.js MODULE DATA PORT [WORD...]`,
 * words as of `clickhouse local`. A process of its own, since chdb's calls block. Queries run one after the other.
 *
 * As the original: `query` and settings as parameters, the data of an INSERT as body, errors with their code in X-ClickHouse-Exception-Code,
 * X-ClickHouse-Summary with `read_rows` and `written_rows`. Not as the original: no users (everybody may everything), no compression, and
 * `written_rows` is what was parsed: chdb does not tell what was written.
 */
import { mkdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';

interface ChdbSession {
  query(sql: string, format: string): string;
  queryAsync(sql: string, options: { format: string }): Promise<{ readonly rowsRead: number; text(): string }>;
}

const [moduleFolder = '', data = ''] = process.argv.slice(2, 4).map((path) => resolve(path));
// It leaves compiled schemas (`__cache__`) in the folder that it stands in.
mkdirSync(data, { recursive: true });
process.chdir(data);
const { Session } = createRequire(import.meta.url)(moduleFolder) as {
  Session: new (path: string, options: { connectionArgs: readonly string[] }) => ChdbSession;
};
const session = new Session(data, { connectionArgs: process.argv.slice(5) });
let turn: Promise<unknown> = Promise.resolve();
let bodies = 0;

const server = createServer((request, response) => {
  turn = turn.then(() => answer(request, response)).catch((error: unknown) => response.writeHead(500).end(String(error)));
});
// A client that was busy for a while finds its connection as it left it.
server.keepAliveTimeout = 600_000;
server.listen(Number(process.argv[4]), '127.0.0.1');

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parameters = new URL(request.url ?? '/', 'http://x').searchParams;
  const body = await buffer(request);
  const query = parameters.get('query') ?? body.toString();
  const settings = [...parameters].filter(([name]) => !['query', 'database', 'wait_end_of_query'].includes(name));
  const file = join(data, `body-${bodies++}`);
  const [statement, format] = formatOf(query);
  const insert = /^\s*insert\s/i.test(statement) && parameters.has('query') && body.length > 0;
  const set = settings.length === 0 ? '' : ` SETTINGS ${settings.map(([name, value]) => `${name}=${quoted(value)}`).join(', ')}`;
  if (insert) writeFileSync(file, body);
  try {
    const sql = insert
      ? `${statement} FROM INFILE ${quoted(file)}${set} FORMAT ${format}`
      : `${statement}${/^\s*select/i.test(statement) ? set : ''}`;
    const result = await session.queryAsync(sql, { format: format ?? 'TabSeparated' });
    const written = insert ? result.rowsRead : 0;
    response.setHeader('X-ClickHouse-Summary', JSON.stringify({ read_rows: String(result.rowsRead), written_rows: String(written) }));
    response.writeHead(200).end(result.text());
  } catch (error) {
    const message = (error as Error).message.replace(/^Query failed: /, '');
    const code = /Code: (\d+)/.exec(message)?.[1] ?? '1002';
    response.setHeader('X-ClickHouse-Exception-Code', code);
    response.writeHead(code === '60' || code === '81' ? 404 : 500).end(`${message}\n`);
  } finally {
    if (insert) unlinkSync(file);
  }
}

/** A statement without its FORMAT at the end, and that. */
function formatOf(query: string): [statement: string, format: string | undefined] {
  const match = /^([\s\S]*?)\s+format\s+(\w+)\s*;?\s*$/i.exec(query);
  return match === null ? [query.replace(/;\s*$/, ''), undefined] : [match[1] as string, match[2]];
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, (character) => `\\${character}`)}'`;
}
