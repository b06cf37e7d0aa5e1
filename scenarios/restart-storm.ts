/**
 * Deploys, crashes and the OOM killer, all afternoon. Load: a steady population. Broken on purpose: the subject is ended in the middle of
 * its polls, in turn by SIGTERM and by SIGKILL, at moments drawn from the seed. What must hold: nothing that it handed over is wrong or
 * twice, every poll is whole but the last of a life that was killed, SIGTERM ends it in order, it is back within its time, and nothing of
 * a former life is left.
 */
import { scenario } from '../harness/scenario.js';
import { processInvariants, rowInvariants } from './shared/collector-invariants.js';

/** Lives of so many polls, and a part of one: the end comes at any place of a poll. */
const LIFE_POLLS = 3;

export default scenario({
  name: 'restart-storm',
  story:
    'The subject is ended again and again in mid-poll, by SIGTERM and by SIGKILL. Every poll but the last of a life that was killed must be whole and right, SIGTERM must lose nothing, and each start must be as good as the first.',
  targets: ['vm', 'host'],
  settings: {
    namespaces: { default: 100, whenSlow: 30, help: 'steady namespaces' },
    connections: { default: 6, whenSlow: 8, help: 'connections in each namespace, IPv4 and IPv6' },
    pollInterval: { default: 1, whenSlow: 2, help: 'seconds between polls of the subject' },
    flushRows: { default: 100, help: 'rows after which the subject must flush an envelope; a poll holds many' },
  },

  holds: () => [...processInvariants(), ...rowInvariants()],

  reaches: ({ durationSeconds, slowdown }) => [
    {
      name: 'ends ordered',
      series: 'storm.ends',
      required: Math.max(2, Math.floor(durationSeconds / (slowdown > 4 ? 60 : 12))),
      why: 'SIGTERM and SIGKILL each met it',
    },
    { name: 'rows', series: 'poll.rows', required: 500, why: 'polls of several envelopes, so that an end can fall between two' },
  ],
  faults: () => ['subject-killed'],

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
      name: 'the storm',
      run: async ({ beginMeasure, endMeasure, subject, fault, sample, settings, seed, sleep, durationSeconds }) => {
        const random = seeded(seed);
        await beginMeasure();
        const end = Date.now() + durationSeconds * 1000;
        let ends = 0;
        for (; Date.now() < end; ends++) {
          await sleep((LIFE_POLLS + random()) * Number(settings.pollInterval));
          if (ends % 2 === 0) await fault('subject-killed', 0);
          else {
            await subject.stop();
            await subject.start();
          }
          await sample({ 'storm.ends': ends + 1 });
        }
        await endMeasure();
      },
    },
  ],
});

/** mulberry32: the same moments for the same seed. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 4_294_967_296;
  };
}
