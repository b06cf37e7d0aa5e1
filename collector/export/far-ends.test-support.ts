/** Far ends on this machine's loopback, for the tests of exporters. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo, type ListenOptions } from 'node:net';
import { addon } from '../../native/addon.js';

const open: (() => Promise<void>)[] = [];

/** Ends every far end that a test made and left. */
export async function closeFarEnds(): Promise<void> {
  await Promise.all(open.splice(0).map((close) => close()));
}

export interface FarSocket {
  address(): AddressInfo | string | null;
  /** What each connection brought, as far as it is there. */
  readonly connections: Buffer[][];
  /** Everything that the first connection brought, once that has ended. */
  arrived(): Promise<Buffer>;
  /** Stops listening and cuts every connection. */
  close(): Promise<void>;
}

export async function farSocket(options: ListenOptions): Promise<FarSocket> {
  const connections: Buffer[][] = [];
  const sockets = new Set<net.Socket>();
  let ended: () => void = () => {};
  const whenEnded = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const server = net.createServer((socket) => {
    const parts: Buffer[] = [];
    connections.push(parts);
    sockets.add(socket);
    socket.on('data', (part) => parts.push(part as Buffer));
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      ended();
    });
  });
  server.listen(options);
  await once(server, 'listening');
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  open.push(close);
  return {
    address: () => server.address(),
    connections,
    arrived: async () => {
      await whenEnded;
      return Buffer.concat(connections[0] ?? []);
    },
    close,
  };
}

export interface FarDatagrams {
  /** Datagrams taken so far. */
  readonly datagrams: Buffer[];
  /** Stops or goes on reading. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  /** Every datagram, in order. */
  end(): Promise<Buffer[]>;
}

/** A Unix socket of datagrams at a path, which Node can't be. Perl's base, with the module used here, is part of every Debian. */
export async function farDatagrams(path: string): Promise<FarDatagrams> {
  const program = `use Socket; $| = 1;
    my ($s, $m); socket($s, AF_UNIX, SOCK_DGRAM, 0) && bind($s, pack_sockaddr_un($ARGV[0])) or die "$!";
    print pack("N", 0);
    while (defined recv($s, $m, 1 << 20, 0)) { print pack("N", length $m), $m; }`;
  const child = spawn('perl', ['-e', program, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const datagrams: Buffer[] = [];
  let rest = Buffer.alloc(0);
  child.stdout.on('data', (part: Buffer) => {
    rest = Buffer.concat([rest, part]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE()) {
      const end = 4 + rest.readUInt32BE();
      datagrams.push(rest.subarray(4, end));
      rest = rest.subarray(end);
    }
  });
  // The empty one says that it listens.
  while (datagrams.shift() === undefined) await once(child.stdout, 'data');
  const gone = once(child, 'close');
  open.push(async () => {
    child.kill('SIGKILL');
    await gone;
  });
  return {
    datagrams,
    signal: (name) => void child.kill(name),
    async end() {
      // Behind all others in the queue.
      const fd = addon().connectUnixDatagram(path);
      while (addon().sendDatagram(fd, Buffer.alloc(0)) !== 0) await new Promise((resolve) => setTimeout(resolve, 5));
      closeSync(fd);
      while (datagrams.at(-1)?.length !== 0) await once(child.stdout, 'data');
      datagrams.pop();
      return datagrams;
    },
  };
}

export interface FarHttp {
  readonly url: URL;
  /** Type, user and body of every request that was read to its end, in order. */
  readonly requests: { readonly type: string; readonly authorization: string; readonly body: Buffer }[];
  /** Bodies of those that were acknowledged, one behind the other. */
  taken(): Buffer;
}

/** @param answer the status for the request of this number; 0 for none at all, a negative one before its body was read */
export async function farHttp(answer: (request: number) => number): Promise<FarHttp> {
  const requests: FarHttp['requests'] = [];
  const taken: Buffer[] = [];
  let count = 0;
  const server = http.createServer((request, response) => {
    const status = answer(count++);
    if (status < 0) {
      response.writeHead(-status).end();
      return;
    }
    const parts: Buffer[] = [];
    request.on('data', (part) => parts.push(part as Buffer));
    request.on('error', () => {});
    request.on('end', () => {
      const body = Buffer.concat(parts);
      requests.push({ type: request.headers['content-type'] ?? '', authorization: request.headers.authorization ?? '', body });
      if (status === 0) return;
      if (status < 300) taken.push(body);
      response.writeHead(status).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/rows`), requests, taken: () => Buffer.concat(taken) };
}
