/**
 * Discovery runs before each poll and looks at every process. Here /proc is a tree of the same shape in memory: the system calls
 * are real, the processes are not (5,000 of them would be the load, not the benchmark). A readlink of the real /proc costs more.
 */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Benchmark } from '../harness/bench/benchmark.js';
import { discover, KERNEL, openTable } from './namespaces.js';

/** As on a host of containers: ten processes share a namespace. */
const PROCESSES_A_NAMESPACE = 10;

function fakeProc(processes: number): string {
  // In memory as /proc is, where that can be had: making and removing the tree takes longer than measuring.
  const parent = fs.existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const root = fs.mkdtempSync(join(parent, 'netsoak-bench-proc-'));
  for (let i = 0; i < processes; i++) {
    const folder = join(root, String(i + 1), 'ns');
    fs.mkdirSync(folder, { recursive: true });
    fs.symlinkSync(`net:[${4_026_532_000 + Math.floor(i / PROCESSES_A_NAMESPACE)}]`, join(folder, 'net'));
  }
  return root;
}

const scan = (processes: number): Benchmark => ({
  name: `${processes.toLocaleString('en')} processes`,
  per: 'process',
  ops: processes,
  prepare: () => {
    const root = fakeProc(processes);
    const table = openTable([], { ...KERNEL, proc: root });
    return { call: () => discover(table), release: () => fs.rmSync(root, { recursive: true }) };
  },
});

export const benchmarks: readonly Benchmark[] = [scan(100), scan(1000), scan(5000)];
