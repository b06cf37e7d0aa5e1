/** The database's memory has a bound that holds, and what happens at it is told with its cause. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { cgroup2Mount, runCgroup } from '../agent/cgroup.js';
import { ClickHouse } from './clickhouse.js';
import type { PipelineError } from './errors.js';
import { MemoryBound } from './memory-bound.js';
import { ServiceSampler } from './sampling.js';
import type { Services } from './services.js';

const MIB = 2 ** 20;
/** Wants a gigabyte and more, whatever the settings of the query allow it. */
const GREEDY = 'SELECT length(groupArray(number)) FROM numbers(200000000)';

let dir: string;
let bound: MemoryBound;
let clickhouse: ClickHouse;
let sampler: ServiceSampler;
const lost: PipelineError[] = [];
const said: string[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'netsoak-bound-'));
});
afterEach(async () => {
  sampler?.stop();
  await clickhouse?.kill();
  bound?.close();
  expect(existsSync(join(cgroup2Mount() ?? '', runCgroup(basename(dir))))).toBe(false);
  rmSync(dir, { recursive: true });
});

/** A database in so much memory, watched as in a run. */
async function start(bytes: number): Promise<void> {
  const made = MemoryBound.make(basename(dir), bytes);
  if (typeof made === 'string') throw new Error(made);
  bound = made;
  clickhouse = await ClickHouse.start(join(dir, 'clickhouse'), { bound });
  await clickhouse.query('CREATE TABLE d (x Int8) ENGINE = MergeTree ORDER BY x');
  const services = { brokers: [], clickhouse, outside: { database: 'default', table: 'd' } } as unknown as Services;
  sampler = new ServiceSampler(
    services,
    () => {},
    (error) => lost.push(error),
    (sentence) => said.push(sentence),
  );
  sampler.start();
}

it('is killed by the kernel beyond it, and said to be', async () => {
  await start(500 * MIB);
  await expect(clickhouse.query(`${GREEDY} SETTINGS max_memory_usage = 0`)).rejects.toThrow();
  await expect
    .poll(() => lost[0]?.message, { timeout: 20_000 })
    .toMatch(/ended by itself: the kernel killed it at its memory bound, 500 MiB/);
  expect(lost[0]).toMatchObject({ owner: 'infra', code: 'database' });
});

it('refuses a query at its own bound, says so, and lives on', async () => {
  await start(2048 * MIB);
  await expect(clickhouse.query(GREEDY)).rejects.toThrow('MEMORY_LIMIT_EXCEEDED');
  await expect(clickhouse.query(`${GREEDY} SETTINGS max_memory_usage = 0`)).rejects.toThrow('MEMORY_LIMIT_EXCEEDED');
  await expect
    .poll(() => said[0], { timeout: 20_000 })
    .toMatch(/^ClickHouse refused \d+ times for lack of memory: .*memory limit exceeded/);
  expect((await clickhouse.query('SELECT 1')).trim()).toBe('1');
  expect(bound.kills).toBe(0);
});
