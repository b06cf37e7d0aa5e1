/** Far ends behind https: whom they must be, and who we are. ClickHouse's words are a stand-in's here; TLS and the login are real. */
import fs from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Credentials } from '../credentials.js';
import { makeCertificates, type Pair } from './certificates.test-support.js';
import { frameOfRows } from './contract.test-support.js';
import { openFarEnd } from './exporter.js';

let dir: string;
let certificates: ReturnType<typeof makeCertificates>;
let server: https.Server;
let requests: { readonly user: string; readonly shown: unknown; readonly bytes: number }[] = [];
beforeAll(async () => {
  dir = fs.mkdtempSync(join(tmpdir(), 'netsoak-https-'));
  certificates = makeCertificates(dir);
  const { own, server: mine } = certificates;
  const options = { ca: fs.readFileSync(own.cert), ...read(mine), requestCert: true, rejectUnauthorized: false };
  server = https.createServer(options, async (request, response) => {
    const user = Buffer.from(request.headers.authorization?.slice(6) ?? '', 'base64').toString();
    const { CN } = (request.socket as TLSSocket).getPeerCertificate().subject ?? {};
    requests.push({ user, shown: CN, bytes: (await buffer(request)).length });
    const summary = { 'x-clickhouse-summary': JSON.stringify({ read_rows: '3', written_rows: '3' }) };
    if (user === 'alice:secret') return response.writeHead(200, summary).end('netsoak rows of somebody\n');
    response.writeHead(403, { 'x-clickhouse-exception-code': '516' }).end('Code: 516. DB::Exception: alice: Authentication failed\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
  fs.rmSync(dir, { recursive: true });
});
beforeEach(() => {
  requests = [];
});

const read = ({ cert, key }: Pair) => ({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) });

function credentials(changed: Partial<Credentials> = {}): Credentials {
  const tls = { ca: fs.readFileSync(certificates.own.cert), ...read(certificates.client) };
  return { mechanism: 'PLAIN', password: 'secret', tls, ...changed };
}

const open = (kind: 'http' | 'clickhouse', who: () => Credentials, host = '127.0.0.1') => {
  const url = new URL(`https://alice@${host}:${(server.address() as AddressInfo).port}/`);
  const target = kind === 'http' ? { kind, url } : { kind, url, database: 'netsoak', table: 'rows' };
  return openFarEnd(target, 'protobufList', { hostname: 'web1', longest: 1, patient: false, credentials: async () => who() });
};

describe.each(['http', 'clickhouse'] as const)('export over https: %s', (kind) => {
  it('gets the rows, the user with his password, and our certificate', async () => {
    const exporter = await open(kind, credentials);
    await exporter.write(frameOfRows(0, 3, 1), 3);
    await exporter.close();
    expect(new Set(requests.map(({ user, shown }) => `${user} ${shown}`))).toEqual(new Set(['alice:secret alice']));
    expect(requests.at(-1)?.bytes).toBe(frameOfRows(0, 3, 1).length);
  });

  it.each([
    ['an authority that nobody here knows', '127.0.0.1', 'stranger', 'is of no authority that is trusted here'],
    ['another name', '127.0.0.2', 'own', 'is for another name'],
  ])('is refused where its certificate is of %s: nothing is sent', async (_, host, authority, sentence) => {
    const ca = fs.readFileSync(authority === 'own' ? certificates.own.cert : certificates.stranger.ca);
    const failure = await open(kind, () => credentials({ tls: { ca } }), host)
      .then((exporter) => exporter.write(frameOfRows(0, 3, 1), 3))
      .catch((error: unknown) => error);
    // A web server can't be asked ahead of the first row.
    expect(failure).toMatchObject({ message: expect.stringContaining(sentence), ...(kind === 'clickhouse' && { exitCode: 64 }) });
    expect(requests).toEqual([]);
  });

  it('gets a new password from the next envelope on', async () => {
    let password = 'secret';
    const exporter = await open(kind, () => credentials({ password }));
    password = 'wrong';
    await expect(exporter.write(frameOfRows(0, 3, 1), 3)).rejects.toMatchObject({
      message: expect.not.stringContaining('wrong'),
    });
    password = 'secret';
    await exporter.write(frameOfRows(0, 3, 1), 3);
    await exporter.close();
  });
});

it('ends with 77 where ClickHouse does not take the password', async () => {
  await expect(open('clickhouse', () => credentials({ password: 'x' }))).rejects.toMatchObject({
    exitCode: 77,
    hint: expect.stringContaining('password-file'),
  });
});
