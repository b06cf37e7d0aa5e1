/** The conductor's end of the control channel: listens, since QEMU and the host's agent both connect to it. */
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { FromAgent, ToAgent } from '../agent/protocol.js';

export interface Control {
  send(message: ToAgent): void;
  close(): void;
}

export async function listenControl(path: string, onMessage: (message: FromAgent) => void): Promise<Control> {
  let socket: Socket | undefined;
  const server: Server = createServer((connection) => {
    socket = connection;
    // A target that is killed resets the connection; its exit tells more. readline hands the error on as its own.
    connection.on('error', () => {});
    createInterface({ input: connection })
      .on('error', () => {})
      .on('line', (line) => {
        const message = parse(line);
        if (message) onMessage(message);
      });
  });
  await new Promise<void>((done, fail) => server.once('error', fail).listen(path, done));
  return {
    send: (message) => void socket?.write(`${JSON.stringify(message)}\n`),
    close: () => {
      socket?.destroy();
      server.close();
    },
  };
}

/** A line cut off by a dying guest is no message. */
function parse(line: string): FromAgent | undefined {
  try {
    return JSON.parse(line) as FromAgent;
  } catch {
    return undefined;
  }
}
