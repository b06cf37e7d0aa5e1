/** `netsoak shell RUN`: a shell in the VM of a run that goes on, attached or detached. The run goes on without it. */
import { createConnection, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { FromShell, ToShell } from './agent/protocol.js';
import { doorOf } from './conductor/shell-door.js';
import { NetsoakError } from './errors.js';
import { EXIT } from './exit.js';
import { findRun } from './runs.js';
import { converse } from './terminal.js';
import { loadRun } from './verdict/load-run.js';

/**
 * @param commands what to run; a shell on our terminal without
 * @returns the shell's own status; {@link EXIT.killed} when the run ended first, or one left by ^]
 */
export async function shellInto(run: string, commands: Buffer | undefined): Promise<number> {
  const socket = await enter(findRun(run));
  const say = (what: ToShell): void => void socket.write(`${JSON.stringify(what)}\n`);
  const { rows, columns } = process.stdout;
  const term = process.env.TERM ?? 'linux';
  if (commands) say({ open: { commands: commands.toString('base64') } });
  else say({ open: { terminal: { rows, columns, term } } });
  const restore = commands
    ? () => {}
    : converse({
        type: (bytes) => say({ data: bytes.toString('base64') }),
        resize: (...size) => say({ size }),
        leave: () => socket.destroy(),
      });
  let code: number | undefined;
  createInterface({ input: socket })
    .on('error', () => {})
    .on('line', (line) => {
      const heard = JSON.parse(line) as FromShell;
      if ('exit' in heard) code = heard.exit;
      else process.stdout.write(Buffer.from(heard.data, 'base64'), () => say({ taken: true }));
    });
  await new Promise<void>((done) => socket.once('close', () => done()));
  restore();
  return code ?? EXIT.killed;
}

async function enter(directory: string): Promise<Socket> {
  if (loadRun(directory).plan.target === 'host')
    throw new NetsoakError(
      'user',
      'no-vm',
      `${directory} has target host: it has no VM, its processes run on this machine`,
      'look at them from here, or run it with --target vm',
    );
  const door = doorOf(directory);
  const socket = door === undefined ? undefined : createConnection(door);
  const isOpen = await new Promise<boolean>((done) => {
    socket?.once('connect', () => done(true)).once('error', () => done(false));
    if (!socket) done(false);
  });
  if (socket && isOpen) return socket.on('error', () => {});
  throw new NetsoakError(
    'user',
    'no-shell',
    `there is no VM to enter: ${directory} is over, or its VM has not answered yet`,
    '`netsoak shell` without a run starts a VM like it',
  );
}
