/** What stands between the end of a twelve-hour run and its reader: the verdict, then the page. */
import type { Benchmark } from '../harness/bench/benchmark.js';
import { healthyRun } from '../harness/verdict/fake-run.test-support.js';
import { judgeRun } from '../harness/verdict/load-run.js';
import { renderRunReport } from './run-report.js';

/** Twelve hours of samples, a sample every second would be 86,400 points; ten seconds keep a process of this benchmark short. */
const run = () => healthyRun({ durationSeconds: 12 * 3600 }, 10);

export const benchmarks: readonly Benchmark[] = [
  {
    name: 'verdict of 12 h',
    per: 'run',
    prepare: () => {
      const stored = run();
      return { call: () => judgeRun(stored).verdict };
    },
  },
  {
    name: 'report of 12 h',
    per: 'run',
    prepare: () => {
      const stored = run();
      const verdict = judgeRun(stored);
      return { call: () => renderRunReport({ ...stored, verdict }).length };
    },
  },
];
