/**
 * One large host in one namespace. Load: forty thousand sockets that stay, a part of them carrying bytes. Broken on purpose: nothing; the
 * size is the fault. What must hold: every socket in every poll with its own values, memory that stays, and polls in time.
 */
import { scenario } from '../harness/scenario.js';
import { paceInvariants, processInvariants, rowInvariants } from './shared/collector-invariants.js';

export default scenario({
  name: 'many-sockets',
  story: 'Forty thousand sockets in one namespace. Every one must be in every poll, with its own addresses and byte counts.',
  targets: ['vm', 'host'],
  settings: {
    sockets: { default: 40_000, whenSlow: 3_000, help: 'sockets in the one namespace, both ends of each connection counted' },
    pollInterval: { default: 3, whenSlow: 5, help: 'seconds between polls of the subject' },
    flushRows: { default: 1000, whenSlow: 250, help: 'rows after which the subject must flush an envelope' },
  },

  holds: (plan) => [...processInvariants(), ...rowInvariants(), ...paceInvariants(plan)],

  reaches: ({ settings }) => [
    { name: 'sockets', series: 'load.sockets', required: Number(settings.sockets), why: 'the namespace was as full as planned' },
    { name: 'rows of a poll', series: 'poll.rows', required: Number(settings.sockets), why: 'a poll was as large as the load' },
  ],

  steps: [
    {
      name: 'the subject reads a namespace that is full',
      run: async ({ subject, load, settings, sleep }) => {
        await load.steady({ namespaces: 1, connections: Math.ceil(Number(settings.sockets) / 2) });
        await load.pulse({ intervalMs: Number(settings.pollInterval) * 1000, bytes: 1000 });
        await subject.start();
        await sleep(3 * Number(settings.pollInterval));
      },
    },
    {
      name: 'it holds',
      run: async ({ beginMeasure, endMeasure, sleep, durationSeconds }) => {
        await beginMeasure();
        await sleep(durationSeconds);
        await endMeasure();
      },
    },
  ],
});
