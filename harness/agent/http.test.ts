import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpGet, readMetrics } from './http.js';

describe('metrics of a subject', () => {
  const text = '# HELP a x\na_total 3\nb_total{reason="x } y"} 2\nb_total{reason="z"} 5 1395066363000\nab_total 9\nc NaN\n';

  it('are summed over labels', () => {
    expect([...readMetrics(text, ['a_total', 'b_total'])]).toEqual([
      ['a_total', 3],
      ['b_total', 7],
    ]);
  });

  it('are unknown where the subject did not say', () => {
    expect([...readMetrics(text, ['c', 'd_total'])]).toEqual([
      ['c', null],
      ['d_total', null],
    ]);
  });
});

describe('a GET', () => {
  const server = createServer((request, response) => {
    if (request.url === '/hang') return;
    response.statusCode = request.url === '/busy' ? 503 : 200;
    response.end('hello');
  });
  let port = 0;
  beforeAll(async () => {
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    port = (server.address() as { port: number }).port;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it('brings status and body', async () => {
    expect(await httpGet(`http://127.0.0.1:${port}/`, 5000)).toEqual({ status: 200, body: 'hello' });
    expect((await httpGet(`http://127.0.0.1:${port}/busy`, 5000))?.status).toBe(503);
  });

  it('is unknown when nobody answers or nobody listens', async () => {
    expect(await httpGet(`http://127.0.0.1:${port}/hang`, 50)).toBeUndefined();
    expect(await httpGet('http://127.0.0.1:1/', 5000)).toBeUndefined();
  });
});
