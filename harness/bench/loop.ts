/**
 * One sample of a {@link LoopBenchmark}: tinybench for the wall time, then batches for CPU time and memory. CPU time is
 * what the kernel says the process used: on a machine that others use too it scatters a tenth as much as the wall does.
 */
import { GCProfiler } from 'node:v8';
import { Bench } from 'tinybench';
import type { LoopBenchmark, PreparedCall, Sample } from './benchmark.js';

/**
 * Long enough for the optimising compiler to be done with a hot call, short enough that twenty rows with ten processes a side
 * take minutes. Slow calls get their least number of repetitions.
 */
const WARM_UP = { warmupTime: 80, warmupIterations: 3 };
const MEASURE = { time: 100, iterations: 5 };
/** A call that takes longer than this compiles its loops in its first run: what a short one gains by repetition it has then. */
const SLOW_MS = 500;
const SLOW = { warmupTime: 0, warmupIterations: 1, time: 0, iterations: 3 };
/** A neighbour on the other half of a core, which takes a third of its speed, pauses for milliseconds: a batch must fit into that. */
const BATCH_MS = 2;
/** Between two slices others have their turn, so that the batches are spread over seconds: the neighbour may stay for one. */
const SLICES = 10;
const BATCHES_A_SLICE = 10;
/** Of calls so slow that one is a batch, and longer than a slice. */
const SLOW_SLICES = 3;

/** Calls it once: files are in the cache afterwards, and what fails has failed. */
export async function rehearseLoop(benchmark: LoopBenchmark): Promise<Sample> {
  const prepared = await benchmark.prepare();
  try {
    await prepared.call();
    return { metrics: {}, warnings: [] };
  } finally {
    await prepared.release?.();
  }
}

/** The same benchmark with a regression planted in it: after each call it computes for `share` of the time that the call took. */
export function slowed(benchmark: LoopBenchmark, share: number): LoopBenchmark {
  const idle = (from: number): void => {
    const until = performance.now() + share * (performance.now() - from);
    while (performance.now() < until);
  };
  return {
    ...benchmark,
    prepare: async () => {
      const prepared = await benchmark.prepare();
      return {
        ...prepared,
        call() {
          const from = performance.now();
          const result = prepared.call();
          if (result instanceof Promise) {
            return result.then((value: unknown) => {
              idle(from);
              return value;
            });
          }
          idle(from);
          return result;
        },
      };
    },
  };
}

/** @param turn awaited between two slices of work: others may work meanwhile */
export async function sampleLoop(benchmark: LoopBenchmark, turn: () => Promise<void> = async () => {}): Promise<Sample> {
  const prepared = await benchmark.prepare();
  try {
    const { nanoseconds, warnings } = await timeOf(benchmark.name, prepared);
    const { cpu, alloc } = await costOf(prepared, nanoseconds / 1e6, turn);
    const ops = benchmark.ops ?? 1;
    return { metrics: { time: nanoseconds / ops, cpu: cpu / ops, alloc: Math.round((10 * alloc) / ops) / 10 }, warnings };
  } finally {
    await prepared.release?.();
  }
}

async function timeOf(name: string, prepared: PreparedCall): Promise<{ nanoseconds: number; warnings: string[] }> {
  const began = performance.now();
  const first = prepared.call();
  await first;
  const pace = performance.now() - began > SLOW_MS ? SLOW : { ...WARM_UP, ...MEASURE };
  const bench = new Bench({ ...pace, throws: true });
  const warnings: string[] = [];
  bench.addEventListener('warning', (event) => warnings.push(`the clock is too coarse for it (${event.reason}): do more in one call`));
  // Told, not left to be found out: to learn whether a function is asynchronous, tinybench calls it and does not wait for it to end, so two
  // calls of what allows one at a time would run at once.
  bench.add(name, () => prepared.call(), { async: first instanceof Promise });
  const [task] = await bench.run();
  const result = task?.result;
  if (result?.state !== 'completed') throw new Error(`tinybench ended in state ${result?.state}`);
  return { nanoseconds: result.latency.p50 * 1e6, warnings };
}

/**
 * CPU nanoseconds and heap bytes of one call. CPU is that of the best batch: neighbours, who take the caches away, can only add to
 * it (Chen and Revels, "Robust benchmarking in noisy environments", 2016). What garbage collection costs is seen in the bytes: the growth of
 * the heap, plus what each collection in between freed. V8 counts new objects by page as
 * long as a page is being filled, so the first thousand small calls read high; the calls of tinybench came before.
 */
async function costOf(prepared: PreparedCall, callMs: number, turn: () => Promise<void>): Promise<{ cpu: number; alloc: number }> {
  const calls = Math.max(1, Math.round(BATCH_MS / callMs));
  const batches = Math.max(1, Math.round(BATCHES_A_SLICE * Math.min(1, BATCH_MS / callMs)));
  const slices = callMs > BATCH_MS * BATCHES_A_SLICE ? SLOW_SLICES : SLICES;
  globalThis.gc?.();
  const profiler = new GCProfiler();
  let [cpu, bytes] = [Number.POSITIVE_INFINITY, 0];
  for (let slice = 0; slice < slices; slice++) {
    await turn();
    profiler.start();
    const before = process.memoryUsage().heapUsed;
    for (let batch = 0; batch < batches; batch++) {
      const from = process.cpuUsage();
      for (let i = 0; i < calls; i++) {
        const result = prepared.call();
        if (result instanceof Promise) await result;
      }
      const { user, system } = process.cpuUsage(from);
      cpu = Math.min(cpu, ((user + system) * 1000) / calls);
    }
    bytes += process.memoryUsage().heapUsed - before;
    for (const { beforeGC, afterGC } of profiler.stop().statistics) {
      bytes += beforeGC.heapStatistics.usedHeapSize - afterGC.heapStatistics.usedHeapSize;
    }
  }
  return { cpu, alloc: Math.max(0, bytes) / (slices * batches * calls) };
}
