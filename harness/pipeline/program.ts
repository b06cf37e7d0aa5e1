/** A program of the pipeline: its last words, its end, and that it does not outlive us. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';

const LAST_WORDS = 20;

export class Program {
  private readonly said: string[] = [];
  readonly ended: Promise<void>;

  constructor(
    readonly child: ChildProcess,
    onLine: (line: string) => void = () => {},
  ) {
    let rest = '';
    const read = (part: string) => {
      const lines = `${rest}${part}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        onLine(line);
        this.said.push(line);
        if (this.said.length > LAST_WORDS) this.said.shift();
      }
    };
    child.stdout?.setEncoding('utf8').on('data', read);
    child.stderr?.setEncoding('utf8').on('data', read);
    this.ended = new Promise((resolve) => child.once('exit', () => resolve()));
  }

  /** Starts one that the kernel ends when we end, however that is (setpriv(1) of util-linux). */
  static start(command: readonly string[], onLine?: (line: string) => void): Program {
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
    // A program that could not be started has said nothing and ended.
    child.once('error', () => child.emit('exit'));
    return new Program(child, onLine);
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null && this.child.pid !== undefined;
  }

  get lastWords(): string {
    return this.said.join('\n');
  }

  /** SIGTERM, and SIGKILL when that takes longer than this. */
  async stop(patienceMs = 10_000): Promise<void> {
    if (!this.running) return;
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), patienceMs);
    await this.ended;
    clearTimeout(timer);
  }

  async kill(): Promise<void> {
    if (!this.running) return;
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

/** Ports of the loopback that nobody uses at this moment. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
