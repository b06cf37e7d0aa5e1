import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atOnce, diff, inTurns } from './diff.js';

const map = (values: fc.Arbitrary<number>) =>
  fc.dictionary(fc.constantFrom(...'abcdefgh'), values).map((object) => new Map(Object.entries(object)));
/** Negative values are foreign. */
const compare = (desired: ReadonlyMap<string, number>, observed: ReadonlyMap<string, number>) => ({
  desired,
  observed,
  equal: (want: number, have: number) => want === have,
  owner: (have: number) => (have < 0 ? 'foreign' : ''),
});

describe('diff', () => {
  it('RM-1 makes desired out of observed, and then finds nothing more (I2)', () => {
    fc.assert(
      fc.property(map(fc.nat(3)), map(fc.nat(3)), (desired, observed) => {
        const kernel = new Map(observed);
        for (const drift of atOnce(diff(compare(desired, observed)))) {
          if (drift.kind === 'stale') kernel.delete(drift.key);
          else kernel.set(drift.key, drift.want);
        }
        expect(kernel).toEqual(desired);
        expect(atOnce(diff(compare(desired, kernel)))).toEqual([]);
      }),
    );
  });

  it('RT-18 never calls a foreign object stale or modified (I5)', () => {
    fc.assert(
      fc.property(map(fc.nat(3)), map(fc.integer({ min: -3, max: 3 })), (desired, observed) => {
        for (const drift of atOnce(diff(compare(desired, observed)))) {
          const have = observed.get(drift.key);
          if (have !== undefined && have < 0) expect(drift.kind).toBe('conflict');
        }
      }),
    );
  });

  it('RM-1 never deletes what is desired (I1)', () => {
    fc.assert(
      fc.property(map(fc.nat(3)), map(fc.nat(3)), (desired, observed) => {
        const stale = atOnce(diff(compare(desired, observed))).filter(({ kind }) => kind === 'stale');
        expect(stale.filter(({ key }) => desired.has(key))).toEqual([]);
      }),
    );
  });

  it('finds the same in turns as at once', async () => {
    const desired = new Map(Array.from({ length: 20_000 }, (_, i) => [`${i}`, i]));
    const observed = new Map(Array.from({ length: 20_000 }, (_, i) => [`${i + 5}`, i % 7 === 0 ? 1 : i + 5]));
    expect(await inTurns(diff(compare(desired, observed)))).toEqual(atOnce(diff(compare(desired, observed))));
  });
});
