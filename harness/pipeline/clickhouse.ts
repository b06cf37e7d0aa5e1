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
  /** Of a server that runs already; it is not stopped. */
  readonly url?: string;
}

export class ClickHouse {
  private program: Program | undefined;

  private constructor(
    private readonly launch: (() => Promise<{ program: Program; url: string }>) | undefined,
    private at: string,
  ) {}

  /** @throws PipelineError */
  static async start(dir: string, { url }: ClickHouseOptions = {}): Promise<ClickHouse> {
    const start = url === undefined ? await starter(dir) : undefined;
    const database = new ClickHouse(start, url ?? '');
    await database.up();
    return database;
  }

  /** `http://HOST:PORT` */
  get url(): string {
    return this.at;
  }

  get pid(): number | undefined {
    return this.program?.child.pid;
  }

  /** Starts it again, with the data it had; the port may be another one. */
  async up(): Promise<void> {
    if (this.launch !== undefined) ({ program: this.program, url: this.at } = await this.launch());
    const until = performance.now() + READY_MS;
    while (performance.now() < until && this.program?.running !== false) {
      if ((await this.query('SELECT 1').catch(() => '')).trim() === '1') return;
      await sleep(100);
    }
    await this.program?.kill();
    throw new PipelineError('database', `ClickHouse at ${this.at} does not answer`, this.program?.lastWords ?? 'look at its log');
  }

  /** Text of the answer (TabSeparated unless it says FORMAT). @throws Error with ClickHouse's own words */
  async query(sql: string): Promise<string> {
    const response = await fetch(this.at, { method: 'POST', body: sql });
    const text = await response.text();
    if (!response.ok) throw new Error(text.trim());
    return text;
  }

  async stop(): Promise<void> {
    await this.program?.stop();
  }

  async kill(): Promise<void> {
    await this.program?.kill();
  }
}

async function starter(dir: string): Promise<() => Promise<{ program: Program; url: string }>> {
  await mkdir(dir, { recursive: true });
  const [clickhouse, chdb] = [onPath('clickhouse'), findChdb()];
  if (clickhouse !== undefined) return () => startServer(clickhouse, dir);
  if (chdb !== undefined) return () => startChdb(chdb, join(dir, 'chdb'));
  throw new PipelineError('missing', 'there is no ClickHouse', 'run `npm run setup pipeline`');
}

async function startServer(clickhouse: string, dir: string): Promise<{ program: Program; url: string }> {
  const [port] = (await freePorts(1)) as [number];
  const config = join(dir, 'config.yaml');
  const memory = `max_server_memory_usage: ${2 * MOST_MEMORY}`;
  const users = `users: {default: {password: '', networks: {ip: '127.0.0.1'}, profile: default, quota: default}}`;
  const profile = `profiles: {default: {max_memory_usage: ${MOST_MEMORY}}}\nquotas: {default: {}}`;
  await writeFile(config, `http_port: ${port}\nlisten_host: 127.0.0.1\npath: ${dir}/data/\n${memory}\n${users}\n${profile}\n`);
  return { program: Program.start([clickhouse, 'server', `--config-file=${config}`]), url: `http://127.0.0.1:${port}` };
}

async function startChdb(chdb: string, data: string): Promise<{ program: Program; url: string }> {
  await mkdir(data, { recursive: true });
  const server = join(PROJECT, 'dist/harness/pipeline/chdb-server.js');
  let found: (port: string) => void = () => {};
  const port = new Promise<string>((resolve) => {
    found = resolve;
  });
  const program = Program.start([process.execPath, server, chdb, data], (line) => {
    if (line.startsWith('listening ')) found(line.slice('listening '.length));
  });
  const listening = await Promise.race([port, program.ended.then(() => undefined)]);
  if (listening === undefined) throw new PipelineError('database', 'chdb does not come up', program.lastWords);
  return { program, url: `http://127.0.0.1:${listening}` };
}
