/** `netsoakd clickhouse-schema`: prints the schema, or brings a server to it. */
import { ClickHouseHttp, DENIED, firstLine } from '../clickhouse/http.js';
import { schemaStatements } from '../clickhouse/schema.js';
import { SCHEMA_VERSION, schemaVersionOf } from '../clickhouse/version.js';
import type { CredentialsSource } from '../credentials.js';
import { CollectorError, MissingRight, reasonOf, UsageError } from '../errors.js';
import { tlsRefusal } from '../export/tls-refusal.js';
import type { ClickHouseTarget, KafkaTarget } from '../targets.js';

export interface SchemaCommand {
  readonly target: ClickHouseTarget;
  readonly kafka?: KafkaTarget | undefined;
  readonly cluster?: string | undefined;
  readonly ttl: number;
  readonly apply: boolean;
  readonly credentials: CredentialsSource;
}

/** A statement ON CLUSTER waits for every server of it (distributed_ddl_task_timeout, 180 s). */
const STATEMENT_MS = 200_000;

/** @throws UsageError when the server is not there, will not take a statement, or has another version; MissingRight */
export async function runClickHouseSchema({ target, kafka, cluster, ttl, apply, credentials }: SchemaCommand): Promise<void> {
  const { database, table, url } = target;
  const odd = [database, table, cluster ?? 'x'].find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  if (odd !== undefined)
    throw new UsageError('clickhouse-schema', `${JSON.stringify(odd)} would have to be quoted everywhere`, 'use letters, digits and _');
  const statements = schemaStatements({ database, table, kafka, cluster, ttl });
  if (!apply) {
    process.stdout.write(statements.map((statement) => `${statement};\n`).join('\n'));
    return;
  }
  const server = new ClickHouseHttp(url, credentials, STATEMENT_MS);
  try {
    await bring(server, { database, table }, statements);
  } finally {
    server.close();
  }
  process.stdout.write(`${url.origin}: ${database}.${table} is of schema version ${SCHEMA_VERSION}\n`);
}

async function bring(
  server: ClickHouseHttp,
  { database, table }: Pick<ClickHouseTarget, 'database' | 'table'>,
  statements: readonly string[],
) {
  const comment = await ask(
    server,
    `SELECT comment FROM system.tables WHERE database = '${database}' AND name = '${table}' FORMAT TabSeparated`,
  );
  const version = schemaVersionOf(comment.trim());
  if (comment !== '' && version !== SCHEMA_VERSION) {
    const found = version === undefined ? 'is none of ours' : `is of schema version ${version}, and this is version ${SCHEMA_VERSION}`;
    throw new UsageError(
      'clickhouse-schema',
      `${database}.${table} ${found}`,
      'name another table; rows of both versions can be read by a UNION',
    );
  }
  for (const statement of statements) await ask(server, statement);
}

async function ask(server: ClickHouseHttp, sql: string): Promise<string> {
  const { status, code, text } = await server.ask(sql).catch((error: unknown) => {
    if (error instanceof CollectorError) throw error;
    const refusal = error instanceof Error ? tlsRefusal(error, 'clickhouse-schema', server.origin) : undefined;
    throw refusal ?? new UsageError('clickhouse-schema', `${server.origin} does not answer: ${reasonOf(error)}`);
  });
  if (status === 200) return text;
  const sentence = `${server.origin} did not take "${firstLine(sql)}": ${firstLine(text)}`;
  throw DENIED.has(code) ? new MissingRight('clickhouse-schema', sentence) : new UsageError('clickhouse-schema', sentence);
}
