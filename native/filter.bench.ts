/** Filters are compiled once a start, but explained and checked on the way: it must stay far below a poll. */
import type { Benchmark } from '../harness/bench/benchmark.js';
import { compileFilter } from './filter.js';

const LONG = Array.from({ length: 30 }, (_, i) => `( sport = :${1000 + i} and dst 10.${i}.0.0/16 )`).join(' or ');

/** @param calls so many that one call of the benchmark takes a millisecond at most */
const compile = (name: string, expression: string, calls: number): Benchmark => ({
  name,
  per: 'expression',
  ops: calls,
  prepare: () => {
    compileFilter(expression);
    return {
      call() {
        for (let i = 0; i < calls; i++) compileFilter(expression);
      },
    };
  },
});

export const benchmarks: readonly Benchmark[] = [compile('one port', 'sport = :443', 100), compile('sixty conditions', LONG, 10)];
