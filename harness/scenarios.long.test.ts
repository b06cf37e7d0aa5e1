/** Every scenario that ships, on target `host`: green with the real subject, red where its own fault is planted. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { mutantFile } from './mutants.js';
import { it } from './soak.test-support.js';

describe('netsoakd', () => {
  it.for([
    ['thread-law', '80s'],
    ['many-sockets', '30s'],
    ['restart-storm', '40s'],
    ['kernel-limits', '40s'],
    ['short-lived', '30s'],
    ['rough-host', '30s'],
    ['container-fanout', '30s'],
  ] as const)('holds in %s', async ([scenario, duration], { runs }) => {
    const { code, stderr } = await runs.run('run', scenario, '--target', 'host', '--duration', duration);
    expect(code, stderr).toBe(0);
  });
});

describe('a planted fault', () => {
  it.for([
    ['thread-law', 'thread-leak', 'thread-law', ['--set', 'namespaces=200']],
    ['thread-law', 'blocking-readers', 'thread-law', ['--set', 'namespaces=200']],
    ['many-sockets', 'drop-one-in-10000', 'completeness', []],
    ['restart-storm', 'crash', 'restarts', []],
    ['kernel-limits', 'frozen-reader', 'completeness', []],
  ] as const)('in %s: %s fails by %s', async ([scenario, mutant, invariant, settings], { runs }) => {
    await runs.run('run', scenario, '--target', 'host', '--duration', '40s', '--subject', mutantFile(mutant), ...settings);
    expect(runs.failed()).toContain(invariant);
  });
});

describe('a violation', () => {
  it('leaves evidence: stacks, open files, memory and a heap snapshot, which the report names', async ({ runs }) => {
    await runs.run('run', 'namespace-churn', '--target', 'host', '--duration', '20s', '--subject', mutantFile('thread-leak'));
    const files = readdirSync(join(runs.latest(), 'evidence'));
    expect(files).toEqual(
      expect.arrayContaining(['1-threads-fds.txt', '1-threads-smaps.txt', '1-threads-stacks.txt', '1-threads.heapsnapshot']),
    );
    const snapshot = JSON.parse(readFileSync(join(runs.latest(), 'evidence/1-threads.heapsnapshot'), 'utf8')) as { nodes: unknown[] };
    expect(snapshot.nodes.length).toBeGreaterThan(1000);
    const report = readFileSync(join(runs.latest(), 'report.html'), 'utf8');
    for (const words of ['Threads when threads was violated', 'Open files', 'Resident memory', 'evidence/1-threads-stacks.txt'])
      expect(report).toContain(words);
  });
});
