/**
 * Runs the subject as an init system would: in a cgroup of its own, started again one second after an exit
 * that nobody ordered. Every start and exit is a fact; what was ordered and what was not is decided here,
 * from what the plan asked for, never from what the subject says.
 *
 * Its standard output goes through a relay program into the rows channel without touching this process. The
 * two are joined by a FIFO because Node hands children socket pairs, not pipes.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { NetsoakError } from '../errors.js';
import type { RunEvent } from '../facts/events.js';
import type { Cgroup } from './cgroup.js';
import { httpGet } from './http.js';
import { Patience } from './patience.js';
import { commandLine, readStat } from './procfs.js';

const RESTART_DELAY_MS = 1000;
/** The shell moves itself into the cgroup and then becomes the subject: same pid, no moment outside it. */
const BECOME = 'echo $$ > "$0" && exec "$@"';
const LAST_WORDS_BYTES = 4096;

export interface SubjectCommand {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly readyUrl: string;
  /** Where it connects to with its rows; without, they come on its standard output. */
  readonly rowsSocket?: string;
}

interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly start: number;
  readonly exited: Promise<void>;
}

export class SubjectSupervisor {
  #running: Running | undefined;
  #starts = 0;
  /** An exit that comes while this is set was ordered by the plan. */
  #ordered = false;
  #closed = false;
  /** When it was asked to end. */
  #askedAt: number | undefined;
  #relay: Promise<void> = Promise.resolve();
  #relayChild: ChildProcess | undefined;

  constructor(
    private readonly subject: SubjectCommand,
    private readonly cgroup: Cgroup,
    private readonly relay: { readonly program: string; readonly to: string },
    private readonly limitSeconds: number,
    private readonly emit: (event: RunEvent) => void,
    /** For how long the subject was kept from running, in all. */
    private readonly starvedSeconds: () => number,
  ) {}

  get pid(): number | undefined {
    return this.#running?.pid;
  }

  get start(): number {
    return this.#starts;
  }

  /** Whether its process runs the subject's own program yet, and no more the shell that becomes it. */
  get isItself(): boolean {
    const words = this.#running && commandLine(this.#running.pid);
    return words !== undefined && words.length > 0 && words[2] !== BECOME;
  }

  /**
   * Starts it and waits for its readiness; a subject that dies meanwhile is started again until the limit.
   * @throws NetsoakError of the product when it had the time to run and is not ready, of the infrastructure when it hadn't
   */
  async startReady(signal: AbortSignal): Promise<void> {
    if (this.#running) throw new NetsoakError('harness', 'already-running', 'the subject runs already', 'stop it first');
    this.#ordered = false;
    this.#closed = false;
    await this.#launch(true);
    const patience = new Patience(this.limitSeconds, this.starvedSeconds);
    while (!patience.over) {
      signal.throwIfAborted();
      if (await this.isReady()) return;
      await delay(100, undefined, { signal });
    }
    const what = `the subject (${this.subject.readyUrl}) was not ready`;
    throw patience.error('not-ready', what, 'look at its last words in events.ndjson');
  }

  /** SIGTERM, then SIGKILL when the limit is over (a fault of the subject, reported). */
  async stop(): Promise<void> {
    this.#closed = true;
    this.#ordered = true;
    const running = this.#running;
    if (running) {
      this.#askedAt = performance.now();
      running.child.kill('SIGTERM');
      running.child.kill('SIGCONT');
      const patience = new Patience(this.limitSeconds, this.starvedSeconds);
      while (this.#running && !patience.over) await Promise.race([running.exited, delay(200, undefined, { ref: false })]);
      if (this.#running) {
        const { owner, code, message, hint } = patience.error('did-not-stop', 'the subject did not end by SIGTERM', 'it was killed');
        this.emit({ kind: 'error', owner, code, message, hint });
        running.child.kill('SIGKILL');
        await running.exited;
      }
    }
    this.cgroup.kill();
    await this.#drained();
  }

  /** Waits for the relay, which waits for the judge; one that does not take the rows must not hold up the end. */
  async #drained(): Promise<void> {
    const late = await Promise.race([this.#relay.then(() => false), delay(this.limitSeconds * 1000, true, { ref: false })]);
    if (!late) return;
    this.#relayChild?.kill('SIGKILL');
    await this.#relay;
  }

  /** A signal ordered by the plan: the exit it causes is no restart. */
  kill(signal: NodeJS.Signals): void {
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') this.expectExit();
    this.#running?.child.kill(signal);
  }

  /** The plan does something that ends it: its next exit, and the start after it, are no restart. */
  expectExit(): void {
    this.#ordered = true;
  }

  /** Whether its readiness address answers 200. */
  async isReady(): Promise<boolean> {
    return this.#running !== undefined && (await httpGet(this.subject.readyUrl, 2000 + this.limitSeconds * 20))?.status === 200;
  }

  async #launch(ordered: boolean): Promise<void> {
    // The device takes one writer at a time, so the relay of the previous start must have drained.
    await this.#relay;
    const start = ++this.#starts;
    const [program, ...args] = this.subject.command;
    if (program === undefined) throw new NetsoakError('user', 'bad-subject', 'the subject has no command', 'give it one');
    const stdout = this.#openRelay(start);
    await this.#listening();
    const child = spawn('sh', ['-c', BECOME, this.cgroup.procsFile, program, ...args], {
      env: { ...process.env, ...this.subject.environment },
      stdio: ['ignore', stdout, 'pipe'],
    });
    closeSync(stdout);
    let lastWords = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      lastWords = (lastWords + chunk.toString('utf8')).slice(-LAST_WORDS_BYTES);
    });
    const exited = new Promise<void>((done) => {
      child.once('error', (error) => {
        lastWords += error.message;
      });
      child.once('exit', (code, signal) => {
        // Children that the subject left behind hold its stderr open and would hide in the next start's figures.
        this.cgroup.kill();
        const drained = new Promise<void>((closed) => child.once('close', () => closed()));
        void Promise.race([drained, delay(1000, undefined, { ref: false })]).then(() => {
          this.#exit(start, child.pid ?? 0, code, signal, lastWords);
          done();
        });
      });
    });
    if (child.pid === undefined)
      throw new NetsoakError('infra', 'spawn-failed', `could not start ${program}`, 'check the subject description');
    this.#running = { child, pid: child.pid, start, exited };
    this.emit({ kind: 'subject-start', start, pid: child.pid, startTicks: readStat(child.pid)?.startTicks ?? 0, ordered });
  }

  #exit(start: number, pid: number, code: number | null, signal: string | null, lastWords: string): void {
    const ordered = this.#ordered;
    const asked = this.#askedAt === undefined ? {} : { afterSeconds: (performance.now() - this.#askedAt) / 1000 };
    this.#ordered = this.#closed;
    this.#askedAt = undefined;
    this.#running = undefined;
    this.emit({ kind: 'subject-exit', start, pid, code, signal, ordered, ...asked, lastWords });
    if (this.#closed) return;
    setTimeout(() => {
      if (!this.#closed) {
        this.#launch(ordered).catch((error: Error) => {
          this.emit({ kind: 'error', owner: 'infra', code: 'restart-failed', message: error.message, hint: 'see events.ndjson' });
        });
      }
    }, RESTART_DELAY_MS).unref();
  }

  /** The subject may connect as soon as it runs. */
  async #listening(): Promise<void> {
    const { rowsSocket } = this.subject;
    for (let tries = 0; rowsSocket !== undefined && !existsSync(rowsSocket) && tries < 500; tries++) await delay(10);
  }

  /** Starts a relay for this start and returns the descriptor that is to be the subject's standard output. */
  #openRelay(start: number): number {
    const folder = mkdtempSync(join(tmpdir(), 'netsoak-rows-'));
    const fifo = join(folder, 'rows');
    execFileSync('mkfifo', [fifo]);
    // Opened for both first, so that neither of the two plain opens blocks waiting for the other (fifo(7)).
    const both = openSync(fifo, constants.O_RDWR);
    const read = openSync(fifo, constants.O_RDONLY);
    const write = openSync(fifo, constants.O_WRONLY);
    const { rowsSocket } = this.subject;
    const listen = rowsSocket === undefined ? [] : ['--listen', rowsSocket];
    const relay = spawn(this.relay.program, ['--to', this.relay.to, '--start', String(start), ...listen], {
      stdio: [read, 'ignore', 'pipe'],
    });
    this.#relayChild = relay;
    closeSync(both);
    closeSync(read);
    rmSync(folder, { recursive: true });
    let words = '';
    relay.stderr?.on('data', (chunk: Buffer) => {
      words = (words + chunk.toString('utf8')).slice(-LAST_WORDS_BYTES);
    });
    this.#relay = new Promise((done) => {
      relay.once('error', (error) => {
        words += error.message;
      });
      relay.once('close', (code, signal) => {
        if (code !== 0)
          this.emit({
            kind: 'error',
            owner: 'infra',
            code: 'relay-died',
            message: `the row relay ended with ${signal ?? code}: ${words}`,
            hint: 'rows were lost on their way to the judge',
          });
        done();
      });
    });
    return write;
  }
}
