import { describe, expect, it } from 'vitest';
import { Patience } from './patience.js';

/** Looks each second at one who is starved for this share of it, until it is over. */
function waitFor(share: number, limitSeconds = 20): { over: string; after: number; patience: Patience } {
  const clock = { now: 100 };
  const patience = new Patience(
    limitSeconds,
    () => (clock.now - 50) * share,
    5,
    () => clock.now,
  );
  while (!patience.over) clock.now++;
  return { over: patience.over, after: clock.now - 100, patience };
}

describe('a subject that is not ready', () => {
  it('and had the processors has failed at the limit', () => {
    const { over, after, patience } = waitFor(0);
    expect([over, after]).toEqual(['product', 23]);
    expect(patience.error('not-ready', 'it was not ready', '')).toMatchObject({
      owner: 'product',
      code: 'not-ready',
      message: 'it was not ready within 20 s',
    });
  });

  it('and was kept waiting has as much time to run, and fails then', () => {
    const { over, after, patience } = waitFor(0.5);
    expect([over, after]).toEqual(['product', 43]);
    expect(patience.error('not-ready', 'it was not ready', '').message).toBe(
      'it was not ready within 20 s, not counting 22 s in which it waited for processors that others had',
    );
  });

  it('and never came to a turn is the fault of the machine', () => {
    const { over, after, patience } = waitFor(0.9);
    expect([over, after]).toEqual(['infra', 100]);
    expect(patience.error('not-ready', 'it was not ready', '')).toMatchObject({ owner: 'infra', code: 'starved' });
    expect(patience.error('not-ready', 'it was not ready', '').message).toContain('of which it waited 90 s');
  });

  it('after its machine stood still is not blamed before that was told from outside, and has its time from there', () => {
    const clock = { now: 0, starved: 0 };
    const patience = new Patience(
      20,
      () => clock.starved,
      5,
      () => clock.now,
    );
    clock.now = 70;
    expect(patience.over).toBeUndefined();
    [clock.now, clock.starved] = [71, 66];
    expect(patience.over).toBeUndefined();
    clock.now = 84;
    expect(patience.over).toBeUndefined();
    clock.now = 86;
    expect(patience.over).toBeUndefined();
    clock.now = 89;
    expect(patience.over).toBe('product');
  });
});
