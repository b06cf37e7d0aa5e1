/**
 * The planted faults that ship, and the invariants of namespace-churn that must name each. The bounds are those
 * of the real subject (scenarios/shared/collector-invariants.ts); a mutant that ends `unknown` is not caught.
 */
import { join } from 'node:path';
import { PROJECT } from './project.js';

export interface Mutant {
  readonly name: string;
  /** Any of these failing counts as the right one. */
  readonly caughtBy: readonly string[];
}

export const MUTANTS: readonly Mutant[] = [
  { name: 'thread-leak', caughtBy: ['threads'] },
  { name: 'blocking-readers', caughtBy: ['threads'] },
  { name: 'fd-leak', caughtBy: ['fds'] },
  { name: 'memory-leak', caughtBy: ['rss'] },
  { name: 'crash', caughtBy: ['restarts'] },
  { name: 'crash-clean-exit', caughtBy: ['restarts'] },
  { name: 'frozen-reader', caughtBy: ['polls', 'completeness'] },
  { name: 'slow-polls', caughtBy: ['poll-pace'] },
  { name: 'drop-after-flush', caughtBy: ['completeness'] },
  { name: 'drop-one-in-10000', caughtBy: ['completeness'] },
  { name: 'ipv4-only', caughtBy: ['completeness'] },
  { name: 'skips-own-namespace', caughtBy: ['completeness'] },
  { name: 'established-only', caughtBy: ['completeness'] },
  { name: 'late-namespaces', caughtBy: ['churn-completeness'] },
  { name: 'aliased-addresses', caughtBy: ['addresses'] },
  { name: 'swapped-addresses', caughtBy: ['addresses'] },
  { name: 'wrong-namespace', caughtBy: ['attribution'] },
  { name: 'duplicate-rows', caughtBy: ['no-duplicates'] },
  { name: 'frozen-timestamps', caughtBy: ['freshness'] },
  { name: 'late-stamps', caughtBy: ['freshness'] },
  { name: 'stale-rows', caughtBy: ['freshness'] },
  { name: 'wrong-metrics-columns', caughtBy: ['values'] },
  { name: 'no-bytes-sent', caughtBy: ['values'] },
  { name: 'pinned-namespaces', caughtBy: ['no-pinned-namespaces'] },
  { name: 'lying-metrics', caughtBy: ['metrics-truth'] },
  { name: 'inflated-metrics', caughtBy: ['metrics-by-poll'] },
  { name: 'counter-reset', caughtBy: ['metrics-truth'] },
  { name: 'other-counter-reset', caughtBy: ['metrics-truth'] },
  { name: 'polls-twice', caughtBy: ['polls'] },
  { name: 'term-loses', caughtBy: ['orderly-ends'] },
  { name: 'zombies', caughtBy: ['zombies'] },
  { name: 'spins', caughtBy: ['cpu'] },
];

export function mutantFile(name: string): string {
  return join(PROJECT, 'harness/subjects/mutants', `${name}.json`);
}
