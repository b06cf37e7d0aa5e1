/**
 * Every limit that a kernel sets a daemon, reached on purpose. Load: a steady population. Broken on purpose, one after the other: its open
 * files, its memory (it is killed for it), its share of a core; it is stopped and it is killed. What must hold: it says nothing wrong
 * while it suffers, it needs nobody's help to come back, and once it has, every poll is whole again.
 */
import type { FaultName } from '../harness/facts/faults.js';
import { scenario } from '../harness/scenario.js';
import { processInvariants, rowInvariants } from './shared/collector-invariants.js';

const WELL = 'between faults';
const FAULTS: readonly FaultName[] = ['fds-exhausted', 'cpu-starved', 'subject-stopped', 'memory-exhausted', 'subject-killed'];

export default scenario({
  name: 'kernel-limits',
  story:
    'Open files, memory, CPU and signals: each limit is reached on purpose and lifted again. No wrong row meanwhile, and every poll whole once it is over.',
  targets: ['vm', 'host'],
  settings: {
    namespaces: { default: 60, whenSlow: 30, help: 'steady namespaces' },
    connections: { default: 6, whenSlow: 8, help: 'connections in each namespace, IPv4 and IPv6' },
    pollInterval: { default: 1, whenSlow: 2, help: 'seconds between polls of the subject' },
    flushRows: { default: 100, help: 'rows after which the subject must flush an envelope' },
    faultSeconds: { default: 4, whenSlow: 6, help: 'seconds that each fault lasts once it took effect' },
  },

  holds: () => [...processInvariants(), ...rowInvariants(WELL)],
  reaches: () => [{ name: 'rows', series: 'poll.rows', required: 500, why: 'the load was there' }],
  faults: () => FAULTS,

  steps: [
    {
      name: 'the subject works',
      run: async ({ subject, load, settings, sleep }) => {
        await load.steady({ namespaces: Number(settings.namespaces), connections: Number(settings.connections) });
        await load.pulse({ intervalMs: Number(settings.pollInterval) * 1000, bytes: 1000 });
        await subject.start();
        await sleep(2 * Number(settings.pollInterval));
      },
    },
    {
      name: 'each limit in turn',
      run: async ({ beginMeasure, endMeasure, fault, settings, sleep, durationSeconds, window }) => {
        const interval = Number(settings.pollInterval);
        await beginMeasure();
        const end = Date.now() + durationSeconds * 1000;
        for (let round = 0; round === 0 || Date.now() < end; round++) {
          for (const name of FAULTS) {
            await fault(name, Number(settings.faultSeconds));
            // The poll under way when it recovered may still lack what it could not read.
            await sleep(3 * interval);
            await window(WELL, () => sleep(4 * interval));
            if (round > 0 && Date.now() >= end) break;
          }
        }
        await endMeasure();
      },
    },
  ],
});
