/** What a profile comes down to: the functions that took most, by themselves. Pure, and the same for every kind of profile. */

export interface TopFunction {
  readonly name: string;
  /** `file:line` for JavaScript, the thread's name for native frames; '' where there is none. */
  readonly where: string;
  /** Of the whole, 0 to 1: time on a processor, or bytes allocated. */
  readonly share: number;
}

export const TOP = 15;

/** `.cpuprofile` of V8 (Profiler.Profile of the DevTools protocol), as far as it is read here. */
export interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly samples?: readonly number[];
  readonly timeDeltas?: readonly number[];
}

/** `.heapprofile` of V8 (HeapProfiler.SamplingHeapProfile). */
export interface HeapProfile {
  readonly head: HeapNode;
}

interface HeapNode {
  readonly callFrame: CallFrame;
  readonly selfSize: number;
  readonly children: readonly HeapNode[];
}

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

/** Frames that stand for no work. */
const WAITING = new Set(['(idle)', '(root)']);

/** Threads that are there because of the profile. */
const PROFILERS = new Set(['v8:ProfEvntProc']);

/** Of the time on a processor: waiting is no part of the whole. */
export function topOfCpu({ nodes, samples = [], timeDeltas = [] }: CpuProfile, count: number = TOP): TopFunction[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const taken = new Map<string, number>();
  for (const [i, id] of samples.entries()) {
    const frame = frames.get(id);
    if (frame && !WAITING.has(frame.functionName)) add(taken, frame, Math.max(0, timeDeltas[i] ?? 0));
  }
  return most(taken, count);
}

/** Of the bytes that were allocated, whether they still live or not. */
export function topOfHeap({ head }: HeapProfile, count: number = TOP): TopFunction[] {
  const taken = new Map<string, number>();
  const walk = (node: HeapNode): void => {
    if (!WAITING.has(node.callFrame.functionName)) add(taken, node.callFrame, node.selfSize);
    node.children.forEach(walk);
  };
  walk(head);
  return most(taken, count);
}

/** Of `perf report --stdio -F overhead,comm,sym -g none`: `  12.34%  ns-reader-0  [k] inet_sk_diag_fill`. */
export function topOfPerf(report: string, count: number = TOP): TopFunction[] {
  return [...report.matchAll(/^\s+([\d.]+)%\s+(.+?)\s+\[([k.])\] (.+?)\s*$/gm)]
    .filter(([, , thread]) => !PROFILERS.has(thread ?? ''))
    .map(([, percent, thread = '', mode, symbol = '']) => ({
      name: mode === 'k' ? `${symbol} (kernel)` : symbol,
      where: thread,
      share: Number(percent) / 100,
    }))
    .slice(0, count);
}

function add(taken: Map<string, number>, { functionName, url, lineNumber }: CallFrame, amount: number): void {
  const file = url.replace(/^file:\/\//, '').replace(/^.*\/(?=(?:dist|node_modules)\/)/, '');
  const where = file === '' ? '' : `${file}:${lineNumber + 1}`;
  const key = `${functionName || '(anonymous)'}\0${where}`;
  taken.set(key, (taken.get(key) ?? 0) + amount);
}

function most(taken: ReadonlyMap<string, number>, count: number): TopFunction[] {
  const whole = [...taken.values()].reduce((sum, amount) => sum + amount, 0);
  return [...taken]
    .filter(([, amount]) => amount > 0)
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .slice(0, count)
    .map(([key, amount]) => {
      const [name = '', where = ''] = key.split('\0');
      return { name, where, share: amount / whole };
    });
}
