/** The wall clock jumps, as after a wrong NTP answer; the monotonic one does not. Only where the kernel is the target's own. */
import { execFileSync } from 'node:child_process';
import type { Fault } from './phases.js';

const STEP_SECONDS = 600;

export function clockStepped(): Fault {
  const offset = (): number => Date.now() / 1000 - performance.now() / 1000;
  const before = offset();
  const step = (seconds: number): void => {
    // date(1) wants whole seconds; what is cut off here is put back with the rest.
    execFileSync('date', ['-s', `@${(Date.now() / 1000 + seconds).toFixed(3)}`]);
  };
  const apart = (): number => offset() - before;
  return {
    inject: () => step(STEP_SECONDS),
    effect: () => (apart() > STEP_SECONDS - 5 ? `the clocks are ${apart().toFixed(1)} s apart` : undefined),
    recover: () => step(-apart()),
    recovered: () => (Math.abs(apart()) < 1 ? `the clocks agree within ${Math.abs(apart()).toFixed(3)} s` : undefined),
  };
}
