/** Desired against observed, as many as a router has routes: the cost of an item must not know how many there are. */
import type { Benchmark } from '../../harness/bench/benchmark.js';
import { atOnce, diff } from './diff.js';

/** One in a hundred is missing, one modified, one stale; the rest is right, which is what a reconciler sees nearly always. */
function sides(items: number) {
  const desired = new Map<string, string>();
  const observed = new Map<string, string>();
  for (let i = 0; i < items; i++) {
    const key = `2 254 10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32 0`;
    if (i % 100 !== 2) desired.set(key, 'via 10.0.0.1');
    if (i % 100 !== 0) observed.set(key, i % 100 === 1 ? 'via 10.0.0.2' : 'via 10.0.0.1');
  }
  return { desired, observed, equal: (want: string, have: string) => want === have, owner: () => '' };
}

const reconcile = (items: number): Benchmark => ({
  name: `${items.toLocaleString('en')} routes`,
  per: 'route',
  ops: items,
  prepare: () => {
    const comparison = sides(items);
    const drift = atOnce(diff(comparison)).length;
    if (drift !== 3 * (items / 100)) throw new Error(`${drift} differences of ${items}`);
    return { call: () => atOnce(diff(comparison)).length };
  },
});

export const benchmarks: readonly Benchmark[] = [reconcile(100), reconcile(10_000), reconcile(1_000_000)];
