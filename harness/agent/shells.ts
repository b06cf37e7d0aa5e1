/**
 * Shells inside the target, for people who want to look at a run while it goes on (`netsoak shell RUN`). What they say and hear shares the control
 * channel with the run, so no more than one piece of output is under way at a time: a shell that talks without end must not hold up the samples.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { PROJECT } from '../project.js';
import type { FromShell, ToShell } from './protocol.js';

interface Shell {
  readonly child: ChildProcess;
  /** Device of its terminal, once it has told. */
  terminal: string;
}

/** bash with a terminal of its own, by script(1), whose name it tells first. Whatever the guest's init starts ignores ^C unless told otherwise. */
const ON_A_TERMINAL = 'tty >&3; exec bash -i 3>&-';

export class Shells {
  readonly #shells = new Map<number, Shell>();

  constructor(private readonly tell: (shell: number, say: FromShell) => void) {}

  take(id: number, say: ToShell): void {
    const shell = this.#shells.get(id);
    if ('open' in say) this.#open(id, say.open);
    else if (!shell) return;
    else if ('data' in say) shell.child.stdin?.write(Buffer.from(say.data, 'base64'));
    else if ('taken' in say) shell.child.stdout?.resume();
    else if ('size' in say) resize(shell, say.size);
    else kill(shell);
  }

  #open(id: number, { terminal, commands }: Extract<ToShell, { open: unknown }>['open']): void {
    const file = `/tmp/netsoak-commands-${id}`;
    if (commands !== undefined) writeFileSync(file, Buffer.from(commands, 'base64'));
    const words = terminal
      ? ['script', '-qec', `stty rows ${terminal.rows} cols ${terminal.columns}; ${ON_A_TERMINAL}`, '/dev/null']
      : ['bash', '-c', 'exec bash "$0" 2>&1 </dev/null', file];
    const child = spawn('env', ['--default-signal=INT,QUIT', ...words], {
      cwd: PROJECT,
      env: { ...process.env, HOME: '/root', ...(terminal && { TERM: terminal.term }) },
      stdio: ['pipe', 'pipe', 'ignore', 'pipe'],
      detached: true,
    });
    const shell: Shell = { child, terminal: '' };
    this.#shells.set(id, shell);
    child.stdin?.on('error', () => {});
    child.stdio[3]?.once('data', (name: Buffer) => {
      shell.terminal = name.toString('utf8').trim();
    });
    child.stdout?.on('data', (chunk: Buffer) => {
      child.stdout?.pause();
      this.tell(id, { data: chunk.toString('base64') });
    });
    child.once('error', () => {});
    child.once('close', (code) => {
      this.#shells.delete(id);
      rmSync(file, { force: true });
      this.tell(id, { exit: code ?? 1 });
    });
  }
}

function resize({ terminal }: Shell, [rows, columns]: readonly [number, number]): void {
  if (terminal !== '')
    spawn('stty', ['-F', terminal, 'rows', String(rows), 'cols', String(columns)], { stdio: 'ignore' }).on('error', () => {});
}

/** With all that it started: the end of script(1) is that of its terminal, which tells the rest. */
function kill({ child }: Shell): void {
  // Nobody takes what it still has to say.
  child.stdout?.destroy();
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It ended by itself between the two lines.
  }
}
