import { describe, expect, it } from 'vitest';
import { type Clocks, timeJump } from './timejump.js';

const start: Clocks = { monotonic: 1_000_000_000_000n, boottime: 1_000_000_000_000n, realtime: 1_700_000_000_000_000_000n };
const ms = (value: number) => BigInt(value) * 1_000_000n;
const later = (monotonic: number, boottime = monotonic, realtime = boottime): Clocks => ({
  monotonic: start.monotonic + ms(monotonic),
  boottime: start.boottime + ms(boottime),
  realtime: start.realtime + ms(realtime),
});

describe('time jumps', () => {
  it.each([
    ['nothing when a tick comes in time', later(15_000), undefined],
    ['nothing when a tick is a third late', later(20_000), undefined],
    ['a suspend that the monotonic clock did not see', later(15_000, 75_000), 'suspend'],
    ['a process that was stopped', later(60_000), 'stall'],
    ['a wall clock set forward', later(15_000, 15_000, 3_615_000), 'wall-clock'],
    ['a wall clock set back', later(15_000, 15_000, -3_600_000), 'wall-clock'],
    ['nothing when NTP slews', later(15_000, 15_000, 15_008), undefined],
  ])('IF-5 sees %s', (_what, now, jump) => {
    expect(timeJump(start, now, 15_000)).toBe(jump);
  });
});
