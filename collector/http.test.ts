import { afterEach, expect, it } from 'vitest';
import { type Endpoint, serve } from './http.js';
import { Gauge, Registry } from './prom.js';

let endpoint: Endpoint | undefined;
afterEach(() => endpoint?.close());

async function served(unready: () => string) {
  const registry = new Registry();
  new Gauge({ name: 'x', help: 'An x.', registers: [registry] }).set(7);
  endpoint = await serve({ host: '127.0.0.1', port: 0 }, registry, unready);
  return (path: string, method = 'GET') => fetch(new URL(path, endpoint?.url), { method });
}

it('is healthy while it lives, and ready when nothing stands against it: 503 says what does', async () => {
  let reason = 'no poll has ended for 12.0 s; a pass of route is stuck';
  const get = await served(() => reason);
  const late = await get('/readyz');
  expect([late.status, await late.text()]).toEqual([503, `${reason}\n`]);
  expect((await get('/healthz')).status).toBe(200);
  reason = '';
  const ready = await get('/readyz');
  expect([ready.status, await ready.text()]).toEqual([200, 'ready\n']);
});

it('gives metrics in the text format, to GET and HEAD', async () => {
  const get = await served(() => '');
  const metrics = await get('/metrics');
  expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(await metrics.text()).toContain('# TYPE x gauge\nx 7\n');
  expect((await (await get('/metrics', 'HEAD')).text()).length).toBe(0);
  expect((await get('/metrics', 'POST')).status).toBe(405);
  expect((await get('/')).status).toBe(404);
});
