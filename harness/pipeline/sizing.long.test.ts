/** What a row takes, measured as sizing.ts says it was: sockets with traffic, through netsoakd, in ClickHouse. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PROJECT } from '../project.js';
import { ClickHouse } from './clickhouse.js';
import { DISK_BYTES, WIRE_BYTES } from './sizing.js';

const PROGRAM = join(PROJECT, 'dist/collector/main.js');
const CONNECTIONS = 1_000;

let dir: string;
let database: ClickHouse;
let daemon: ChildProcess | undefined;
const sockets: net.Socket[] = [];
const server = net.createServer((socket) => {
  sockets.push(socket.on('error', () => {}));
  socket.pipe(socket);
});
beforeAll(async () => {
  dir = fs.mkdtempSync(join(tmpdir(), 'netsoak-sizing-'));
  database = await ClickHouse.start(dir);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  daemon?.kill('SIGKILL');
  for (const socket of sockets) socket.destroy();
  server.close();
  await database?.stop();
  fs.rmSync(dir, { recursive: true });
});

it('a row takes on the wire and on disk what the sizes are made of', async () => {
  const target = `clickhouse:${database.url}/netsoak/tcp`;
  expect(spawnSync(process.execPath, [PROGRAM, 'clickhouse-schema', '--target', target, '--apply']).status).toBe(0);
  const { port } = server.address() as net.AddressInfo;
  const clients = Array.from({ length: CONNECTIONS }, (_, index) =>
    net.connect({ port, host: '127.0.0.1', localAddress: `127.0.1.${1 + (index % 250)}` }),
  );
  for (const client of clients) sockets.push(client.on('error', () => {}).resume());
  const traffic = setInterval(() => {
    for (const client of clients) if (Math.random() < 0.1) client.write('x'.repeat(1 + Math.floor(900 * Math.random())));
  }, 500);
  let text = '';
  daemon = spawn(process.execPath, [PROGRAM, '--export', target, '--interval', '1s', '--filter', `sport = :${port} or dport = :${port}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  daemon.stderr?.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  const count = async () => Number(await database.query('SELECT count() FROM netsoak.tcp'));
  while ((await count()) < 20 * CONNECTIONS) await sleep(500);
  const at = /"metrics":"([^"]+)"/.exec(text)?.[1] as string;
  const metrics = await (await fetch(at)).text();
  const of = (name: string) => Number(new RegExp(`^${name} (.*)$`, 'm').exec(metrics)?.[1]);
  clearInterval(traffic);
  daemon.kill('SIGKILL');
  await database.query('OPTIMIZE TABLE netsoak.tcp FINAL');
  const parts = "SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts WHERE active AND database = 'netsoak' AND table = 'tcp'";
  const [wire, disk] = [of('netsoakd_export_bytes_total') / of('netsoakd_rows_exported_total'), Number(await database.query(parts))];
  console.log(`bytes a row: ${wire.toFixed(1)} on the wire, ${disk.toFixed(1)} in ClickHouse`);
  // Within a quarter: counters of other sizes, another compression.
  expect(Math.abs(wire / WIRE_BYTES - 1)).toBeLessThan(0.25);
  expect(disk).toBeLessThan(1.25 * DISK_BYTES);
});
