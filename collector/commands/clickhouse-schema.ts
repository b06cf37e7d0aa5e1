/** `netsoakd clickhouse-schema`: prints the schema, or brings a server to it. */
import { schemaStatements } from '../clickhouse/schema.js';
import { SCHEMA_VERSION, schemaVersionOf } from '../clickhouse/version.js';
import { MissingRight, UsageError } from '../errors.js';
import type { ClickHouseTarget, KafkaTarget } from '../targets.js';

export interface SchemaCommand {
  readonly target: ClickHouseTarget;
  readonly kafka?: KafkaTarget | undefined;
  readonly cluster?: string | undefined;
  readonly ttl: number;
  readonly apply: boolean;
}

/** ACCESS_DENIED, AUTHENTICATION_FAILED */
const DENIED = /^Code: (497|516)\b/;

/** @throws UsageError when the server is not there, will not take a statement, or has another version; MissingRight */
export async function runClickHouseSchema({ target, kafka, cluster, ttl, apply }: SchemaCommand): Promise<void> {
  const { database, table, url } = target;
  const odd = [database, table, cluster ?? 'x'].find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  if (odd !== undefined)
    throw new UsageError('clickhouse-schema', `${JSON.stringify(odd)} would have to be quoted everywhere`, 'use letters, digits and _');
  const statements = schemaStatements({ database, table, kafka, cluster, ttl });
  if (!apply) {
    process.stdout.write(statements.map((statement) => `${statement};\n`).join('\n'));
    return;
  }
  const comment = await ask(
    url,
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
  for (const statement of statements) await ask(url, statement);
  process.stdout.write(`${url.origin}: ${database}.${table} is of schema version ${SCHEMA_VERSION}\n`);
}

async function ask(url: URL, sql: string): Promise<string> {
  const at = new URL(url);
  // fetch() refuses a URL that holds them.
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  at.username = '';
  at.password = '';
  const headers: Record<string, string> = url.username === '' ? {} : { authorization: `Basic ${Buffer.from(user).toString('base64')}` };
  const response = await fetch(at, { method: 'POST', body: sql, headers }).catch((error: unknown) => {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new UsageError('clickhouse-schema', `clickhouse ${url.origin} does not answer: ${cause}`);
  });
  const text = await response.text();
  if (response.ok) return text;
  const sentence = `clickhouse ${url.origin} did not take "${sql.split('\n')[0]}": ${text.trim().split('\n')[0]}`;
  throw DENIED.test(text) ? new MissingRight('clickhouse-schema', sentence) : new UsageError('clickhouse-schema', sentence);
}
