/**
 * Namespaces and TCP sockets for the kernel tests: real ones, with an address pair of their own for each connection, and the list
 * of what was made. Everything made here is undone by `release()`.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { NamespaceRef } from './index.js';

let made = 0;

export interface Endpoint {
  readonly local: string;
  readonly localPort: number;
  readonly remote: string;
  readonly remotePort: number;
}

export class TestNamespaces {
  readonly #names: string[] = [];
  readonly #children: ChildProcess[] = [];
  readonly #enter: readonly string[];

  /** @param enter command and arguments that run the rest of their line elsewhere, such as in another mount namespace */
  constructor(enter: readonly string[] = []) {
    this.#enter = enter;
  }

  /** A fresh namespace with loopback up. */
  add(): string {
    return this.addMany(1)[0] as string;
  }

  addMany(count: number): string[] {
    const names = Array.from({ length: count }, () => `soaktest-${process.pid}-${made++}`);
    this.#ip(['-batch', '-'], names.map((name) => `netns add ${name}\n`).join(''));
    this.#names.push(...names);
    for (const name of count > 10 ? [] : names) this.#ip(['-n', name, 'link', 'set', 'lo', 'up']);
    return names;
  }

  delete(name: string): void {
    this.#ip(['netns', 'delete', name]);
    this.#names.splice(this.#names.indexOf(name), 1);
  }

  /**
   * Opens `count` connections of each kind inside a namespace: IPv4, IPv6, and IPv4 to a dual-stack listener (v4-mapped on the server's
   * side). Resolves to both ends of each, as the kernel must tell them.
   */
  async connect(name: string, count: number): Promise<Endpoint[]> {
    const addresses = Array.from({ length: 2 * count }, (_, i) => `addr add fd00:5::${(i + 1).toString(16)}/128 dev lo nodad\n`);
    this.#ip(['-n', name, '-batch', '-'], addresses.join(''));
    const [program, ...args] = [...this.#enter, 'ip', 'netns', 'exec', name, process.execPath, '-e', CONNECTOR, String(count)];
    const child = spawn(program as string, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#children.push(child);
    for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line) as Endpoint[];
    throw new Error(`No sockets were made in ${name}.`);
  }

  async release(): Promise<void> {
    for (const child of this.#children) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.stdin?.end();
      if (child.exitCode === null && child.signalCode === null) await gone;
    }
    this.#ip(['-force', '-batch', '-'], this.#names.map((name) => `netns delete ${name}\n`).join(''));
    this.#names.length = 0;
  }

  #ip(args: readonly string[], input = ''): void {
    const [program, ...rest] = [...this.#enter, 'ip', ...args];
    execFileSync(program as string, rest, { input });
  }
}

/** What discovery would hand to a poll. */
export function refTo(path: string, name = path): NamespaceRef {
  const { dev, ino } = statSync(path);
  return { path, device: dev, inode: ino, name, containerId: '', containerRuntime: '', generation: 1 };
}

export const pathOf = (name: string) => `/run/netns/${name}`;

/** Runs until its input ends, so that it never outlives the test. */
const CONNECTOR = `
const net = require('node:net');
const count = Number(process.argv[1]);
const hex = (n) => n.toString(16);
const ends = [];
const kinds = [
  { host: '0.0.0.0', from: (i) => '127.1.0.' + (i + 1), to: (i) => '127.2.0.' + (i + 1) },
  { host: '::', ipv6Only: true, from: (i) => 'fd00:5::' + hex(2 * i + 1), to: (i) => 'fd00:5::' + hex(2 * i + 2) },
  { host: '::', from: (i) => '127.3.0.' + (i + 1), to: (i) => '127.4.0.' + (i + 1) },
];
const note = (socket) => ends.push({ local: socket.localAddress, localPort: socket.localPort, remote: socket.remoteAddress, remotePort: socket.remotePort });
const held = [];
for (const kind of kinds) {
  const server = net.createServer((socket) => { held.push(socket); note(socket); ready(); });
  server.listen({ host: kind.host, port: 0, ipv6Only: kind.ipv6Only === true }, () => {
    for (let i = 0; i < count; i++) {
      const socket = net.connect({ host: kind.to(i), localAddress: kind.from(i), port: server.address().port }, () => { note(socket); ready(); });
      held.push(socket);
    }
  });
}
function ready() {
  if (ends.length === 6 * count) console.log(JSON.stringify(ends));
}
process.stdin.on('end', () => process.exit(0)).resume();
`;
