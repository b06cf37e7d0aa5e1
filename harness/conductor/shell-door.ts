/**
 * Where `netsoak shell RUN` comes in while the target of a run is a VM that is up: a Unix socket that nobody else on this machine can open, of which
 * the run directory says where it is. A line of JSON each way; what is said goes on to the agent and comes back from it as it is.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { FromShell, ToShell } from '../agent/protocol.js';

const POINTER = '.shell';

/** Socket of a run that has one; undefined when it is over, or its VM not up. */
export function doorOf(runDirectory: string): string | undefined {
  try {
    return readFileSync(join(runDirectory, POINTER), 'utf8').trim();
  } catch {
    return undefined;
  }
}

export interface ShellDoor {
  /** What the agent says to one of them. */
  hear(shell: number, say: FromShell): void;
  /** Nobody is let in any more, and who is in is put out. */
  close(): void;
}

/** @param opened called once for each that comes in */
export async function openDoor(
  runDirectory: string,
  path: string,
  tell: (shell: number, say: ToShell) => void,
  opened: () => void,
): Promise<ShellDoor> {
  const guests = new Map<number, Socket>();
  let count = 0;
  const server = createServer((socket) => {
    const shell = ++count;
    guests.set(shell, socket);
    opened();
    socket.on('error', () => {});
    socket.once('close', () => {
      guests.delete(shell);
      tell(shell, { close: true });
    });
    createInterface({ input: socket })
      .on('error', () => {})
      .on('line', (line) => tell(shell, JSON.parse(line) as ToShell));
  });
  await new Promise<void>((done, fail) => server.once('error', fail).listen(path, done));
  writeFileSync(join(runDirectory, POINTER), `${path}\n`);
  return {
    hear: (shell, say) => {
      const socket = guests.get(shell);
      socket?.write(`${JSON.stringify(say)}\n`);
      if ('exit' in say) socket?.end();
    },
    close: () => {
      rmSync(join(runDirectory, POINTER), { force: true });
      server.close();
      for (const socket of guests.values()) socket.destroy();
    },
  };
}
