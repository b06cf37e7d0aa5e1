/**
 * Rows appended to envelopes by the daemon's own writer, in a program of its own (floor/append.cc): what a row costs must not know how many
 * are there already. An envelope ends with its block of 1 MiB, so 100,000 rows fill some fifty.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Benchmark, StartedProgram } from '../harness/bench/benchmark.js';
import { addonPath } from './index.js';
import { addonUnavailable, messages } from './messages.bench-support.js';

/** Beside the addon. */
const program = (): string => join(dirname(addonPath()), 'netsoak-append');

function unavailable(): string | undefined {
  return addonUnavailable() ?? (existsSync(program()) ? undefined : 'there is no netsoak-append beside the addon: `npm run build`');
}

async function start(rows: number, signal: AbortSignal): Promise<StartedProgram> {
  // An older revision has none, which only shows here.
  const lacking = unavailable();
  if (lacking !== undefined) throw new Error(lacking);
  const folder = mkdtempSync(join(tmpdir(), 'netsoak-bench-append-'));
  const file = join(folder, 'messages');
  writeFileSync(file, messages(300));
  const child = spawn(program(), [String(rows), file], { stdio: ['pipe', 'pipe', 'inherit'], signal });
  const exited = once(child, 'exit').catch(() => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const done = async (): Promise<number> => {
    child.stdin.write('\n');
    return Number((await lines.next()).value);
  };
  // It has read its file once it answers.
  await done();
  rmSync(folder, { recursive: true });
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await exited;
  };
  return { pid: child.pid as number, settleSeconds: 0.05, watchSeconds: 0.3, done, stop };
}

const append = (rows: number): Benchmark => ({
  name: `${rows.toLocaleString('en')} ${rows === 1 ? 'row' : 'rows'} an envelope`,
  per: 'row',
  unavailable,
  start: (signal) => start(rows, signal),
});

export const benchmarks: readonly Benchmark[] = [append(1), append(1000), append(100_000)];
