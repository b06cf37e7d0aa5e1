/**
 * A table of ClickHouse, over HTTP. One envelope is one INSERT (ProtobufList, or JSONEachRow for the records of polls), acknowledged only
 * when ClickHouse says that it wrote as many rows as were sent. The server needs no schema file: the .proto travels with the INSERT,
 * which takes ClickHouse 25.8 or newer (`format_schema_source`).
 */
import { type Answer, ClickHouseHttp, DENIED, firstLine } from '../clickhouse/http.js';
import { SCHEMA_COMMENT, SCHEMA_VERSION, schemaVersionOf } from '../clickhouse/version.js';
import type { CredentialsSource } from '../credentials.js';
import { CollectorError, MissingRight, reasonOf, UsageError } from '../errors.js';
import { protoText } from '../proto.js';
import type { ClickHouseTarget } from '../targets.js';
import { type Exporter, ExportFailure } from './exporter.js';
import { tlsRefusal } from './tls-refusal.js';

/** Codes of ClickHouse (src/Common/ErrorCodes.cpp) that tell of the bytes that we sent: they would be the same the next time. */
const BAD_DATA = new Set([27, 32, 33, 117, 124, 434, 435]);
export class ClickHouseExporter implements Exporter {
  private readonly server: ClickHouseHttp;
  private readonly settings: Readonly<Record<string, string>>;
  private checked = false;
  private closed = false;

  constructor(
    private readonly target: ClickHouseTarget,
    private readonly format: 'protobufList' | 'jsonl',
    credentials: CredentialsSource,
  ) {
    this.server = new ClickHouseHttp(target.url, credentials);
    const proto = { format_schema_source: 'string', format_schema: protoText(), format_schema_message_name: 'Row' };
    // The records of polls may have keys that an older table lacks.
    const own = format === 'jsonl' ? { input_format_skip_unknown_fields: '1' } : proto;
    this.settings = { wait_end_of_query: '1', async_insert: '0', ...own };
  }

  /**
   * Holds the table against what will be sent to it.
   * @throws UsageError when it is not there or of another schema version, MissingRight, ExportFailure when nobody answers
   */
  async check(): Promise<void> {
    const { database, table } = this.target;
    const filter = `database = ${quoted(database)} AND name = ${quoted(table)}`;
    const answer = await this.answer(this.server.ask(`SELECT comment FROM system.tables WHERE ${filter} FORMAT TabSeparated`));
    if (DENIED.has(answer.code)) {
      const sentence = `${this.origin} refuses us: ${firstLine(answer.text)}`;
      throw new MissingRight(
        'export-clickhouse',
        sentence,
        'mend the user in export or what stands in password-file, or grant it what it needs',
      );
    }
    if (answer.status !== 200) throw this.failure(firstLine(answer.text));
    if (answer.text === '') {
      throw new UsageError(
        'export-clickhouse',
        `${this.origin} has no table ${database}.${table}, or not for this user`,
        'make it with `netsoakd clickhouse-schema --apply`, or grant SHOW TABLES and INSERT on it',
      );
    }
    const version = schemaVersionOf(answer.text.trim());
    // One without our mark is the operator's own, or the ancestor's: it gets the columns that it has.
    if (version !== undefined && version !== SCHEMA_VERSION) {
      throw new UsageError(
        'export-clickhouse',
        `${this.name} is of schema version ${version}, and this is for version ${SCHEMA_VERSION} (its comment begins with "${SCHEMA_COMMENT}")`,
        'name another table, which `netsoakd clickhouse-schema --apply` makes, or run the netsoakd that made this one',
      );
    }
    await this.checkGrant();
    this.checked = true;
  }

  async write(envelope: Buffer, rows: number): Promise<void> {
    if (this.closed) throw this.failure('closed');
    try {
      // Of a server that was not there at the start.
      if (!this.checked) await this.check();
      await this.insert(envelope, rows);
    } catch (error) {
      throw error instanceof CollectorError ? this.failure(error.sentence) : error;
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    this.server.close();
  }

  private async insert(envelope: Buffer, rows: number): Promise<void> {
    const { database, table } = this.target;
    const format = this.format === 'jsonl' ? 'JSONEachRow' : 'ProtobufList';
    const query = `INSERT INTO ${identifier(database)}.${identifier(table)} FORMAT ${format}`;
    const answer = await this.answer(this.server.insert(query, this.settings, envelope));
    if (answer.status !== 200) {
      const sentence = `${this.name} did not take an INSERT: ${firstLine(answer.text)}`;
      throw new ExportFailure(BAD_DATA.has(answer.code) ? 'refused' : 'unreachable', sentence, false);
    }
    const sent = this.format === 'jsonl' ? lines(envelope) : rows;
    const { read, written } = answer.summary ?? { read: 0, written: 0 };
    // What materialised views write is added to `written`: then as many as were sent must have been read.
    if (written === sent || (written > sent && read === sent)) return;
    throw this.failure(`it says that it wrote ${written} of ${sent} rows`);
  }

  /** INSERT is a right of its own. A server that does not know how to tell (before 24.11) says it with the first envelope. */
  private async checkGrant(): Promise<void> {
    const { database, table } = this.target;
    const answer = await this.answer(this.server.ask(`CHECK GRANT INSERT ON ${identifier(database)}.${identifier(table)}`));
    if (answer.status === 200 && answer.text.trim() === '0') {
      throw new MissingRight('export-clickhouse', `${this.origin} does not let this user INSERT into ${database}.${table}`, 'grant it');
    }
  }

  /** @throws CollectorError when credentials or certificates will not do, ExportFailure when nobody answers */
  private async answer(asked: Promise<Answer>): Promise<Answer> {
    try {
      return await asked;
    } catch (error) {
      if (error instanceof CollectorError) throw error;
      const refusal = error instanceof Error ? tlsRefusal(error, 'export-clickhouse', this.origin) : undefined;
      throw refusal ?? this.failure(reasonOf(error));
    }
  }

  private failure(cause: string): ExportFailure {
    if (this.closed) return new ExportFailure('closed', `${this.name} is closed`, true);
    return new ExportFailure('unreachable', `${this.name} does not take rows: ${cause}`, false);
  }

  /** Without user and password. */
  private get origin(): string {
    return this.server.origin;
  }

  private get name(): string {
    return `${this.origin} table ${this.target.database}.${this.target.table}`;
  }
}

function lines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) count++;
  return count;
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, (character) => `\\${character}`)}'`;
}

function identifier(name: string): string {
  return `\`${name.replace(/[\\`]/g, (character) => `\\${character}`)}\``;
}
