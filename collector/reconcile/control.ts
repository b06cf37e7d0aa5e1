/**
 * The control socket: one JSON array of words a line in, one JSON object a line out (`{"ok": ...}` or `{"error": "..."}`). Only the owner of
 * the socket file may connect.
 */
import { chmod, rm } from 'node:fs/promises';
import { createConnection, createServer, type Socket } from 'node:net';

export interface Control {
  close(): Promise<void>;
}

const LONGEST_LINE = 1 << 20;

export async function serveControl(path: string, command: (words: readonly string[]) => Promise<unknown>): Promise<Control> {
  const open = new Set<Socket>();
  // Half open: a client that has said all it has to say still wants the answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    let answers: Promise<unknown> = Promise.resolve();
    socket.on('end', () => void answers.then(() => socket.end()));
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    eachLine(socket, (line) => {
      const said = answer(line, command);
      answers = Promise.all([answers, said]).then(([, text]) => {
        if (socket.writable) socket.write(text);
      });
    });
  });
  // What an earlier life left behind; a living daemon would hold the lock of what it writes to all the same.
  await rm(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
  return {
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await rm(path, { force: true });
    },
  };
}

/** Calls with each whole line. A peer that sends megabytes without one is cut off. (readline throws the socket's errors once more.) */
function eachLine(socket: Socket, take: (line: string) => void): void {
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LONGEST_LINE) socket.destroy();
    for (const line of lines) take(line);
  });
}

async function answer(line: string, command: (words: readonly string[]) => Promise<unknown>): Promise<string> {
  try {
    const words: unknown = JSON.parse(line);
    if (!Array.isArray(words) || !words.every((word) => typeof word === 'string')) throw new Error('expected a JSON array of words');
    return `${JSON.stringify({ ok: (await command(words)) ?? null })}\n`;
  } catch (error) {
    return `${JSON.stringify({ error: error instanceof Error ? error.message : String(error) })}\n`;
  }
}

/** Says one command to a running daemon. @throws Error with the daemon's sentence, or an errno in `code` when nobody listens */
export function ask(path: string, words: readonly string[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once('error', reject);
    socket.end(`${JSON.stringify(words)}\n`);
    eachLine(socket, (line) => {
      socket.destroy();
      const reply = JSON.parse(line) as { ok?: unknown; error?: string };
      if (reply.error === undefined) resolve(reply.ok);
      else reject(new Error(reply.error));
    });
    socket.once('close', () => reject(new Error('the daemon hung up without an answer')));
  });
}
