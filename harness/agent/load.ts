/** Drives the load generator (`native/load`): one command a line, one answer a line, in order. Its ledger goes to the judge without us. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { NetsoakError } from '../errors.js';
import type { RunEvent } from '../facts/events.js';

interface Waiting {
  resolve(answer: Record<string, unknown>): void;
  reject(error: Error): void;
}

export class LoadGenerator {
  #child: ChildProcess | undefined;
  #ordered = false;
  #exited: Promise<void> = Promise.resolve();
  readonly #waiting: Waiting[] = [];

  constructor(
    private readonly program: string,
    private readonly ledger: string,
    private readonly seed: number,
    private readonly emit: (event: RunEvent) => void,
  ) {}

  /** Sends `verb key=value ...` and waits for its answer; starts the generator at the first call. */
  command(verb: string, values: Readonly<Record<string, number>> = {}): Promise<Record<string, unknown>> {
    const child = this.#child ?? this.#spawn();
    if (child.exitCode !== null || child.signalCode !== null) return Promise.reject(this.#died());
    const words = Object.entries(values).map(([key, value]) => `${key}=${value}`);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      child.stdin?.write(`${[verb, ...words].join(' ')}\n`);
    });
  }

  /** Passes on a ledger line that somebody else wrote; there is no answer. A generator that died tells of itself by its exit. */
  tell(line: string): void {
    (this.#child ?? this.#spawn()).stdin?.write(`tell ${line}\n`);
  }

  /** Ends it in order: it deletes what it made. One that hangs (stopped, or blocked on a ledger that nobody reads) is killed at the limit. */
  async close(limitSeconds: number): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#ordered = true;
    child.stdin?.end('quit\n');
    const limit = setTimeout(() => {
      this.emit({
        kind: 'error',
        owner: 'infra',
        code: 'load-hangs',
        message: `the load generator did not end within ${limitSeconds} s of being asked`,
        hint: 'it was killed; look for what stopped it or its ledger',
      });
      child.kill('SIGKILL');
    }, limitSeconds * 1000);
    await this.#exited;
    clearTimeout(limit);
  }

  #spawn(): ChildProcess {
    const child = spawn(this.program, ['--ledger', this.ledger, '--seed', String(this.seed)], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    let lastWords = '';
    child.stderr.on('data', (chunk: Buffer) => {
      lastWords = (lastWords + chunk.toString('utf8')).slice(-2000);
    });
    // A write to a generator that died is told by its exit, not by EPIPE.
    child.stdin.on('error', () => {});
    createInterface({ input: child.stdout }).on('line', (line) => {
      const answer = JSON.parse(line) as Record<string, unknown>;
      const error = answer.error;
      const waiting = this.#waiting.shift();
      if (typeof error === 'string')
        waiting?.reject(
          new NetsoakError('infra', 'load-failed', `the load generator says: ${error}`, 'see `netsoak doctor` for what the target needs'),
        );
      else waiting?.resolve(answer);
    });
    if (child.pid !== undefined) this.emit({ kind: 'load-start', pid: child.pid });
    this.#exited = new Promise((done) => {
      child.once('error', (error) => {
        lastWords += error.message;
      });
      child.once('close', (code, signal) => {
        this.emit({ kind: 'load-exit', code, signal, ordered: this.#ordered, lastWords });
        for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#died());
        done();
      });
    });
    return child;
  }

  #died(): NetsoakError {
    return new NetsoakError('infra', 'load-died', 'the load generator died', 'see load-exit in events.ndjson');
  }
}
