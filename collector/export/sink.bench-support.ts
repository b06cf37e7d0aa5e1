/** A far end for benchmarks, in a process of its own: what it does must not count. Takes everything and keeps nothing. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Sink {
  readonly port: number;
  close(): Promise<void>;
}

const PROGRAM = `
const [kind, path] = process.argv.slice(1);
const ready = (port) => console.log(port);
if (kind === 'udp') {
  const socket = require('node:dgram').createSocket('udp4').bind(0, '127.0.0.1', () => ready(socket.address().port));
} else if (kind === 'http') {
  const server = require('node:http').createServer((request, response) => request.resume().on('end', () => response.end()));
  server.listen(0, '127.0.0.1', () => ready(server.address().port));
} else {
  const server = require('node:net').createServer((socket) => socket.on('error', () => {}).resume());
  if (kind === 'unix') server.listen(path, () => ready(0));
  else server.listen(0, '127.0.0.1', () => ready(server.address().port));
}
process.stdin.on('end', () => process.exit(0)).resume();
`;

/** @param path of a Unix socket */
export async function startSink(kind: 'tcp' | 'unix' | 'udp' | 'http', path = ''): Promise<Sink> {
  const child = spawn(process.execPath, ['-e', PROGRAM, kind, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    port: Number(port),
    close: async () => {
      const gone = once(child, 'exit');
      child.stdin.end();
      await gone;
    },
  };
}
