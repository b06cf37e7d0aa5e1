/** Starts what a plan names as its target; where that is a VM, with the kernel that was asked for. */
import { join } from 'node:path';
import type { GuestKernel } from '../../vm/kernel.js';
import type { Plan } from '../facts/plan.js';
import { startHostTarget } from '../target/host.js';
import type { Target, TargetSockets } from '../target/target.js';

export interface TargetOptions {
  readonly plan: Plan;
  /** The guest's kernel, where one was asked for. */
  readonly kernel: GuestKernel | undefined;
  /** Run directory: it gets the console. */
  readonly directory: string;
  readonly workDir: string;
  /** How many times slower than this machine it will be, about. */
  readonly slowdown: number;
  /** Told of a guest that showed nothing and is about to be started again. */
  readonly onSilent: (sentence: string) => void;
  readonly signal: AbortSignal;
}

export async function startTarget(sockets: TargetSockets, { plan, kernel, directory, ...rest }: TargetOptions): Promise<Target> {
  if (plan.target === 'host') return startHostTarget(sockets);
  const { startVmTarget } = await import('../target/vm.js');
  return startVmTarget(sockets, {
    accelerator: plan.accelerator,
    kernel,
    consoleLog: join(directory, 'console.log'),
    network: plan.services !== undefined,
    ...rest,
  });
}
