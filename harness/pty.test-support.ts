/** Runs the real `netsoak` on a terminal of a given size and hands on what it writes there. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT } from './project.js';

/** The size is set before the program starts; python3's pty is the only one that every machine of ours has. */
const ON_A_TERMINAL = `
import fcntl, os, pty, select, struct, sys, termios
rows, columns, *command = sys.argv[1:]
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', int(rows), int(columns), 0, 0))
    os.execvp(command[0], command)
print(pid, file=sys.stderr, flush=True)
sources = [fd, 0]
while True:
    ready, _, _ = select.select(sources, [], [])
    if 0 in ready:
        typed = os.read(0, 65536)
        if typed:
            os.write(fd, typed)
        else:
            sources.remove(0)
    if fd in ready:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        os.write(1, data)
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status) & 255)
`;

export interface OnTerminal {
  /** All that was written so far. */
  readonly written: () => string;
  type(text: string): void;
  /** Takes the terminal away, as a connection that breaks does. */
  hangUp(): void;
  /** Whether netsoak itself is there. */
  isAlive(): boolean;
  /** Sends a signal to netsoak itself. */
  kill(signal: NodeJS.Signals): void;
  /** Resolves with the exit code. */
  readonly finished: Promise<number | null>;
}

export function startOnTerminal(args: readonly string[], env: NodeJS.ProcessEnv, columns = 110, rows = 40): OnTerminal {
  const cli = join(PROJECT, 'dist/harness/cli.js');
  const { CI: _, NO_COLOR: __, ...rest } = process.env;
  const child = spawn('python3', ['-c', ON_A_TERMINAL, String(rows), String(columns), process.execPath, cli, ...args], {
    env: { ...rest, TERM: 'xterm-256color', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let written = '';
  let pid = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    written += text;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    pid ||= Number.parseInt(chunk.toString(), 10);
  });
  return {
    written: () => written,
    type: (text) => void child.stdin.write(text),
    hangUp: () => void child.kill('SIGKILL'),
    isAlive: () => existsSync(`/proc/${pid}`),
    kill: (signal) => void process.kill(pid, signal),
    finished: new Promise((done) => child.once('close', done)),
  };
}
