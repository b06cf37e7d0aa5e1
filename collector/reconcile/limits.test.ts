import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Audit } from './audit.js';
import { allowedDeletes, Backoff, Fights, TokenBucket } from './limits.js';
import { repeatLimited } from './repeat.js';

describe('the bucket', () => {
  it('RM-8 lends more than its burst to a batch, and has the next one wait for it', () => {
    const bucket = new TokenBucket(10, 1, 0);
    expect(bucket.take(0, 32)).toBe(0);
    expect(bucket.take(0, 32)).toBe(3_200);
    expect(bucket.take(3_200, 1)).toBe(0);
  });
});

describe('limits', () => {
  it('RM-8 lets no more writes through than burst and rate allow, at any pace of asking', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.nat(40), { maxLength: 200 }),
        (rate, burst, pauses) => {
          const bucket = new TokenBucket(rate, burst, 0);
          let [now, through] = [0, 0];
          for (const pause of pauses) {
            now += pause;
            if (bucket.take(now) === 0) through++;
            expect(through).toBeLessThanOrEqual(burst + (rate * now) / 1_000 + 1e-6);
          }
        },
      ),
    );
  });

  it('RM-8 says how long to wait, and keeps its word', () => {
    const bucket = new TokenBucket(200, 1, 0);
    expect(bucket.take(0)).toBe(0);
    const wait = bucket.take(0);
    expect(wait).toBe(5);
    expect(bucket.take(wait)).toBe(0);
    const unlimited = new TokenBucket(0, 0, 0);
    expect(Array.from({ length: 1_000 }, () => unlimited.take(0)).every((ms) => ms === 0)).toBe(true);
  });

  it('RM-7 RT-19 waits 1, 2, 4 ... 60 s for a key that fails, and not at all for its neighbours', () => {
    const backoff = new Backoff();
    const waits: number[] = [];
    let now = 0;
    for (let i = 0; i < 9; i++) {
      backoff.failed('a', now);
      const at = backoff.next(now) as number;
      waits.push((at - now) / 1_000);
      expect([backoff.ready('a', at - 1), backoff.ready('a', at), backoff.ready('b', now)]).toEqual([false, true, true]);
      now = at;
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  it('RM-7 RT-19 tries a woken key at once and keeps its count of failures', () => {
    const backoff = new Backoff();
    for (let i = 0; i < 4; i++) backoff.failed('a', 0);
    backoff.wake('a');
    expect(backoff.ready('a', 0)).toBe(true);
    backoff.failed('a', 0);
    expect(backoff.next(0)).toBe(16_000);
    backoff.succeeded('a');
    expect([backoff.ready('a', 0), backoff.next(0)]).toEqual([true, undefined]);
  });

  it('RT-23 calls it a fight at the sixth repair in ten minutes and then waits twice as long each time', () => {
    const fights = new Fights();
    for (let i = 0; i < 5; i++) fights.repaired('a', i);
    expect(fights.fought('a', 5)).toBe(false);
    fights.repaired('a', 5);
    expect([fights.fought('a', 5), fights.readyAt('a', 5)]).toEqual([true, 2_005]);
    fights.repaired('a', 2_005);
    expect(fights.readyAt('a', 2_005)).toBe(6_005);
    // Ten minutes of peace end it.
    expect(fights.fought('a', 700_000)).toBe(false);
  });

  it('RT-23 bounds the repairs against a deleter that never rests', () => {
    const fights = new Fights();
    let repairs = 0;
    for (let now = 0; now < 600_000; now += 100) {
      if (!fights.ready('a', now)) continue;
      fights.repaired('a', now);
      repairs++;
    }
    expect(repairs).toBeLessThanOrEqual(15);
    expect(repairs).toBeGreaterThan(6);
  });

  it('TC-25 caps deletions by number and by part, but lets one through', () => {
    expect(allowedDeletes({ maxDeletes: 500, maxFraction: 0.5 }, 1_880, 1_886)).toBe(500);
    expect(allowedDeletes({ maxDeletes: 500, maxFraction: 0.5 }, 10, 12)).toBe(6);
    expect(allowedDeletes({ maxDeletes: 0, maxFraction: 0 }, 1_880, 1_886)).toBe(1_880);
    expect(allowedDeletes({ maxDeletes: 500, maxFraction: 0.5 }, 1, 1)).toBe(1);
    expect(allowedDeletes({ maxDeletes: 500, maxFraction: 0.5 }, 0, 0)).toBe(0);
  });
});

describe('telling', () => {
  it('RM-8 RT-21 logs once for a key and cause in ten minutes, then says how many were held back', () => {
    const lines: unknown[] = [];
    let now = 0;
    const log = repeatLimited(
      (level, message, fields) => lines.push([level, message, fields]),
      600_000,
      () => now,
    );
    for (let i = 0; i < 100; i++) log('warn', 'k', 'missing', 'a route was put back');
    log('warn', 'k', 'modified', 'a route was put right');
    now = 600_000;
    log('warn', 'k', 'missing', 'a route was put back');
    expect(lines).toEqual([
      ['warn', 'a route was put back', { key: 'k', cause: 'missing' }],
      ['warn', 'a route was put right', { key: 'k', cause: 'modified' }],
      ['warn', 'a route was put back', { key: 'k', cause: 'missing', suppressed: 99 }],
    ]);
  });

  it('RM-9 remembers the last thousand decisions, oldest first, and finds those of a key', () => {
    const audit = new Audit(1_000, () => 0);
    for (let i = 0; i < 2_500; i++)
      audit.record({ reconciler: 'route', key: `k${i % 2}`, why: `${i}`, observed: '', planned: '', acted: '' });
    expect(audit.all().map(({ why }) => Number(why))).toEqual(Array.from({ length: 1_000 }, (_, i) => 1_500 + i));
    expect(audit.explain('k1')).toHaveLength(500);
    expect(audit.explain('k1')[0]?.why).toBe('1501');
    expect(audit.explain('other')).toEqual([]);
  });
});
