import { describe, expect, it } from 'vitest';
import { firstMisstep, type Point } from './stepwise.js';

const polls = (count: number, from = 0, rows = (_: number) => 100): Point[] => {
  let value = 0;
  return Array.from({ length: count }, (_, i) => {
    value += rows(i);
    return { at: from + i + 0.1, steps: i + 1, value };
  });
};
/** One scrape between any two polls. */
const scrapes = (seen: readonly Point[], tell: (value: number) => number = (value) => value): Point[] =>
  seen.map(({ at, steps, value }) => ({ at: at + 0.5, steps, value: tell(value) }));

describe('what is told after so many polls', () => {
  const seen = polls(60);

  it('may be what they brought, and what the one under way brought so far', () => {
    expect(firstMisstep(scrapes(seen), seen, [0])).toBeNull();
    expect(
      firstMisstep(
        scrapes(seen, (value) => value + 60),
        seen,
        [0],
      ),
    ).toBeNull();
  });

  it.each([
    ['a twentieth too much', (value: number) => Math.round(1.05 * value), { steps: 21, value: 2205, least: 2100, most: 2200 }],
    ['a twentieth too little', (value: number) => Math.round(0.95 * value), { steps: 21, value: 1995, least: 2000, most: 2100 }],
  ])('is not %s', (_, tell, misstep) => {
    expect(firstMisstep(scrapes(seen, tell), seen, [0])).toMatchObject(misstep);
  });

  it('does not depend on when it was asked: a poll of another size would show', () => {
    const uneven = polls(60, 0, (i) => (i === 30 ? 5000 : 100));
    const late = scrapes(uneven).map((point) => ({ ...point, at: point.at + 20 }));
    expect(firstMisstep(late, uneven, [0])).toBeNull();
    const early = late.map((point) => (point.steps === 30 ? { ...point, value: point.value + 5001 } : point));
    expect(firstMisstep(early, uneven, [0])).toMatchObject({ steps: 30, value: 8001, least: 3000, most: 8000 });
  });

  it('begins anew with each start, whose last poll may have been cut short', () => {
    const second = polls(20, 30).map((point) => ({ ...point, steps: point.steps + 30, value: point.value + 2930 }));
    const first = polls(30).map((point) => (point.steps === 30 ? { ...point, value: 2930 } : point));
    const told = [...scrapes(polls(30).slice(0, 29)), { at: 29.9, steps: 29, value: 3000 }, ...scrapes(polls(20, 30))];
    expect(firstMisstep(told, [...first, ...second], [0, 30])).toBeNull();
    expect(firstMisstep([...told.slice(0, -1), { at: 49.9, steps: 20, value: 2101 }], [...first, ...second], [0, 30])).toBeNull();
    const ahead = told.map((point) => (point.at > 40 && point.at < 41 ? { ...point, value: point.value + 101 } : point));
    expect(firstMisstep(ahead, [...first, ...second], [0, 30])).toMatchObject({ least: 1100, most: 1200, value: 1201 });
  });

  it('is held by those that arrived, where some were not heard of', () => {
    const heard = seen.filter(({ steps }) => steps > 3 && (steps < 20 || steps > 25));
    expect(firstMisstep(scrapes(seen), heard, [0])).toBeNull();
    const wrong = scrapes(seen).map((point) => (point.steps === 22 ? { ...point, value: 2601 } : point));
    expect(firstMisstep(wrong, heard, [0])).toMatchObject({ steps: 22, least: 1900, most: 2600 });
  });

  it('may count polls at the beginning that had no row to bring', () => {
    const told = scrapes(seen).map((point) => ({ ...point, steps: point.steps + 2 }));
    expect(firstMisstep(told, seen, [0])).toBeNull();
    const lie = told.map((point) => ({ ...point, value: Math.round(1.1 * point.value) }));
    expect(firstMisstep(lie, seen, [0])).not.toBeNull();
  });
});
