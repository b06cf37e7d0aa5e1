/** `/metrics`, `/healthz` and `/readyz`. Loopback unless told otherwise: the metrics tell what a host does. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { errnoOf, MissingRight, reasonOf, UsageError } from './errors.js';
import type { Listen } from './targets.js';

export interface Endpoint {
  /** `http://127.0.0.1:40123/metrics`, with the port that was taken. */
  readonly url: string;
  /** Ends at once, scrapes under way too: nothing here may delay a stop. */
  close(): Promise<void>;
}

/**
 * @param unready why this collector is not ready, '' when it is
 * @throws UsageError when the address can't be had, MissingRight when it may not
 */
export async function serve(listen: Listen, registry: Registry, unready: () => string): Promise<Endpoint> {
  const server = http.createServer((request, response) => {
    answer(request.method ?? '', new URL(request.url ?? '/', 'http://localhost').pathname, registry, unready).then(
      ({ status, type, body }) => {
        response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
        response.end(request.method === 'HEAD' ? undefined : body);
      },
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const sentence = `cannot serve metrics on ${listen.host}:${listen.port}: ${reasonOf(error)}`;
      const hint = 'name another address with --metrics HOST:PORT; port 0 takes a free one, off serves none';
      reject(errnoOf(error) === 'EACCES' ? new MissingRight('metrics', sentence, hint) : new UsageError('metrics', sentence, hint));
    });
    server.listen(listen.port, listen.host, resolve);
  });
  const { port, address, family } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

async function answer(method: string, path: string, registry: Registry, unready: () => string): Promise<Answer> {
  const text = (status: number, body: string) => ({ status, type: 'text/plain; charset=utf-8', body: `${body}\n` });
  if (method !== 'GET' && method !== 'HEAD') return text(405, 'only GET and HEAD');
  switch (path) {
    case '/metrics':
      return { status: 200, type: registry.contentType, body: await registry.metrics() };
    case '/healthz':
      return text(200, 'ok');
    case '/readyz': {
      const reason = unready();
      return reason === '' ? text(200, 'ready') : text(503, reason);
    }
    default:
      return text(404, 'there are /metrics, /healthz and /readyz');
  }
}
