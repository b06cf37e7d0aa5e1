/** Twelve hours are judged in one go when a run ends; a report waits for it. */
import type { Benchmark } from '../bench/benchmark.js';
import { leakGate } from './leak-gate.js';
import { HOUR, leaking, simulate } from './simulated.test-support.js';

export const benchmarks: readonly Benchmark[] = [
  {
    name: '12 h, a sample a minute',
    per: 'series',
    prepare: () => {
      const samples = simulate(leaking.half, 1);
      return { call: () => leakGate(samples, 0, 12 * HOUR, 0).value?.leaking };
    },
  },
  {
    name: '12 h, a sample a second',
    per: 'series',
    prepare: () => {
      const samples = simulate(leaking.half, 1).flatMap(({ at, value }) =>
        Array.from({ length: 60 }, (_, i) => ({ at: at + i, value: value + i })),
      );
      return { call: () => leakGate(samples, 0, 12 * HOUR, 0).value?.leaking };
    },
  },
];
