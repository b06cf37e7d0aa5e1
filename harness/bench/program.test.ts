import { expect, test } from 'vitest';
import { countCalls, sumThreads } from './program.js';

test('sums CPU and both kinds of context switches over all threads', () => {
  const task = (ns: number, voluntary: number, forced: number) => ({
    schedstat: `${ns} 999 12\n`,
    status: `Name:\tnode\nVmRSS:\t  100 kB\nvoluntary_ctxt_switches:\t${voluntary}\nnonvoluntary_ctxt_switches:\t${forced}\n`,
  });
  expect(sumThreads([task(5_000_000, 10, 1), task(7_000_000, 200, 30)])).toEqual({ threads: 2, cpuNs: 12_000_000, switches: 241 });
});

test("adds up strace's summary without its own total", () => {
  const summary =
    'strace: Process 4711 attached with 3 threads\nsyscall                calls\n---------------- ---------\nread                     6\nepoll_wait             120\n---------------- ---------\ntotal                  126\n';
  expect(countCalls(summary)).toBe(126);
});
