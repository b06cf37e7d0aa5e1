/**
 * `netsoak shell [RUN]`: a shell in a VM like the one that runs get (same kernel, same shares, same tools), or in that of a run. Interactive on a terminal; elsewhere it
 * runs what it reads from standard input. Ends with the shell's own status, as ssh does.
 */
import { mkdtempSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { boot } from '../vm/qemu.js';
import { startGuardian } from './conductor/guardian.js';
import { NetsoakError } from './errors.js';
import { EXIT } from './exit.js';
import { disown, own } from './owner.js';
import { PROJECT } from './project.js';
import { acceleratorFor } from './run-command.js';
import { shellInto } from './shell-into-run.js';
import { orExplain } from './target/vm-errors.js';
import { converse } from './terminal.js';
import { WORK_DIR } from './work-dir.js';

const PORT = { data: 'netsoak.shell', size: 'netsoak.size' } as const;

/**
 * A port can be opened once only (virtio_console.c, port_fops_open), hence <>. script(1) gives the shell a terminal of its own with job
 * control; the size of ours comes on the other port, a line each time it changes. Whatever init starts ignores ^C unless told otherwise,
 * since it is a background job of a shell without job control (sh(1p), "Signals and Error Handling").
 */
const INTERACTIVE = `
cd "$1"; export TERM="$2" HOME=/root
exec 3<>/dev/virtio-ports/${PORT.data} 4<>/dev/virtio-ports/${PORT.size}
read -r rows columns <&4
(while read -r rows columns <&4; do stty -F /dev/pts/0 rows "$rows" cols "$columns"; done) >/dev/null 2>&1 &
env --default-signal=INT,QUIT script -qec "stty rows $rows cols $columns; exec bash -i" /dev/null <&3 >&3 2>&3 4<&-
`;

/** The commands come whole, after a line with their length: a port has no end of file that leaves the way back open. */
const BATCH = `
cd "$1"; export HOME=/root
exec 3<>/dev/virtio-ports/${PORT.data}
read -r bytes <&3
head -c "$bytes" <&3 >/tmp/netsoak-commands
bash /tmp/netsoak-commands </dev/null >&3 2>&3 3<&-
`;

/** @param run the run in whose VM it is to be, which goes on; without, a VM of its own is started */
export async function shellCommand(run: string | undefined): Promise<number> {
  const isInteractive = process.stdin.isTTY === true && process.stdout.isTTY === true;
  const commands = isInteractive ? undefined : await readAll();
  if (run !== undefined) return shellInto(run, commands);
  const workDir = mkdtempSync(join(tmpdir(), WORK_DIR));
  own(workDir);
  const guardian = startGuardian(`shell-${process.pid}`, workDir, false);
  const abort = new AbortController();
  const end = (): void => abort.abort();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
  try {
    const { accelerator } = await acceleratorFor('vm');
    if (isInteractive) process.stderr.write(`starting a VM (${accelerator}); ^] ends it\n`);
    return await runShell(accelerator === 'kvm' ? 'kvm' : 'tcg', workDir, abort, commands);
  } catch (error) {
    if (abort.signal.aborted) return EXIT.killed;
    throw error;
  } finally {
    disown(workDir);
    await guardian.release();
  }
}

async function runShell(
  accelerator: 'kvm' | 'tcg',
  workDir: string,
  abort: AbortController,
  commands: Buffer | undefined,
): Promise<number> {
  const sockets = { data: join(workDir, 'shell'), size: join(workDir, 'size') };
  const data = await listenOnce(sockets.data);
  const size = await listenOnce(sockets.size);
  let restore = (): void => {};
  try {
    const vm = await orExplain(
      boot({
        command: [
          '/usr/bin/bash',
          '-c',
          commands === undefined ? INTERACTIVE : BATCH,
          'netsoak-shell',
          PROJECT,
          process.env.TERM ?? 'linux',
        ],
        ports: [
          { name: PORT.data, socket: sockets.data },
          { name: PORT.size, socket: sockets.size },
        ],
        accelerator,
        consoleLog: join(workDir, 'console.log'),
        workDir,
        signal: abort.signal,
      }),
    );
    const channel = await data.connection;
    if (commands === undefined) restore = converseWith(channel, await size.connection, () => void vm.kill());
    else channel.write(Buffer.concat([Buffer.from(`${commands.length}\n`), commands]));
    channel.on('data', (chunk: Buffer) => process.stdout.write(chunk));
    const drained = new Promise<void>((done) => channel.once('close', done));
    const exit = await vm.exited;
    await drained;
    switch (exit.kind) {
      case 'powered-off':
        return exit.status ?? EXIT.pass;
      case 'killed':
        return EXIT.killed;
      default:
        throw new NetsoakError('infra', 'shell-lost', exit.sentence, '`netsoak doctor` looks for what is missing');
    }
  } finally {
    restore();
    data.close();
    size.close();
  }
}

function converseWith(channel: Socket, size: Socket, leave: () => void): () => void {
  return converse({
    type: (bytes) => void channel.write(bytes),
    resize: (rows, columns) => void size.write(`${rows} ${columns}\n`),
    leave,
  });
}

async function listenOnce(path: string): Promise<{ readonly connection: Promise<Socket>; close(): void }> {
  let connected: (socket: Socket) => void = () => {};
  const connection = new Promise<Socket>((done) => {
    connected = done;
  });
  const server = createServer((socket) => {
    // A guest that is killed resets the connection; its exit tells more.
    socket.on('error', () => {});
    connected(socket);
  });
  await new Promise<void>((done, fail) => server.once('error', fail).listen(path, done));
  return { connection, close: () => server.close() };
}

async function readAll(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
