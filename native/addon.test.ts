import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { addonPath, openReader } from './index.js';

const folder = fileURLToPath(new URL('.', import.meta.url));
const release = addonPath();
const mutants = `${folder}build/netsoak-mutants.node`;

/** The names in mutants.cc. */
const names = [...readFileSync(`${folder}mutants.cc`, 'utf8').matchAll(/^constexpr const char\* kNames\[\] = \{([^}]*)\}/gms)].flatMap(
  ([, list]) => [...(list as string).matchAll(/"([a-z0-9-]+)"/g)].map(([, name]) => name as string),
);

describe('planted faults', () => {
  if (!existsSync(mutants)) execFileSync('make', ['-C', folder, 'mutants'], { stdio: 'ignore' });

  test('are in the mutant build and nowhere in the release build', () => {
    const [inRelease, inMutants] = [readFileSync(release), readFileSync(mutants)];
    expect(names.length).toBeGreaterThanOrEqual(16);
    for (const name of [...names, 'NETSOAK_MUTANT', 'mutants', 'planted']) {
      expect({ name, release: inRelease.includes(name), mutants: inMutants.includes(name) }).toEqual({
        name,
        release: false,
        mutants: true,
      });
    }
  });

  test('one that does not exist stops the process that asks for it', () => {
    const load = (mutant: string) =>
      spawnSync(process.execPath, ['-e', 'require(process.argv[1])', mutants], {
        env: { ...process.env, NETSOAK_MUTANT: mutant },
        encoding: 'utf8',
      });
    expect(load('no-such-fault')).toMatchObject({ signal: 'SIGABRT', stderr: expect.stringContaining('no such planted fault') });
    expect(load('ipv4-only')).toMatchObject({ status: 0, stderr: '' });
  });
});

test('the release build has no undefined symbol but those of Node and the C and C++ libraries', () => {
  const undefinedSymbols = execFileSync('nm', ['-DCu', release], { encoding: 'utf8' });
  expect(undefinedSymbols).not.toContain('netsoak::');
});

describe('options out of range are refused by name', () => {
  const good = {
    workers: 1,
    format: 'jsonl',
    identity: { daemonVersion: '', hostname: '', location: '', label: '', tag: '' },
    flushRows: 1,
    flushBytes: 1,
    blocks: 1,
    states: 1,
  } as const;
  test.each([
    ['workers', 0],
    ['workers', 1.5],
    ['blocks', 0],
    ['flushRows', 0],
    ['flushBytes', (1 << 20) + 1],
    ['states', Number.NaN],
  ])('%s = %d', (name, value) => {
    expect(() => openReader({ ...good, [name]: value }, () => {})).toThrow(new RegExp(`^${name} must be a whole number from`));
  });
});

test('a process whose reader is idle, or in the middle of a poll, can end', () => {
  const script = `
    const { openReader } = require(process.argv[1]);
    const callbacks = { envelope() {}, pollDone() {}, closed() {} };
    const reader = openReader(2, 4, false, 2400, 700000, 0x1fff, ['', '', '', '', ''], callbacks);
    if (process.argv[2] === 'poll') {
      const { dev, ino } = require('node:fs').statSync('/proc/self/ns/net');
      reader.poll('/proc/self/ns/net\\0own\\0\\0\\0'.repeat(1000), new Float64Array(2000).map((_, i) => (i % 2 ? ino : dev)));
      setTimeout(() => process.exit(7), 1);
    }`;
  const run = (what: string) => spawnSync(process.execPath, ['-e', script, release, what], { encoding: 'utf8', timeout: 10_000 });
  expect(run('idle')).toMatchObject({ status: 0, stderr: '' });
  expect(run('poll')).toMatchObject({ status: 7, stderr: '' });
});

test('a pool that the process has no address space for is refused in a sentence', () => {
  const script = `
    const { openReader } = require(process.argv[1]);
    const open = (blocks) => openReader(1, blocks, false, 2400, 700000, 0x1fff, ['', '', '', '', ''], {});
    open(1);
    const used = require('node:fs').readFileSync('/proc/self/statm', 'utf8').split(' ')[0] * 4096;
    require('node:child_process').execFileSync('prlimit', ['--pid', String(process.pid), '--as=' + (used + (1 << 30))]);
    try { open(4096); } catch (error) { console.log(error.message); }`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', script, release], { encoding: 'utf8', timeout: 10_000 });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'memory for envelopes: Cannot allocate memory\n', stderr: '' });
});
