/** One sample of a {@link ProgramBenchmark}: what /proc says of the program over a window, divided by what it did in it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProgramBenchmark, Sample } from './benchmark.js';

/** Cumulative figures of all threads that live; threads that ended take theirs along, so a program of steady threads is measured best. */
export interface ThreadTotals {
  readonly threads: number;
  readonly cpuNs: number;
  readonly switches: number;
}

/** Sums `schedstat` (first field: nanoseconds on a CPU) and the switches in `status`, proc_pid_status(5). */
export function sumThreads(tasks: readonly { readonly schedstat: string; readonly status: string }[]): ThreadTotals {
  let [cpuNs, switches] = [0, 0];
  for (const { schedstat, status } of tasks) {
    cpuNs += Number(schedstat.split(' ')[0]);
    for (const [, count] of status.matchAll(/^(?:non)?voluntary_ctxt_switches:\s*(\d+)/gm)) switches += Number(count);
  }
  return { threads: tasks.length, cpuNs, switches };
}

export async function sampleProgram(benchmark: ProgramBenchmark, countCallsOnly: boolean, signal: AbortSignal): Promise<Sample> {
  const program = await benchmark.start(signal);
  try {
    await sleep(program.settleSeconds * 1000, undefined, { signal });
    const tracer = countCallsOnly ? await attachTracer(program.pid) : undefined;
    const before = readThreads(program.pid);
    const doneBefore = await program.done();
    await sleep(program.watchSeconds * 1000, undefined, { signal });
    const after = readThreads(program.pid);
    const done = (await program.done()) - doneBefore;
    if (done <= 0) throw new Error(`the program did nothing in ${program.watchSeconds} s`);
    const { rss } = readMemory(program.pid);
    if (countCallsOnly) {
      const calls = await tracer?.end();
      return calls === undefined
        ? { metrics: {}, warnings: ['no strace here: system calls are not counted'] }
        : { metrics: { syscalls: calls / done }, warnings: [] };
    }
    return {
      metrics: {
        cpu: (after.cpuNs - before.cpuNs) / done,
        switches: (after.switches - before.switches) / done,
        rss,
        threads: after.threads,
      },
      warnings: before.threads === after.threads ? [] : [`threads went from ${before.threads} to ${after.threads} while it was measured`],
    };
  } finally {
    await program.stop();
  }
}

function readThreads(pid: number): ThreadTotals {
  const folder = `/proc/${pid}/task`;
  const tasks = readdirSync(folder).flatMap((tid) => {
    try {
      return [{ schedstat: readFileSync(`${folder}/${tid}/schedstat`, 'utf8'), status: readFileSync(`${folder}/${tid}/status`, 'utf8') }];
    } catch {
      return [];
    }
  });
  return sumThreads(tasks);
}

function readMemory(pid: number): { rss: number } {
  const kilobytes = /^VmRSS:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { rss: Number(kilobytes) * 1024 };
}

interface Tracer {
  /** Detaches; resolves to the number of system calls seen. */
  end(): Promise<number>;
}

/** undefined where there is no strace. It slows the program many times over, so nothing else is read from such a run. */
async function attachTracer(pid: number): Promise<Tracer | undefined> {
  const child: ChildProcess = spawn('strace', ['-c', '-f', '-U', 'name,calls', '-p', String(pid)], { stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
  });
  const gone = once(child, 'close').catch(() => []);
  const attached = await Promise.race([once(child.stderr as NodeJS.ReadableStream, 'data').then(() => true), gone.then(() => false)]);
  if (!attached) return undefined;
  return {
    end: async () => {
      child.kill('SIGINT');
      await gone;
      return countCalls(text);
    },
  };
}

/** The sum of the calls in a summary of `strace -c -U name,calls`. */
export function countCalls(summary: string): number {
  let calls = 0;
  for (const [, name, count] of summary.matchAll(/^(\w+)\s+(\d+)$/gm)) if (name !== 'total') calls += Number(count);
  return calls;
}
