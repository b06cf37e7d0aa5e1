/**
 * The machine below a daemon misbehaves. Load: a steady population. Broken on purpose, one after the other: the disk that it writes to is
 * full, namespaces die while its threads are in them, its network loses and delays, the machine stands still, the wall clock jumps ahead and
 * back. What must hold: no row is wrong meanwhile, nobody has to start it again, and every poll is whole once it is over.
 */
import { mkdirSync } from 'node:fs';
import { $ } from 'zx';
import { FAULTS, type FaultName } from '../harness/facts/faults.js';
import { type PlanContext, scenario } from '../harness/scenario.js';
import { processInvariants, rowInvariants } from './shared/collector-invariants.js';

const WELL = 'between faults';
const ALL: readonly FaultName[] = ['disk-full', 'namespaces-dying', 'network-poor', 'vm-paused', 'clock-stepped'];
/** Room for the records of polls, and little more. */
const DISK_BYTES = 8 << 20;

function wanted({ target, settings }: Pick<PlanContext, 'target' | 'settings'>): FaultName[] {
  const words = String(settings.faults).split(',');
  if (words.includes('all')) return ALL.filter((name) => (FAULTS[name].targets as readonly string[]).includes(target));
  return ALL.filter((name) => words.includes(name));
}

export default scenario({
  name: 'rough-host',
  story:
    'The disk fills, namespaces die under its hands, packets get lost, the machine stands still and the clock jumps. No wrong row meanwhile, no restart, and every poll whole once it is over.',
  targets: ['vm', 'host'],
  needs: ['poll-records-on-disk'],
  settings: {
    faults: { default: 'all', help: `which, with commas between: ${ALL.join(', ')}; all is every one that the target has` },
    namespaces: { default: 60, whenSlow: 20, help: 'steady namespaces' },
    connections: { default: 6, help: 'connections in each namespace, IPv4 and IPv6' },
    pollInterval: { default: 1, whenSlow: 2, help: 'seconds between polls of the subject' },
    flushRows: { default: 100, help: 'rows after which the subject must flush an envelope' },
    faultSeconds: { default: 4, whenSlow: 6, help: 'seconds that each fault lasts once it took effect' },
  },

  holds: () => [...processInvariants(), ...rowInvariants(WELL)],
  reaches: () => [{ name: 'rows', series: 'poll.rows', required: 200, why: 'the load was there' }],
  faults: wanted,

  steps: [
    {
      name: 'the subject works, and writes to a small disk',
      run: async ({ subject, load, settings, sleep }) => {
        mkdirSync('/run/netsoak-disk');
        await $`mount -t tmpfs -o size=${DISK_BYTES} netsoak-disk /run/netsoak-disk`.quiet();
        await load.steady({ namespaces: Number(settings.namespaces), connections: Number(settings.connections) });
        await load.pulse({ intervalMs: Number(settings.pollInterval) * 1000, bytes: 1000 });
        await subject.start();
        await sleep(2 * Number(settings.pollInterval));
      },
    },
    {
      name: 'each fault in turn',
      run: async ({ beginMeasure, endMeasure, fault, faults, settings, sleep, durationSeconds, window }) => {
        const interval = Number(settings.pollInterval);
        await beginMeasure();
        // Not the wall clock, which is one of them.
        const end = performance.now() + durationSeconds * 1000;
        for (let round = 0; round === 0 || performance.now() < end; round++) {
          for (const name of faults) {
            await fault(name, Number(settings.faultSeconds));
            await sleep(3 * interval);
            await window(WELL, () => sleep(4 * interval));
            if (round > 0 && performance.now() >= end) break;
          }
        }
        await endMeasure();
      },
    },
  ],
});
