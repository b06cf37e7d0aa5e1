/** Target `vm`: a microVM with a kernel of its own. Needs no root, only QEMU. */
import { join } from 'node:path';
import { bootAlive, silenceLimitSeconds } from '../../vm/alive.js';
import type { GuestKernel } from '../../vm/kernel.js';
import { guestSupply, withKernel } from '../../vm/supply.js';
import type { Accelerator } from '../facts/plan.js';
import { PROJECT } from '../project.js';
import type { Target, TargetExit, TargetSockets } from './target.js';
import { orExplain } from './vm-errors.js';

const PORT = (name: string): string => `/dev/virtio-ports/${name}`;

export async function startVmTarget(
  sockets: TargetSockets,
  options: {
    readonly accelerator: Accelerator;
    /** Instead of the supplier's own. */
    readonly kernel: GuestKernel | undefined;
    readonly consoleLog: string;
    readonly workDir: string;
    readonly network: boolean;
    /** How many times slower than this machine it will be, about. */
    readonly slowdown: number;
    /** Told of a guest that showed nothing and is about to be started again. */
    readonly onSilent: (sentence: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<Target> {
  const names = { control: 'netsoak.control', rows: 'netsoak.rows', ledger: 'netsoak.ledger' };
  const agent = [process.execPath, join(PROJECT, 'dist/harness/agent/main.js')];
  const { kernel } = options;
  const supply = kernel && withKernel(await orExplain(guestSupply()), kernel);
  const vm = await orExplain(
    bootAlive({
      command: [...agent, '--control', PORT(names.control), '--rows', PORT(names.rows), '--ledger', PORT(names.ledger)],
      // Its Node takes two seconds to start under TCG, the rest of the guest half of one; it waits for its port.
      early: true,
      ports: [
        { name: names.control, socket: sockets.control },
        { name: names.rows, socket: sockets.rows },
        { name: names.ledger, socket: sockets.ledger },
      ],
      accelerator: options.accelerator === 'kvm' ? 'kvm' : 'tcg',
      ...(supply && { supply }),
      consoleLog: options.consoleLog,
      network: options.network,
      workDir: options.workDir,
      silenceSeconds: silenceLimitSeconds(options.slowdown),
      onSilent: options.onSilent,
      signal: options.signal,
    }),
  );
  const exited = vm.exited.then((exit): TargetExit => ({ orderly: exit.kind === 'powered-off', sentence: exit.sentence }));
  return { pid: vm.pid, poweredOnAt: vm.poweredOnAt, machine: vm, exited, kill: async () => void (await vm.kill()) };
}
