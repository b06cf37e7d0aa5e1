/**
 * The agent's end of the control channel. A virtio-serial port is a character device: libuv has no stream for
 * it, and a blocking read would hold one of its four pool threads for ever. So a `cat` of its own reads (it
 * dies with us), and writes are synchronous in order, each a whole line.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, openSync, statSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { FromAgent, ToAgent } from './protocol.js';

export interface Channel {
  send(message: FromAgent): void;
  /** Takes what comes from now on; what has come waits. `onClose` is called once when the other side is gone. To be called once. */
  listen(onMessage: (m: ToAgent) => void, onClose: () => void): void;
  /** Resolves once all that was sent is out. */
  close(): Promise<void>;
}

/** Opens a Unix socket, or a character device once it is there: a guest that is not complete has no ports yet. */
export async function openChannel(path: string): Promise<Channel> {
  while (path.startsWith('/dev/') && !existsSync(path)) await delay(10);
  return statSync(path).isSocket() ? openSocket(path) : openDevice(path);
}

function readLines(stream: Readable, onMessage: (m: ToAgent) => void, onClose: () => void): void {
  const lines = createInterface({ input: stream });
  lines.on('line', (line) => {
    if (line !== '') onMessage(JSON.parse(line) as ToAgent);
  });
  lines.on('error', onClose);
  lines.once('close', onClose);
}

async function openSocket(path: string): Promise<Channel> {
  const socket = connect(path);
  await new Promise<void>((done, failed) => socket.once('connect', done).once('error', failed));
  return {
    listen: (onMessage, onClose) => {
      socket.on('error', onClose);
      readLines(socket, onMessage, onClose);
    },
    send: (message) => void socket.write(`${JSON.stringify(message)}\n`),
    close: () => new Promise<void>((done) => socket.end(done)),
  };
}

function openDevice(path: string): Channel {
  const fd = openSync(path, 'r+');
  let reader: ChildProcess | undefined;
  return {
    listen: (onMessage, onClose) => {
      reader = spawn('cat', [], { stdio: [fd, 'pipe', 'ignore'] });
      if (reader.stdout) readLines(reader.stdout, onMessage, onClose);
    },
    send: (message) => {
      const line = Buffer.from(`${JSON.stringify(message)}\n`);
      for (let written = 0; written < line.length; ) written += writeSync(fd, line, written);
    },
    close: async () => void reader?.kill('SIGKILL'),
  };
}
