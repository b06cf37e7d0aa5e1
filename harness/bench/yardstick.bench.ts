/**
 * Work that no commit changes: when these rows move, the machine moved. Measured with every baseline, to tell how much of a difference
 * between two days is the day's.
 */
import type { Benchmark } from './benchmark.js';

const STEPS = 20_000;
const OBJECTS = 5_000;
export const benchmarks: readonly Benchmark[] = [
  {
    name: 'arithmetic',
    per: 'step',
    ops: STEPS,
    prepare: () => ({
      call() {
        let state = 0x9e3779b9;
        for (let i = 0; i < STEPS; i++) {
          state ^= state << 13;
          state ^= state >>> 17;
          state ^= state << 5;
        }
        return state;
      },
    }),
  },
  {
    name: 'objects',
    per: 'object',
    ops: OBJECTS,
    prepare: () => ({
      call() {
        const byName = new Map<string, { readonly n: number; next: object | null }>();
        let last: object | null = null;
        for (let i = 0; i < OBJECTS; i++) {
          const object: { readonly n: number; next: object | null } = { n: i, next: last };
          byName.set(`name-${i & 511}`, object);
          last = object;
        }
        return byName.size;
      },
    }),
  },
];
