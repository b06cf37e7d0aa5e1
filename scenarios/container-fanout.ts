/**
 * A host full of containers. Load: twenty real OCI containers with a hundred connections each, and without pause the oldest is ended and a
 * new one started. Broken on purpose: nothing; that their namespaces have no name anywhere is the fault. What must hold: each is found
 * by its processes alone, its id is on its rows, and all of its sockets are in every poll from soon after its start to its end.
 */
import { scenario } from '../harness/scenario.js';
import {
  churnInvariants,
  churnReached,
  metricsInvariants,
  paceInvariants,
  processInvariants,
  rowInvariants,
} from './shared/collector-invariants.js';

export default scenario({
  name: 'container-fanout',
  story:
    'Twenty containers with a hundred connections each, the oldest replaced without pause. Each must be found without a bind mount, its id on its rows, its sockets complete.',
  targets: ['vm', 'host'],
  settings: {
    containers: { default: 20, whenSlow: 6, help: 'containers at a time' },
    connections: { default: 100, whenSlow: 20, help: 'connections in each container, IPv4 and IPv6' },
    pause: { default: 1, whenSlow: 10, help: 'seconds between one replacement and the next' },
    pollInterval: { default: 1, whenSlow: 2, help: 'seconds between polls of the subject' },
    flushRows: { default: 500, whenSlow: 100, help: 'rows after which the subject must flush an envelope' },
  },

  holds: (plan) => [
    ...processInvariants(),
    // Nothing in a container is steady; what is due in every poll is told by churn-completeness.
    ...rowInvariants().filter(({ name }) => name !== 'completeness'),
    // Each lives longer than a short run lasts, so that its coverage would have nothing to compare; and no veth tells of its end.
    ...churnInvariants(plan).filter(({ name }) => name === 'churn-completeness'),
    ...paceInvariants(plan),
    ...metricsInvariants(plan),
  ],

  reaches: ({ settings, durationSeconds }) => [
    {
      name: 'containers started',
      series: 'containers.started',
      // A third of the pace: starting and ending one takes time of its own.
      required: Number(settings.containers) + Math.floor(durationSeconds / Number(settings.pause) / 3),
      why: 'containers came and went',
    },
    { name: 'containers ended', series: 'containers.ended', required: 1, why: 'a container was taken down under the eyes of the subject' },
    {
      name: 'rows of a poll',
      series: 'poll.rows',
      required: 2 * Number(settings.connections) * (Number(settings.containers) - 1),
      why: 'a poll held the sockets of all containers but the one being replaced',
    },
    // Of all but the one being replaced, in a quarter of the polls.
    churnReached(
      (2 * Number(settings.connections) * (Number(settings.containers) - 1) * durationSeconds) / Number(settings.pollInterval) / 4,
    ),
  ],

  steps: [
    {
      name: 'the containers run and the subject finds them',
      run: async ({ subject, containers, settings, sleep }) => {
        for (let i = 0; i < Number(settings.containers); i++) await containers.start({ connections: Number(settings.connections) });
        await subject.start();
        await sleep(3 * Number(settings.pollInterval));
      },
    },
    {
      name: 'the oldest is replaced, again and again',
      run: async ({ beginMeasure, endMeasure, containers, settings, sleep, durationSeconds }) => {
        await beginMeasure();
        const end = Date.now() + durationSeconds * 1000;
        while (Date.now() < end) {
          await containers.stopOldest();
          await containers.start({ connections: Number(settings.connections) });
          await sleep(Math.min(Number(settings.pause), Math.max(0, (end - Date.now()) / 1000)));
        }
        await endMeasure();
      },
    },
  ],
});
