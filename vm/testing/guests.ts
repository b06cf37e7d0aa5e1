/** For tests that boot: listens on ports, gathers what comes through them, cleans up behind itself. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { probeAccelerator } from '../accelerator.js';
import { type BootOptions, boot, type Vm } from '../qemu.js';

export interface Guest {
  readonly vm: Vm;
  readonly folder: string;
  /** All that came through the port so far. */
  heard(): string;
  /** Resolves once `text` has come through the port; rejects when the guest ends without. */
  hear(text: string): Promise<void>;
}

const cleanUp: (() => Promise<void>)[] = [];

/** Boots a guest with one port, `test.words`. A command of one string is a shell script that has the port as $PORT. */
export async function bootGuest(command: string | readonly string[], options: Partial<BootOptions> = {}, start = boot): Promise<Guest> {
  const folder = mkdtempSync(join(tmpdir(), 'netsoak-guest-'));
  cleanUp.push(async () => rmSync(folder, { recursive: true, force: true }));
  let heard = '';
  let wake = (): void => {};
  const socket = join(folder, 'words');
  await listen(socket, (text) => {
    heard += text;
    wake();
  });
  const { accelerator } = await probeAccelerator();
  const vm = await start({
    accelerator,
    command: typeof command === 'string' ? ['/bin/sh', '-c', command] : command,
    consoleLog: join(folder, 'console.log'),
    ports: [{ name: 'test.words', socket }],
    signal: new AbortController().signal,
    workDir: folder,
    ...options,
    env: { PORT, ...options.env },
  });
  cleanUp.push(async () => void (await vm.kill()));
  return {
    vm,
    folder,
    heard: () => heard,
    hear: async (text) => {
      const ended = vm.exited.then((exit) =>
        Promise.reject(new Error(`the guest ended without "${text}": ${exit.sentence}; heard: ${heard}`)),
      );
      ended.catch(() => {});
      while (!heard.includes(text)) await Promise.race([new Promise<void>((done) => (wake = done)), ended]);
    },
  };
}

export const PORT = '/dev/virtio-ports/test.words';

async function listen(socket: string, onText: (text: string) => void): Promise<Server> {
  const server = createServer((connection) => {
    connection.on('data', (chunk: Buffer) => onText(chunk.toString('utf8')));
    connection.on('error', () => {});
  });
  await new Promise<void>((done) => server.listen(socket, done));
  cleanUp.push(() => new Promise((done) => void server.close(() => done())));
  return server;
}

/** Ends every guest and removes every file of the test; to be called after each. */
export async function endGuests(): Promise<void> {
  for (const step of cleanUp.splice(0).reverse()) await step();
}

/** Whether a process is there, zombies not counted. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
