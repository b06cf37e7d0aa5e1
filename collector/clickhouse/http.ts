/** Asking a ClickHouse over HTTP. */
import http from 'node:http';
import https from 'node:https';
import type { CredentialsSource } from '../credentials.js';
import { identityFor } from '../export/https-request.js';

const SILENCE_MS = 30_000;
const LONGEST_ANSWER = 1 << 20;

/** ACCESS_DENIED, AUTHENTICATION_FAILED, REQUIRED_PASSWORD, WRONG_PASSWORD, UNKNOWN_USER (src/Common/ErrorCodes.cpp). */
export const DENIED: ReadonlySet<number> = new Set([497, 516, 194, 193, 192]);

export interface Answer {
  readonly status: number;
  /** 0 when it is no error of ClickHouse. */
  readonly code: number;
  readonly text: string;
  readonly summary: { readonly read: number; readonly written: number } | undefined;
}

export class ClickHouseHttp {
  private readonly agent: http.Agent;
  private readonly request: typeof http.request;
  private underWay: http.ClientRequest | undefined;
  private closed = false;

  constructor(
    private readonly url: URL,
    private readonly credentials: CredentialsSource,
    private readonly silenceMs = SILENCE_MS,
  ) {
    const module = url.protocol === 'https:' ? https : http;
    this.agent = new module.Agent({ keepAlive: true, maxSockets: 1 });
    this.request = module.request;
  }

  /** Without user and password. */
  get origin(): string {
    return `clickhouse ${this.url.origin}`;
  }

  /** @throws CollectorError of the credentials, Error of the connection */
  ask(query: string): Promise<Answer> {
    return this.post(this.url, Buffer.from(query));
  }

  /** An INSERT, whose body is its data. @throws as {@link ask} */
  insert(query: string, settings: Readonly<Record<string, string>>, body: Buffer): Promise<Answer> {
    const url = new URL(this.url);
    for (const [name, value] of Object.entries({ query, ...settings })) url.searchParams.set(name, value);
    return this.post(url, body);
  }

  close(): void {
    this.closed = true;
    this.underWay?.destroy();
    this.agent.destroy();
  }

  private async post(url: URL, bytes: Buffer): Promise<Answer> {
    const identity = await identityFor(url, this.credentials);
    if (this.closed) throw new Error('closed');
    return new Promise<Answer>((resolve, reject) => {
      const headers = { 'content-type': 'application/octet-stream', 'content-length': bytes.length };
      const request = this.request(url, { ...identity, method: 'POST', agent: this.agent, timeout: this.silenceMs, headers });
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

export function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}
