/**
 * A table of ClickHouse, over HTTP. One envelope is one INSERT (ProtobufList, or JSONEachRow for the records of polls), acknowledged only
 * when ClickHouse says that it wrote as many rows as were sent. The server needs no schema file: the .proto travels with the INSERT,
 * which takes ClickHouse 25.8 or newer (`format_schema_source`).
 */
import http from 'node:http';
import https from 'node:https';
import { SCHEMA_COMMENT, SCHEMA_VERSION, schemaVersionOf } from '../clickhouse/version.js';
import { MissingRight, reasonOf, UsageError } from '../errors.js';
import { protoText } from '../proto.js';
import type { ClickHouseTarget } from '../targets.js';
import { type Exporter, ExportFailure } from './exporter.js';

const SILENCE_MS = 30_000;
const LONGEST_ANSWER = 1 << 20;

/** Codes of ClickHouse (src/Common/ErrorCodes.cpp) that tell of the bytes that we sent: they would be the same the next time. */
const BAD_DATA = new Set([27, 32, 33, 117, 124, 434, 435]);
/** ACCESS_DENIED, AUTHENTICATION_FAILED, REQUIRED_PASSWORD, WRONG_PASSWORD, UNKNOWN_USER. */
const DENIED = new Set([497, 516, 194, 193, 192]);

interface Answer {
  readonly status: number;
  /** 0 when it is no error of ClickHouse. */
  readonly code: number;
  readonly text: string;
  readonly summary: { readonly read: number; readonly written: number } | undefined;
}

export class ClickHouseExporter implements Exporter {
  private readonly agent: http.Agent;
  private readonly request: typeof http.request;
  private readonly settings: Record<string, string>;
  private underWay: http.ClientRequest | undefined;
  private checked = false;
  private closed = false;

  constructor(
    private readonly target: ClickHouseTarget,
    private readonly format: 'protobufList' | 'jsonl',
    private readonly silenceMs = SILENCE_MS,
  ) {
    const module = target.url.protocol === 'https:' ? https : http;
    this.agent = new module.Agent({ keepAlive: true, maxSockets: 1 });
    this.request = module.request;
    const proto = { format_schema_source: 'string', format_schema: protoText(), format_schema_message_name: 'Row' };
    // The records of polls may have keys that an older table lacks.
    this.settings = format === 'jsonl' ? { input_format_skip_unknown_fields: '1' } : proto;
  }

  /**
   * Holds the table against what will be sent to it.
   * @throws UsageError when it is not there or of another schema version, MissingRight, ExportFailure when nobody answers
   */
  async check(): Promise<void> {
    const { database, table } = this.target;
    const filter = `database = ${quoted(database)} AND name = ${quoted(table)}`;
    const answer = await this.post(`SELECT comment FROM system.tables WHERE ${filter} FORMAT TabSeparated`);
    if (DENIED.has(answer.code)) throw new MissingRight('export-clickhouse', `${this.origin} refuses us: ${firstLine(answer.text)}`);
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
        'see `netsoakd clickhouse-schema`',
      );
    }
    await this.checkGrant();
    this.checked = true;
  }

  async write(envelope: Buffer, rows: number): Promise<void> {
    if (this.closed) throw this.failure('closed');
    // Of a server that was not there at the start.
    if (!this.checked) {
      await this.check().catch((error: unknown) => {
        throw error instanceof ExportFailure ? error : this.failure((error as Error).message);
      });
    }
    const { database, table } = this.target;
    const format = this.format === 'jsonl' ? 'JSONEachRow' : 'ProtobufList';
    const answer = await this.post(`INSERT INTO ${identifier(database)}.${identifier(table)} FORMAT ${format}`, envelope);
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

  async close(): Promise<void> {
    this.closed = true;
    this.underWay?.destroy();
    this.agent.destroy();
  }

  /** INSERT is a right of its own. A server that does not know how to tell (before 24.11) says it with the first envelope. */
  private async checkGrant(): Promise<void> {
    const { database, table } = this.target;
    const answer = await this.post(`CHECK GRANT INSERT ON ${identifier(database)}.${identifier(table)}`);
    if (answer.status === 200 && answer.text.trim() === '0') {
      throw new MissingRight('export-clickhouse', `${this.origin} does not let this user INSERT into ${database}.${table}`, 'grant it');
    }
  }

  private async post(query: string, body?: Buffer): Promise<Answer> {
    const url = new URL(this.target.url);
    // A SELECT goes as the body, as everywhere; an INSERT's body is its data.
    const settings: Record<string, string> =
      body === undefined ? {} : { query, wait_end_of_query: '1', async_insert: '0', ...this.settings };
    for (const [name, value] of Object.entries(settings)) url.searchParams.set(name, value);
    const bytes = body ?? Buffer.from(query);
    try {
      return await new Promise<Answer>((resolve, reject) => {
        const headers = { 'content-type': 'application/octet-stream', 'content-length': bytes.length };
        const request = this.request(url, { method: 'POST', agent: this.agent, timeout: this.silenceMs, headers });
        this.underWay = request;
        request.on('timeout', () => request.destroy(new Error(`no answer for ${this.silenceMs / 1_000} s`)));
        request.on('error', reject);
        request.on('response', (response) => {
          const parts: Buffer[] = [];
          let length = 0;
          response.on('error', reject);
          response.on('data', (part: Buffer) => {
            length += part.length;
            if (length <= LONGEST_ANSWER) parts.push(part);
          });
          response.on('end', () => {
            // The envelope's memory must not be read any more once this resolves.
            if (!request.writableFinished) request.destroy();
            resolve({
              status: response.statusCode ?? 0,
              code: Number(response.headers['x-clickhouse-exception-code'] ?? 0),
              text: Buffer.concat(parts).toString(),
              summary: summaryOf(response.headers['x-clickhouse-summary']),
            });
          });
        });
        request.end(bytes);
      });
    } catch (error) {
      throw this.failure(reasonOf(error));
    }
  }

  private failure(cause: string): ExportFailure {
    if (this.closed) return new ExportFailure('closed', `${this.name} is closed`, true);
    return new ExportFailure('unreachable', `${this.name} does not take rows: ${cause}`, false);
  }

  /** Without user and password. */
  private get origin(): string {
    return `clickhouse ${this.target.url.origin}`;
  }

  private get name(): string {
    return `${this.origin} table ${this.target.database}.${this.target.table}`;
  }
}

function summaryOf(header: string | string[] | undefined): Answer['summary'] {
  if (typeof header !== 'string') return undefined;
  try {
    const { read_rows, written_rows } = JSON.parse(header) as Record<string, string>;
    return { read: Number(read_rows), written: Number(written_rows) };
  } catch {
    return undefined;
  }
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
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
