/**
 * A short run of the fuzz targets: under libFuzzer where clang has it, else under a stand-in that g++ builds (fuzz/driver.cc). Both with ASan and
 * UBSan. What fuzzing reaches and finds in a minute is for fuzz.long.test.ts.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';

// The first run builds: a minute and more on a busy machine.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 });

const folder = fileURLToPath(new URL('.', import.meta.url));
const seeds = readdirSync(`${folder}fuzz/seeds`).map((name) => `${folder}fuzz/seeds/${name}`);
const EMPTY = 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }';
const hasLibFuzzer =
  spawnSync('clang++', ['-x', 'c++', '-', '-fsanitize=fuzzer,address', '-o', '/dev/null'], { input: EMPTY }).status === 0;
// Small quarantine and no stacks of allocations: three times as many executions a second.
const env = { ...process.env, ASAN_OPTIONS: 'quarantine_size_mb=1:malloc_context_size=0' };

const make = (...goals: readonly string[]) =>
  execFileSync('make', ['-C', folder, '-j2', ...goals], { stdio: ['ignore', 'ignore', 'pipe'] });
const run = (program: string, ...args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(`${folder}build/fuzz/${program}`, args, { encoding: 'utf8', env, maxBuffer: 1 << 26 });
  return { status, text: `${stdout}${stderr}` };
};

const targets = [
  { name: 'decode', most: 700, runs: 60_000, seeds },
  { name: 'filter', most: 80, runs: 40_000, seeds: [] },
  { name: 'lines', most: 700, runs: 20_000, seeds },
] as const;

test.runIf(hasLibFuzzer).each(targets)('libFuzzer finds nothing in $name', ({ name, most, runs, seeds: corpus }) => {
  make(`build/fuzz/${name}_fuzz`);
  const dictionary = name === 'filter' ? [`-dict=${folder}fuzz/filter.dict`] : [];
  // A folder of its own comes first: what is new goes there and not to the seeds.
  const found = mkdtempSync(join(tmpdir(), 'netsoak-fuzz-'));
  const folders = corpus.length > 0 ? [found, `${folder}fuzz/seeds`] : [found];
  const limits = [`-max_len=${most}`, `-runs=${runs}`, '-seed=1', '-print_final_stats=1', `-artifact_prefix=${found}/`];
  const { status, text } = run(`${name}_fuzz`, ...limits, ...dictionary, ...folders);
  rmSync(found, { recursive: true });
  expect(status, text.slice(-2_000)).toBe(0);
  expect(text).toContain(`stat::number_of_executed_units: ${runs}`);
});

test.runIf(!hasLibFuzzer).each(targets)('bent seeds do no harm in $name', ({ name, most, runs, seeds: corpus }) => {
  make(`build/fuzz/${name}_smoke`);
  const { status, text } = run(`${name}_smoke`, String(runs), String(most), ...corpus);
  expect(status, text.slice(-2_000)).toBe(0);
  expect(text).toContain(`Done ${runs} runs`);
});
