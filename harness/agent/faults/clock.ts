/** The wall clock jumps, as after a wrong NTP answer; the monotonic one does not. Only where the kernel is the target's own. */
import { execFileSync } from 'node:child_process';
import type { Fault } from './phases.js';

const STEP_SECONDS = 600;

export function clockStepped(): Fault {
  const offset = (): number => Date.now() / 1000 - performance.now() / 1000;
  const before = offset();
  /** date(1) reckons from its own now: a slow machine takes seconds to start it. */
  const step = (seconds: number): void =>
    void execFileSync('date', ['-s', `${seconds < 0 ? '' : '+'}${seconds.toFixed(3)} seconds`], { stdio: ['ignore', 'ignore', 'pipe'] });
  const apart = (): number => offset() - before;
  return {
    inject: () => step(STEP_SECONDS),
    effect: () => (apart() > STEP_SECONDS - 5 ? `the clocks are ${apart().toFixed(1)} s apart` : undefined),
    recover: () => step(-apart()),
    recovered: () => (Math.abs(apart()) < 1 ? `the clocks agree within ${Math.abs(apart()).toFixed(3)} s` : undefined),
  };
}
