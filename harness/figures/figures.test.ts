import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FIGURES, figuresTable, judgeFigure } from './figure.js';
import { logSlope, ratioOf } from './pairs.js';
import { STAGES } from './stages.js';

const ratio = { name: 'r', what: '', most: 1.2, unit: 'ratio' } as const;

describe('a figure', () => {
  it('is kept up to its bound and missed beyond it', () => {
    expect(judgeFigure(ratio, { value: 1.2, detail: '' })).toBe('kept');
    expect(judgeFigure(ratio, { value: 1.2001, detail: '' })).toBe('missed');
  });

  it('is unknown, never kept, when it was not measured or says nothing', () => {
    expect(judgeFigure(ratio, undefined)).toBe('unknown');
    expect(judgeFigure(ratio, { value: Number.NaN, detail: '' })).toBe('unknown');
    expect(judgeFigure(ratio, { value: 0.1, detail: '', vacuous: 'too few pairs' })).toBe('unknown');
  });

  it('is measured by exactly one stage', () => {
    const measured = STAGES.flatMap(({ figures }) => figures);
    expect([...measured].sort()).toEqual(FIGURES.map(({ name }) => name).sort());
  });

  it('stands in the table with what is required, what was measured, and why it is not known', () => {
    const table = figuresTable(['rss', 'threads', 'closed'], {
      rss: { value: 61.23, detail: 'the most of 32 polls' },
      threads: { value: 17, detail: '' },
      closed: { value: 0, detail: '', vacuous: 'the load was late' },
    });
    expect(table.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['figure', 'required', 'measured'],
      ['MISSED  threads', 'at most 16', '17'].flatMap((cell) => cell.split(/ {2,}/)),
      ['KEPT', 'rss', 'at most 100.0 MB', '61.2 MB', 'the most of 32 polls'],
      ['UNKNOWN closed', 'at most 0 missing', '0 missing', 'the load was late'],
    ]);
  });
});

describe('a ratio of pairs', () => {
  it('is the median of the ratios, which what happens to both of a pair does not move', () => {
    const steady = Array.from({ length: 31 }, () => ({ ours: 55e6, theirs: 50e6, theirShare: 1 }));
    const moody = steady.map(({ ours, theirs }, i) => ({ ours: ours * (1 + i), theirs: theirs * (1 + i), theirShare: 1 }));
    expect(ratioOf(steady, 30, 'it').value).toBeCloseTo(1.1);
    expect(ratioOf(moody, 30, 'it').value).toBeCloseTo(1.1);
  });

  it('says nothing with fewer pairs than asked for', () => {
    expect(ratioOf([{ ours: 1, theirs: 1, theirShare: 1 }], 30, 'it').vacuous).toMatch(/^1 pairs of 30/);
  });
});

describe('a machine that others use', () => {
  const pairs = (theirShare: number) => Array.from({ length: 31 }, () => ({ ours: 130, theirs: 100, theirShare }));

  it('takes nothing from a figure that is kept, and does not let one be called missed', () => {
    expect(judgeFigure({ ...ratio, most: 1.4 }, ratioOf(pairs(0.5), 30, 'it'))).toBe('kept');
    expect(judgeFigure(ratio, ratioOf(pairs(0.5), 30, 'it'))).toBe('unknown');
    expect(judgeFigure(ratio, ratioOf(pairs(0.99), 30, 'it'))).toBe('missed');
  });
});

describe('the slope on log-log axes', () => {
  it('is the exponent of a power law', () => {
    fc.assert(
      fc.property(fc.double({ min: -2, max: 2, noNaN: true }), fc.double({ min: 0.1, max: 1e6, noNaN: true }), (exponent, factor) => {
        const points = [1_000, 2_500, 6_300, 16_000, 40_000].map((x) => [x, factor * x ** exponent] as const);
        expect(logSlope(points)).toBeCloseTo(exponent, 9);
      }),
    );
  });

  it('is above 1 for what grows faster than its input', () => {
    expect(logSlope([1_000, 10_000, 40_000].map((n) => [n, n * Math.log(n)] as const))).toBeGreaterThan(1.05);
  });
});
