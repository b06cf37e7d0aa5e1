/** Filters are compiled once a start, but explained and checked on the way: it must stay far below a poll. */
import type { Benchmark } from '../harness/bench/benchmark.js';
import { compileFilter } from './filter.js';

const CALLS = 100;
const LONG = Array.from({ length: 30 }, (_, i) => `( sport = :${1000 + i} and dst 10.${i}.0.0/16 )`).join(' or ');

const compile = (name: string, expression: string): Benchmark => ({
  name,
  per: 'expression',
  ops: CALLS,
  prepare: () => {
    compileFilter(expression);
    return {
      call() {
        for (let i = 0; i < CALLS; i++) compileFilter(expression);
      },
    };
  },
});

export const benchmarks: readonly Benchmark[] = [compile('one port', 'sport = :443'), compile('sixty conditions', LONG)];
