/**
 * A ClickHouse that speaks HTTP: a server that is given by its URL, a `clickhouse` on PATH, or chdb behind a small server of ours. Those
 * that are started here listen on ports of their own, keep their data in the folder they are given, and use 1 GB at most for a query.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROJECT } from '../project.js';
import { PipelineError } from './errors.js';
import { freePorts, Program } from './program.js';
import { findChdb, onPath } from './supply.js';

const READY_MS = 60_000;
const MOST_MEMORY = 1_000_000_000;

export interface ClickHouseOptions {
  /** Of a server that runs already, with user and password if it wants them; it is not stopped. */
  readonly url?: string;
  readonly signal?: AbortSignal;
  /** Default 60 s. */
  readonly patienceMs?: number;
}

export class ClickHouse {
  private program: Program | undefined;
  private isWanted = false;

  private constructor(
    private readonly launch: (() => Promise<Program>) | undefined,
    /** `http://HOST:PORT`, or as it was given. */
    readonly url: string,
  ) {}

  /** @throws PipelineError, or the signal's reason */
  static async start(dir: string, { url, signal, patienceMs }: ClickHouseOptions = {}): Promise<ClickHouse> {
    const [port] = (await freePorts(1)) as [number];
    const database =
      url === undefined ? new ClickHouse(await starter(dir, port), `http://127.0.0.1:${port}`) : new ClickHouse(undefined, url);
    await database.up(signal, patienceMs);
    return database;
  }

  /** Started here, not given. */
  get isOurs(): boolean {
    return this.launch !== undefined;
  }

  get pid(): number | undefined {
    return this.program?.child.pid;
  }

  /** Starts it again, on the same port and data. @throws PipelineError, or the signal's reason */
  async up(signal?: AbortSignal, patienceMs = READY_MS): Promise<void> {
    this.program = await this.launch?.();
    const until = performance.now() + patienceMs;
    let answer = '';
    while (performance.now() < until && this.program?.running !== false && !signal?.aborted) {
      answer = await this.query('SELECT 1').catch((error: Error) => error.message);
      if (answer.trim() === '1') {
        this.isWanted = this.isOurs;
        return;
      }
      await sleep(100);
    }
    await this.program?.kill();
    signal?.throwIfAborted();
    throw new PipelineError('database', `ClickHouse at ${new URL(this.url).origin} does not answer`, this.program?.lastWords ?? answer);
  }

  /** Text of the answer (TabSeparated unless it says FORMAT). @throws Error with ClickHouse's own words */
  async query(sql: string, signal?: AbortSignal): Promise<string> {
    // fetch() refuses a URL that holds user and password.
    const { origin, username, password } = new URL(this.url);
    const user = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
    const headers: Record<string, string> = username === '' ? {} : { authorization: `Basic ${user}` };
    const response = await fetch(origin, { method: 'POST', body: sql, headers, ...(signal && { signal }) });
    const text = await response.text();
    if (!response.ok) throw new Error(text.trim());
    return text;
  }

  /** It ended, and nobody had ordered that. */
  get hasDied(): boolean {
    return this.isWanted && this.program?.running !== true;
  }

  get lastWords(): string {
    return this.program?.lastWords ?? '';
  }

  async stop(): Promise<void> {
    this.isWanted = false;
    await this.program?.stop();
  }

  async kill(): Promise<void> {
    this.isWanted = false;
    await this.program?.kill();
  }

  /** Stops or goes on with all its threads. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.program?.child.kill(name);
  }
}

async function starter(dir: string, port: number): Promise<() => Promise<Program>> {
  await mkdir(dir, { recursive: true });
  const [clickhouse, chdb] = [onPath('clickhouse'), findChdb()];
  if (clickhouse !== undefined) return () => startServer(clickhouse, dir, port);
  if (chdb !== undefined) return async () => startChdb(chdb, join(dir, 'chdb'), port);
  throw new PipelineError('missing', 'there is no ClickHouse', 'run `npm run setup pipeline`');
}

async function startServer(clickhouse: string, dir: string, port: number): Promise<Program> {
  const config = join(dir, 'config.yaml');
  const memory = `max_server_memory_usage: ${2 * MOST_MEMORY}`;
  const users = `users: {default: {password: '', networks: {ip: '127.0.0.1'}, profile: default, quota: default}}`;
  const profile = `profiles: {default: {max_memory_usage: ${MOST_MEMORY}}}\nquotas: {default: {}}`;
  await writeFile(config, `http_port: ${port}\nlisten_host: 127.0.0.1\npath: ${dir}/data/\n${memory}\n${users}\n${profile}\n`);
  return Program.start([clickhouse, 'server', `--config-file=${config}`]);
}

function startChdb(chdb: string, data: string, port: number): Program {
  return Program.start([process.execPath, join(PROJECT, 'dist/harness/pipeline/chdb-server.js'), chdb, data, String(port)]);
}
