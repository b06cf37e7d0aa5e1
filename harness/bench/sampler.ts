/**
 * The program in which a sample is taken: `node sampler.js` started with an IPC channel, told one {@link Order}, answers once and
 * ends. Before that it may say {@link Held} some times: it rests until it is told to go on, so that others can work meanwhile. One process is one sample, because processes differ from each other (layout, hash seeds, when code was optimised)
 * more than repetitions in one of them do. It goes when its starter goes.
 */
import { pathToFileURL } from 'node:url';
import type { Benchmark, Row, Sample } from './benchmark.js';
import { rehearseLoop, sampleLoop, slowed } from './loop.js';
import { sampleProgram } from './program.js';

export type Order =
  | { readonly kind: 'list'; readonly file: string; readonly suite: string }
  /**
   * `rehearse`: the round before those that count. A program's system calls are counted, a loop is called once; there are no other figures.
   * `slowdown`: a share by which each call of a loop is made longer; see {@link slowed}.
   */
  | { readonly kind: 'sample'; readonly file: string; readonly name: string; readonly rehearse: boolean; readonly slowdown?: number };

export interface ListedRow extends Row {
  /** Why it cannot run here. */
  readonly unavailable?: string;
}

export type Answer =
  | { readonly kind: 'rows'; readonly rows: readonly ListedRow[] }
  | { readonly kind: 'sample'; readonly sample: Sample }
  | { readonly kind: 'missing' }
  | { readonly kind: 'failed'; readonly message: string };

export type Held = { readonly kind: 'held' };

/** Resolves when our starter says that it is our turn again. */
async function turn(): Promise<void> {
  const going = new Promise((go) => process.once('message', go));
  process.send?.({ kind: 'held' } satisfies Held);
  await going;
}

async function obey(order: Order, signal: AbortSignal): Promise<Answer> {
  const { benchmarks } = (await import(pathToFileURL(order.file).href)) as { benchmarks?: readonly Benchmark[] };
  if (!Array.isArray(benchmarks)) return { kind: 'failed', message: 'the file exports no `benchmarks`' };
  if (order.kind === 'list') return { kind: 'rows', rows: benchmarks.map((benchmark) => listed(order.suite, benchmark)) };
  const benchmark = (benchmarks as readonly Benchmark[]).find(({ name }) => name === order.name);
  if (!benchmark) return { kind: 'missing' };
  if ('start' in benchmark) {
    if (order.slowdown !== undefined) return { kind: 'failed', message: 'a slowdown can be planted in a loop, and this is a program' };
    return { kind: 'sample', sample: await sampleProgram(benchmark, order.rehearse, signal) };
  }
  const loop = order.slowdown === undefined ? benchmark : slowed(benchmark, order.slowdown);
  return { kind: 'sample', sample: order.rehearse ? await rehearseLoop(loop) : await sampleLoop(loop, turn) };
}

function listed(suite: string, benchmark: Benchmark): ListedRow {
  const unavailable = benchmark.unavailable?.();
  return { suite, name: benchmark.name, per: benchmark.per ?? 'call', ...(unavailable === undefined ? {} : { unavailable }) };
}

const abort = new AbortController();
process.once('disconnect', () => {
  abort.abort(new Error('the starter is gone'));
  // A benchmark that watches the signal stops its program first.
  setTimeout(() => process.exit(1), 2000);
});
process.once('message', async (order: Order) => {
  const answer = await obey(order, abort.signal).catch((error: unknown): Answer => ({ kind: 'failed', message: String(error) }));
  process.send?.(answer, () => process.exit(0));
});
