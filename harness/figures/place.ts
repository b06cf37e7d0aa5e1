/**
 * Where figures are taken: mount, pid and network namespaces of their own, with the collector, what it is measured against, and the crowd
 * of sockets in it. Everything dies with the place, and the place with us.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, readSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { sumThreads } from '../bench/program.js';
import { NetsoakError } from '../errors.js';
import { PROJECT } from '../project.js';

const built = (name: string) => join(PROJECT, 'native/build', name);
const NETSOAKD = join(PROJECT, 'dist/collector/main.js');

/** A poll as its record tells. */
export interface PollRecord {
  /** Start, CLOCK_REALTIME in nanoseconds. */
  readonly poll_id: string;
  readonly duration_seconds: number;
  readonly rows: number;
  readonly namespaces: number;
}

export class Place {
  /** A folder that both sides see. */
  readonly folder = mkdtempSync(join(tmpdir(), 'netsoak-figures-'));
  readonly #children: ChildProcessWithoutNullStreams[] = [];
  #holder: ChildProcessWithoutNullStreams | undefined;
  #pid = 0;
  #files = 0;

  constructor(readonly signal: AbortSignal) {}

  async open(): Promise<this> {
    const script = 'mount -t tmpfs none /run && mkdir /run/netns && ip link set lo up && echo up && exec cat';
    const args = ['--mount', '--net', '--pid', '--fork', '--mount-proc', '--kill-child', 'sh', '-c', script];
    // A group of its own: ^C is for us, who then close it.
    const holder = spawn('unshare', args, { detached: true });
    this.#holder = holder;
    const up = await Promise.race([once(holder.stdout, 'data').then(() => true), once(holder, 'exit').then(() => false)]);
    if (!up) {
      throw new NetsoakError(
        'infra',
        'no-namespaces',
        'this machine gives no namespaces to measure in',
        'the figures take root and unshare(1)',
      );
    }
    this.#pid = onlyChild(holder.pid as number);
    return this;
  }

  async close(): Promise<void> {
    const holder = this.#holder;
    if (holder !== undefined && holder.exitCode === null && holder.signalCode === null) {
      const gone = once(holder, 'exit');
      holder.stdin.end();
      await gone;
    }
    await Promise.all(
      this.#children.map((child) => (child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined)),
    );
    rmSync(this.folder, { recursive: true, force: true });
  }

  file(name: string): string {
    return join(this.folder, `${++this.#files}-${name}`);
  }

  spawn(command: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcessWithoutNullStreams {
    const enter = ['--target', String(this.#pid), '--mount', '--net', '--pid', '--', ...command];
    const child = spawn('nsenter', enter, { detached: true, env: { ...process.env, NODE_OPTIONS: '', ...env } });
    child.stdin.on('error', () => {});
    this.#children.push(child);
    return child;
  }

  /** A program that answers each line with a line. */
  talk(...command: readonly string[]): Talk {
    return new Talk(this.spawn(command), this.signal, command[0] as string);
  }

  floor(directory?: string): Talk {
    return this.talk(built('netsoak-floor'), ...(directory === undefined ? [] : [directory]));
  }

  crowd(): Talk {
    return this.talk(built('netsoak-crowd'));
  }

  /** `ss` as often as asked; answers with the CPU it took, in nanoseconds. */
  ss(): Talk {
    const once = `TIMEFORMAT='%3U %3S'; while read -r _; do { time ss -tinmoeHa >/dev/null; } 2>&1; done`;
    return this.talk('bash', '-c', once);
  }

  netsoakd(settings: Readonly<Record<string, string>>, env: NodeJS.ProcessEnv = {}): Daemon {
    const polls = this.file('polls');
    const all = { jitter: '0', workers: '2', export: 'null', metrics: 'off', polls: `file:${polls}`, 'log-level': 'error', ...settings };
    const flags = Object.entries(all).flatMap(([key, value]) => [`--${key}`, value]);
    return new Daemon(this.spawn([process.execPath, NETSOAKD, ...flags], env), polls, this.signal);
  }
}

/** The process that nsenter(1) and unshare(1) forked. */
function onlyChild(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
}

export class Talk {
  readonly #lines: AsyncIterator<string>;
  #stderr = '';

  constructor(
    private readonly child: ChildProcessWithoutNullStreams,
    private readonly signal: AbortSignal,
    private readonly name: string,
  ) {
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString('utf8')).slice(-1000);
    });
  }

  async ask(line: string): Promise<string> {
    this.child.stdin.write(`${line}\n`);
    const { value, done } = await unlessAborted(this.#lines.next(), this.signal);
    if (done) {
      // Its last words may come after the end of its answers.
      await unlessAborted(finished(this.child.stderr), this.signal);
      throw new NetsoakError(
        'infra',
        'load-failed',
        `${this.name} ended: ${this.#stderr.trim()}`,
        '`npm run build` builds it; it takes root',
      );
    }
    return value as string;
  }

  /** Ends its input and waits until it is gone. */
  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.stdin.end();
    await unlessAborted(gone, this.signal);
  }

  async json<T>(line: string): Promise<T> {
    return JSON.parse(await this.ask(line)) as T;
  }
}

export class Daemon {
  #stderr = '';
  #pid = 0;
  #seen: { readonly length: number; readonly polls: readonly PollRecord[] } = { length: 0, polls: [] };

  constructor(
    private readonly child: ChildProcessWithoutNullStreams,
    private readonly polls: string,
    private readonly signal: AbortSignal,
  ) {
    child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString('utf8')).slice(-2000);
    });
    child.stdout.resume();
  }

  get pid(): number {
    if (this.#pid === 0) this.#pid = onlyChild(this.child.pid as number);
    return this.#pid;
  }

  /** All polls that have ended. */
  ended(): PollRecord[] {
    return readFileSync(this.polls, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as PollRecord);
  }

  /** Waits until more than `known` polls have ended, and gives all that have. */
  async next(known: number, limitMs = 60_000): Promise<readonly PollRecord[]> {
    if (this.#seen.polls.length > known) return this.#seen.polls;
    for (const until = performance.now() + limitMs; performance.now() < until; await sleep(5, undefined, { signal: this.signal })) {
      this.signal.throwIfAborted();
      if (this.child.exitCode !== null || this.child.signalCode !== null) break;
      const length = statSync(this.polls, { throwIfNoEntry: false })?.size ?? 0;
      if (length === this.#seen.length) continue;
      this.#seen = { length, polls: this.ended() };
      if (this.#seen.polls.length > known) return this.#seen.polls;
    }
    throw new NetsoakError('product', 'no-poll', `netsoakd ended no poll: ${this.#stderr.trim()}`, 'start it by hand to see why');
  }

  /** CPU of all its threads since it started, nanoseconds. */
  cpuNs(): number {
    const folder = `/proc/${this.pid}/task`;
    return sumThreads(readdirSync(folder).map((tid) => ({ schedstat: readFileSync(`${folder}/${tid}/schedstat`, 'utf8'), status: '' })))
      .cpuNs;
  }

  threads(): number {
    return readdirSync(`/proc/${this.pid}/task`).length;
  }

  /** Resident memory now, in MB (10^6 bytes). */
  rssMb(): number {
    const kibibytes = /^VmRSS:\s*(\d+) kB/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1];
    return (Number(kibibytes) * 1024) / 1e6;
  }

  kill(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** In order: what it has read is written when this resolves. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.kill('SIGTERM');
    await unlessAborted(gone, this.signal);
  }
}

/** Reads a file of lines piece by piece: half a minute of rows is too long for one string. */
export function* linesOf(path: string): Generator<string> {
  const file = openSync(path, 'r');
  const chunk = Buffer.alloc(1 << 20);
  let rest = '';
  try {
    for (let got = readSync(file, chunk); got > 0; got = readSync(file, chunk)) {
      const lines = (rest + chunk.toString('latin1', 0, got)).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } finally {
    closeSync(file);
  }
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let forget = () => {};
  const aborted = new Promise<never>((_, reject) => {
    const end = () => reject(signal.reason);
    signal.addEventListener('abort', end, { once: true });
    forget = () => signal.removeEventListener('abort', end);
  });
  return Promise.race([work, aborted]).finally(forget);
}
