import { expect, test } from 'vitest';
import { changePoint, MIN_HISTORY } from './change-point.js';

/** Yearly flow of the Nile at Aswan, 1871 to 1970. It fell in 1899 (Cobb, Biometrika 65, 1978). */
const NILE = [
  1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960, 1180, 799, 958, 1140, 1100, 1210, 1150, 1250,
  1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833, 701, 916, 692, 1020, 1050, 969, 831, 726, 456, 824, 702, 1120, 1100, 832, 764, 821,
  768, 845, 864, 862, 698, 845, 744, 796, 1040, 759, 781, 865, 845, 944, 984, 897, 822, 1010, 771, 676, 649, 846, 812, 742, 801, 1040, 860,
  874, 848, 890, 744, 749, 838, 1050, 918, 986, 797, 923, 975, 815, 1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740,
];

test('finds the year in which the Nile fell', () => {
  expect(NILE).toHaveLength(100);
  const { value } = changePoint(NILE);
  expect(1871 + (value?.index ?? 0)).toBe(1899);
  expect(value?.p).toBeLessThan(0.001);
});

test('ten runs are enough to see a step, nine are not asked', () => {
  const step = [100, 101, 99, 102, 98, 121, 119, 120, 122, 118];
  expect(changePoint(step).value).toMatchObject({ index: 5 });
  expect(changePoint(step.slice(1))).toEqual({ value: null, warnings: [`9 runs; a change point takes ${MIN_HISTORY}`] });
});

test('a level history has none: at most one of twenty is called', () => {
  let state = 3;
  const next = (): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  let called = 0;
  for (let round = 0; round < 100; round++) if (changePoint(Array.from({ length: 15 }, next)).value) called++;
  expect(called).toBeLessThanOrEqual(9);
  expect(changePoint(new Array<number>(20).fill(5)).value).toBeNull();
});

test('the same history gives the same answer', () => {
  expect(changePoint(NILE.slice(20, 45))).toEqual(changePoint(NILE.slice(20, 45)));
});
