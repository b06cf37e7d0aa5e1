/**
 * Who owns a detached run. Its conductor listens on a Unix socket; whoever is connected owns it, and the kernel tells when he is gone, in
 * whatever way. A run that nobody owns for too long ends in order, so that a forgotten one does not stay for ever.
 *
 * A line each: the owner says `interrupt` or `kill`, the conductor says the exit code when all is over.
 */
import { createConnection, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** So long a run lives on without an owner. */
export const OWNERLESS_MS = 600_000;

export interface Wishes {
  interrupt(): void;
  kill(): void;
  /** Nobody was there for so long. Told once. */
  expired(): void;
}

export interface Lease {
  /** Tells whoever is there how it ended, and listens no more. */
  end(exitCode: number): Promise<void>;
}

export async function openLease(path: string, wishes: Wishes, ownerlessMs: number = OWNERLESS_MS): Promise<Lease> {
  const owners = new Set<Socket>();
  let timer: NodeJS.Timeout | undefined;
  const watch = (): void => {
    clearTimeout(timer);
    timer = owners.size === 0 ? setTimeout(() => wishes.expired(), ownerlessMs).unref() : undefined;
  };
  const server = createServer((socket) => {
    owners.add(socket);
    watch();
    // An owner that is killed resets the connection; that he is gone is all we need to know.
    socket.on('error', () => {});
    socket.once('close', () => {
      owners.delete(socket);
      watch();
    });
    createInterface({ input: socket })
      .on('error', () => {})
      .on('line', (line) => {
        if (line === 'interrupt') wishes.interrupt();
        if (line === 'kill') wishes.kill();
      });
  });
  await new Promise<void>((done, fail) => server.once('error', fail).listen(path, done));
  server.unref();
  watch();
  return {
    end: async (exitCode) => {
      clearTimeout(timer);
      server.close();
      await Promise.all([...owners].map((socket) => new Promise<void>((done) => socket.once('close', done).end(`${exitCode}\n`))));
    },
  };
}

export interface Ownership {
  interrupt(): void;
  kill(): void;
  /** Resolves with the exit code at the end, undefined when the conductor died. */
  readonly ended: Promise<number | undefined>;
  /** Leaves the run to itself. */
  leave(): void;
}

/** Rejects when nobody listens there. */
export async function takeLease(path: string): Promise<Ownership> {
  const socket = createConnection(path);
  await new Promise<void>((done, fail) => socket.once('connect', done).once('error', fail));
  socket.on('error', () => {});
  let code: number | undefined;
  createInterface({ input: socket })
    .on('error', () => {})
    .on('line', (line) => {
      code = Number(line);
    });
  return {
    interrupt: () => void socket.write('interrupt\n'),
    kill: () => void socket.write('kill\n'),
    ended: new Promise((done) => socket.once('close', () => done(code))),
    leave: () => void socket.destroy(),
  };
}
