/**
 * One end of a TCP stream between namespaces, as a program. `sink`: takes what comes on port 9 and throws it away. `source`: a line `ADDRESS`
 * begins to send there as fast as it can, a line `stop` ends that. Both say a line when they are ready, the source another when it has stopped.
 */
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

const PORT = 9;
const say = (word: string) => process.stdout.write(`${word}\n`);

function sink(): void {
  const server = createServer((socket) => {
    socket.resume();
    socket.on('error', () => {});
  });
  server.listen(PORT, () => say('ready'));
  // Whoever started this is gone: so is the reason to be.
  process.stdin.resume().once('end', () => process.exit(0));
}

async function source(): Promise<void> {
  say('ready');
  let socket: Socket | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    socket?.destroy();
    if (line === 'stop') say('stopped');
    else socket = send(line);
  }
}

function send(address: string): Socket {
  const chunk = Buffer.alloc(256 * 1024);
  const socket = connect(PORT, address);
  const pump = () => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', pump).once('connect', pump);
  return socket.on('error', () => {});
}

if (process.argv[2] === 'sink') sink();
else await source();
