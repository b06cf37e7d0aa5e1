/**
 * The seed's soak. Load: a steady population of namespaces with connections that never change, and beside it
 * namespaces that come and go without pause, each with a listener and connections while it lives. Broken on
 * purpose: nothing; churn is the fault. What must hold: every row of the steady population, its own, in every
 * poll; a number of threads that does not know how many namespaces there are; nothing that grows, restarts
 * or keeps a dead namespace alive.
 */
import { scenario } from '../harness/scenario.js';
import { churnInvariants, churnReached, collectorInvariants } from './shared/collector-invariants.js';

const FEW = 10;
const MIN_NAMESPACES = 20;

export default scenario({
  name: 'namespace-churn',
  story:
    'A steady population of namespaces and connections, while others are created and deleted without pause. Every steady row must be in every poll; threads, memory and descriptors must not follow the churn.',
  targets: ['vm', 'host'],
  settings: {
    namespaces: { default: 200, whenSlow: 40, help: 'steady namespaces' },
    connections: { default: 6, whenSlow: 8, help: 'connections in each steady namespace, IPv4 and IPv6' },
    interval: { default: 100, whenSlow: 500, help: 'milliseconds between churn ticks; each adds one namespace and deletes one' },
    pollInterval: { default: 1, whenSlow: 2, help: 'seconds between polls of the subject' },
    flushRows: { default: 500, whenSlow: 250, help: 'rows after which the subject must flush an envelope; a poll holds more' },
  },

  holds: (plan) => [...collectorInvariants(plan, { few: 'few namespaces', full: 'all namespaces' }), ...churnInvariants(plan)],

  reaches: ({ settings, durationSeconds }) => {
    const eventsDemanded = Math.max(durationSeconds / (Number(settings.interval) / 1000), durationSeconds);
    return [
      {
        name: 'churn events',
        series: 'load.churnEvents',
        required: Math.floor(eventsDemanded),
        why: 'the churn that duration and interval demand, one event a second at least',
      },
      {
        name: 'steady namespaces',
        series: 'load.steadyNamespaces',
        required: MIN_NAMESPACES,
        why: 'fewer could not show a fault that grows with namespaces',
      },
      {
        name: 'rows beyond a flush',
        series: 'poll.rows',
        required: Number(settings.flushRows) + 1,
        why: 'a poll must be larger than one envelope, or lost flushes stay unseen',
      },
      { name: 'churned namespaces seen', series: 'churn.seen', required: 1, why: 'the subject found namespaces while they came and went' },
      // Each has six sockets and lives for two and a half polls: a twelfth of what the pace promises.
      churnReached(durationSeconds / (Number(settings.interval) / 1000)),
    ];
  },

  steps: [
    {
      name: 'the subject works with a few namespaces',
      run: async ({ subject, load, settings, window, sleep, slowdown }) => {
        await load.steady({ namespaces: FEW, connections: Number(settings.connections) });
        await subject.start();
        await sleep(2 * Number(settings.pollInterval));
        await window('few namespaces', () => sleep(slowdown > 4 ? 5 : 3));
      },
    },
    {
      name: 'the steady population grows and the churn begins',
      run: async ({ load, settings, sleep }) => {
        const pollMs = Number(settings.pollInterval) * 1000;
        await load.steady({ namespaces: Number(settings.namespaces), connections: Number(settings.connections) });
        await load.pulse({ intervalMs: pollMs, bytes: 1000 });
        await load.churn({ intervalMs: Number(settings.interval), minLifetimeMs: pollMs, maxLifetimeMs: 4 * pollMs, connections: 2 });
        await sleep((3 * pollMs) / 1000);
      },
    },
    {
      name: 'it holds',
      run: async ({ beginMeasure, endMeasure, window, sleep, durationSeconds }) => {
        await beginMeasure();
        await window('all namespaces', () => sleep(durationSeconds));
        await endMeasure();
      },
    },
    {
      name: 'the churn ends and nothing stays',
      run: async ({ load, subject }) => {
        await load.stopChurn();
        await subject.stop();
      },
    },
  ],
});
