/**
 * One POST an envelope. Acknowledged by a status of 2xx, and by nothing less: at least once. A far end in trouble (5xx, 408, 429, no
 * answer) is tried again; one that refuses an envelope (any other status) would refuse it for ever, so it is dropped and counted.
 */
import http from 'node:http';
import https from 'node:https';
import { type CredentialsSource, NO_CREDENTIALS } from '../credentials.js';
import { CollectorError, reasonOf } from '../errors.js';
import { type Exporter, ExportFailure } from './exporter.js';
import { identityFor } from './https-request.js';
import { tlsRefusal } from './tls-refusal.js';

/** Silence of so long, while it is sent or answered, is no answer. */
const SILENCE_MS = 30_000;

const CONTENT_TYPES = { protobufList: 'application/x-protobuf', jsonl: 'application/x-ndjson' } as const;

export class HttpExporter implements Exporter {
  private readonly agent: http.Agent;
  private readonly request: typeof http.request;
  private readonly name: string;
  private underWay: http.ClientRequest | undefined;
  private closed = false;

  constructor(
    private readonly url: URL,
    private readonly format: keyof typeof CONTENT_TYPES,
    private readonly credentials: CredentialsSource = NO_CREDENTIALS,
    private readonly silenceMs = SILENCE_MS,
  ) {
    const module = url.protocol === 'https:' ? https : http;
    this.agent = new module.Agent({ keepAlive: true, maxSockets: 1 });
    this.request = module.request;
    // Without user and password.
    this.name = `${url.origin}${url.pathname}`;
  }

  async write(envelope: Buffer): Promise<void> {
    if (this.closed) throw new ExportFailure('closed', `${this.name} is closed`, true);
    const status = await this.post(envelope).catch((error: unknown) => {
      throw this.closed
        ? new ExportFailure('closed', `${this.name} is closed`, true)
        : new ExportFailure('unreachable', `cannot post to ${this.name}: ${this.reason(error)}`, false);
    });
    if (status >= 200 && status < 300) return;
    const later = status >= 500 || status === 408 || status === 429;
    throw new ExportFailure(later ? 'unreachable' : 'refused', `${this.name} answered ${status}`, false);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.underWay?.destroy();
    this.agent.destroy();
  }

  private reason(error: unknown): string {
    const known =
      error instanceof CollectorError ? error : error instanceof Error ? tlsRefusal(error, 'export-http', this.url.origin) : undefined;
    return known?.sentence ?? reasonOf(error);
  }

  private async post(envelope: Buffer): Promise<number> {
    const identity = await identityFor(this.url, this.credentials);
    if (this.closed) throw new Error('closed');
    return new Promise((resolve, reject) => {
      const request = this.request(this.url, {
        ...identity,
        method: 'POST',
        agent: this.agent,
        timeout: this.silenceMs,
        headers: { 'content-type': CONTENT_TYPES[this.format], 'content-length': envelope.length },
      });
      this.underWay = request;
      request.on('timeout', () => request.destroy(new Error(`no answer for ${this.silenceMs / 1_000} s`)));
      request.on('error', reject);
      request.on('response', (response) => {
        response.on('error', reject);
        response.on('end', () => {
          // An answer before the end of the question: the envelope's memory must not be read any more once this resolves.
          if (!request.writableFinished) request.destroy();
          resolve(response.statusCode ?? 0);
        });
        response.resume();
      });
      request.end(envelope);
    });
  }
}
