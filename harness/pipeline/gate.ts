#!/usr/bin/env node
/**
 * Makes services out here answer in a network namespace that has no way out: `node gate.js PID HOST:PORT...` listens on each of these
 * addresses (IPv4; the loopback device gets those it lacks) in the network namespace of that process, hands every connection on to the
 * same address here, and prints `open`.
 *
 * The listening sockets are made by children that enter the namespace (`node gate.js listen HOST:PORT` under nsenter(1)) and come back
 * as descriptors: a socket stays in the namespace it was made in, whoever holds it, so one hop is enough.
 */
import { spawn } from 'node:child_process';
import { connect, createServer, type Server } from 'node:net';

const [what = '', ...addresses] = process.argv.slice(2);
if (what === 'listen') listen(addresses[0] as string);
else {
  await Promise.all(addresses.map((address) => open(what, address)));
  console.log('open');
}

/** In the namespace: makes the socket and gives it away. */
function listen(address: string): void {
  const server = createServer();
  server.listen(placeOf(address), () => process.send?.('listening', server, undefined, () => process.exit(0)));
}

async function open(pid: string, address: string): Promise<void> {
  const { host } = placeOf(address);
  const way = host.startsWith('127.') ? '' : `ip addr replace ${host}/32 dev lo && `;
  const listener = [process.execPath, process.argv[1] as string, 'listen', address];
  const child = spawn('nsenter', ['-n', '-t', pid, 'sh', '-c', `${way}exec "$@"`, 'sh', ...listener], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const server = await new Promise<Server>((resolve, reject) => {
    child.once('message', (_, handle) => resolve(handle as Server));
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`nobody could listen on ${address} in there: exit ${code}`)));
  });
  server.on('connection', (inside) => {
    const outside = connect({ ...placeOf(address), allowHalfOpen: true });
    inside.allowHalfOpen = true;
    for (const socket of [inside, outside]) socket.setNoDelay(true);
    inside.pipe(outside).pipe(inside);
    // Whoever is not there, or is gone, is so on both sides.
    const end = () => {
      inside.resetAndDestroy();
      outside.resetAndDestroy();
    };
    inside.on('error', end);
    outside.on('error', end);
  });
}

function placeOf(address: string): { host: string; port: number } {
  const [host = '', port] = address.split(':');
  return { host, port: Number(port) };
}
