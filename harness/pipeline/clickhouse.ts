/**
 * A ClickHouse that speaks HTTP: a server that is given by its URL, a `clickhouse` on PATH, or chdb behind a small server of ours. Those
 * that are started here listen on ports of their own, keep their data in the folder they are given, and have a bound on their memory: by their
 * own account, in all and for a query, at which they refuse what they are asked; and where a cgroup can be made, by the kernel.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROJECT } from '../project.js';
import { PipelineError } from './errors.js';
import type { MemoryBound } from './memory-bound.js';
import { freePorts, Program } from './program.js';
import { findChdb, onPath } from './supply.js';

const READY_MS = 60_000;
const MIB = 2 ** 20;
/** For a query. */
const MOST_MEMORY = 1_000_000_000;
/** In all, by its own account. The process has some 200 MiB beside that: the program itself, and Node's. */
const MOST_MEMORY_IN_ALL = 1536 * MIB;
/** What the kernel lets it have; of that, caches of files are taken back when there is need. */
export const MEMORY_BOUND = 2048 * MIB;

export interface ClickHouseOptions {
  /** Of a server that runs already, with user and password if it wants them; it is not stopped. */
  readonly url?: string;
  readonly signal?: AbortSignal;
  /** Default 60 s. */
  readonly patienceMs?: number;
  /** Of what is started here. */
  readonly bound?: MemoryBound;
}

export class ClickHouse {
  private program: Program | undefined;
  private isWanted = false;

  private constructor(
    private readonly launch: (() => Promise<Program>) | undefined,
    /** `http://HOST:PORT`, or as it was given. */
    readonly url: string,
    private readonly bound: MemoryBound | undefined,
  ) {}

  /** @throws PipelineError, or the signal's reason */
  static async start(dir: string, { url, signal, patienceMs, bound }: ClickHouseOptions = {}): Promise<ClickHouse> {
    const [port] = (await freePorts(1)) as [number];
    const database =
      url === undefined
        ? new ClickHouse(await starter(dir, port, bound), `http://127.0.0.1:${port}`, bound)
        : new ClickHouse(undefined, url, undefined);
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
    throw new PipelineError(
      'database',
      `ClickHouse at ${new URL(this.url).origin} does not answer SELECT 1${this.killedAtBound}`,
      this.program?.lastWords ?? answer,
    );
  }

  /** Text of the answer (TabSeparated unless it says FORMAT). @throws Error with ClickHouse's own words */
  async query(sql: string, signal?: AbortSignal): Promise<string> {
    // fetch() refuses a URL that holds user and password.
    const { origin, username, password } = new URL(this.url);
    const user = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
    const headers: Record<string, string> = username === '' ? {} : { authorization: `Basic ${user}` };
    const response = await fetch(origin, { method: 'POST', body: sql, headers, ...(signal && { signal }) }).catch((error: Error) => {
      signal?.throwIfAborted();
      // fetch() itself says no more than that it failed; of a name with two addresses the cause has a code alone.
      const { message, code } = (error.cause ?? error) as NodeJS.ErrnoException;
      throw new Error(message || code);
    });
    const text = await response.text();
    if (!response.ok) throw new Error(text.trim());
    return text;
  }

  /** It ended, and nobody had ordered that. */
  get hasDied(): boolean {
    return this.isWanted && this.program?.running !== true;
  }

  /** The end of a sentence that tells of its death; empty when memory was not the cause. */
  get killedAtBound(): string {
    const { kills = 0, words = '' } = this.bound ?? {};
    return kills === 0 ? '' : `: the kernel killed it at its memory bound, ${words}`;
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

async function starter(dir: string, port: number, bound?: MemoryBound): Promise<() => Promise<Program>> {
  await mkdir(dir, { recursive: true });
  const [clickhouse, chdb] = [onPath('clickhouse'), findChdb()];
  const within = (command: readonly string[]): readonly string[] => bound?.within(command) ?? command;
  if (clickhouse !== undefined) return async () => Program.start(within(await serverCommand(clickhouse, dir, port)));
  if (chdb !== undefined) return async () => Program.start(within(await chdbCommand(chdb, dir, port)));
  throw new PipelineError('missing', 'there is no ClickHouse', 'run `npm run setup pipeline`');
}

async function serverCommand(clickhouse: string, dir: string, port: number): Promise<string[]> {
  const config = join(dir, 'config.xml');
  const user = { password: '', networks: { ip: '127.0.0.1' }, profile: 'default', quota: 'default' };
  await writeConfig(config, {
    ...BOUNDS,
    // Its last words.
    logger: { level: 'warning', console: 'true' },
    http_port: port,
    listen_host: '127.0.0.1',
    path: `${dir}/data/`,
    users: { default: user },
    profiles: { default: { max_memory_usage: MOST_MEMORY } },
    quotas: { default: '' },
  });
  return [clickhouse, 'server', `--config-file=${config}`];
}

/** What is for a query it takes as words of its own. */
async function chdbCommand(chdb: string, dir: string, port: number): Promise<string[]> {
  const config = join(dir, 'chdb.xml');
  await writeConfig(config, BOUNDS);
  const server = join(PROJECT, 'dist/harness/pipeline/chdb-server.js');
  return [process.execPath, server, chdb, join(dir, 'chdb'), String(port), `--config-file=${config}`, `--max_memory_usage=${MOST_MEMORY}`];
}

/** Server settings of ClickHouse. Merges need less than they may have: tables are small, and on two cores two at a time are enough. */
const BOUNDS = {
  max_server_memory_usage: MOST_MEMORY_IN_ALL,
  mark_cache_size: 64 * MIB,
  primary_index_cache_size: 32 * MIB,
  index_mark_cache_size: 8 * MIB,
  uncompressed_cache_size: 8 * MIB,
  index_uncompressed_cache_size: 8 * MIB,
  compiled_expression_cache_size: 16 * MIB,
  background_pool_size: 2,
  background_merges_mutations_concurrency_ratio: 1,
  background_schedule_pool_size: 8,
  // A pool of two never has the 20 free places that these wait for by default.
  merge_tree: {
    number_of_free_entries_in_pool_to_execute_mutation: 1,
    number_of_free_entries_in_pool_to_lower_max_size_of_merge: 1,
    number_of_free_entries_in_pool_to_execute_optimize_entire_partition: 1,
  },
} as const;

/** An element is looked up by its name, and only the first one of a name is seen. */
interface Elements {
  readonly [name: string]: Elements | string | number;
}

function writeConfig(file: string, elements: Elements): Promise<void> {
  return writeFile(file, `${xml({ clickhouse: elements })}\n`);
}

function xml(elements: Elements): string {
  const inner = (value: Elements[string]) =>
    typeof value === 'object' ? xml(value) : String(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return Object.entries(elements)
    .map(([name, value]) => `<${name}>${inner(value)}</${name}>`)
    .join('');
}
