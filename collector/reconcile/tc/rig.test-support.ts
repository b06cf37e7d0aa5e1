/** A sweep over a bridge in memory, with time and mode in the test's hand. */
import { Registry } from '../../prom.js';
import { Audit } from '../audit.js';
import { handClock } from '../clock.test-support.js';
import { createReconcileMetrics } from '../metrics.js';
import type { Mode } from '../model.js';
import { Writer } from '../writer.js';
import type { Allocation } from './classify.js';
import { FakeTc } from './kernel.test-support.js';
import { Owner } from './owner.js';
import { Sweep, type SweepOptions } from './sweep.js';

export function sweepRig(over: Partial<SweepOptions> = {}) {
  const kernel = new FakeTc();
  const clock = handClock();
  const world = { mode: 'repair' as Mode, epoch: 1, allocations: [] as Allocation[] };
  const lines: { level: string; message: string; fields: Record<string, unknown> }[] = [];
  const writer = new Writer({ rtnl: kernel.writer, clock, rate: 0, burst: 0 });
  const registry = new Registry();
  const metrics = createReconcileMetrics(registry);
  const common = {
    rtnl: kernel.rtnl,
    writer,
    tapPrefix: 'hype-',
    mode: () => world.mode,
    log: (level: string, message: string, fields: Record<string, unknown> = {}) => {
      lines.push({ level, message, fields });
    },
    metrics,
  };
  const sweep = new Sweep({
    ...common,
    bridge: 'vmbr0',
    allocations: async () => world.allocations,
    radius: { maxDeletes: 0, maxFraction: 0 },
    minAgeMs: 30_000,
    confirmPasses: 2,
    allowEmpty: false,
    epoch: () => world.epoch,
    clock,
    audit: new Audit(),
    logRepeatMs: 600_000,
    ...over,
  });
  const owner = new Owner({ ...common, ceil: 5_000_000_000 });
  return { kernel, clock, world, lines, writer, registry, sweep, owner };
}

/** Two looks, far enough apart. */
export async function twice(rig: ReturnType<typeof sweepRig>) {
  await rig.sweep.pass('tick');
  await rig.clock.advance(60_000);
  return rig.sweep.pass('tick');
}
