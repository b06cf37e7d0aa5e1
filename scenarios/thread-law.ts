/**
 * The question the ancestor failed: do threads follow namespaces? Load: a population that grows in steps from ten namespaces to two
 * thousand. Broken on purpose: nothing. What must hold: the line of threads over namespaces is level, and every row of every namespace
 * is in every poll, however many there are.
 */
import { scenario } from '../harness/scenario.js';
import { processInvariants, rowInvariants } from './shared/collector-invariants.js';

const FIRST = 10;
const STEPS = 8;
/** While namespaces are being made the kernel holds the lock that opening one needs: a poll then waited 5 s beside the making of a thousand. */
const LEVEL = 'level ground';

export default scenario({
  name: 'thread-law',
  story:
    'Namespaces grow from 10 to 2,000 in steps, each with connections. Threads over namespaces must be a level line, and every poll whole at every step.',
  targets: ['vm', 'host'],
  settings: {
    namespaces: { default: 2000, whenSlow: 300, help: 'namespaces at the last step' },
    connections: { default: 2, help: 'connections in each namespace, IPv4 and IPv6' },
    pollInterval: { default: 4, whenSlow: 5, help: 'seconds between polls of the subject' },
    flushRows: { default: 500, whenSlow: 250, help: 'rows after which the subject must flush an envelope' },
  },

  holds: (plan) => [
    {
      name: 'thread-law',
      type: 'slope',
      series: 'subject.threads',
      against: 'load.steadyNamespaces',
      maxChange: 0.5,
      why: 'the line of threads over namespaces is level: not half a thread more at the last step than at the first',
    },
    // Memory follows namespaces by a few kilobytes each, descriptors not at all; both are held over the same growth.
    ...processInvariants(),
    ...rowInvariants(),
    {
      name: 'poll-duration',
      type: 'quantile',
      series: 'poll.spanSeconds',
      q: 0.95,
      max: Number(plan.settings.pollInterval),
      needsCpu: { withinSeconds: Number(plan.settings.pollInterval) },
      window: LEVEL,
      why: 'a poll is over before the next is due, once the kernel no longer makes namespaces beside it',
    },
  ],

  reaches: ({ settings }) => [
    {
      name: 'steady namespaces',
      series: 'load.steadyNamespaces',
      required: Number(settings.namespaces),
      why: 'the law was seen up to its last step',
    },
  ],

  steps: [
    {
      name: 'the subject works with ten namespaces',
      run: async ({ subject, load, settings, sleep }) => {
        await load.steady({ namespaces: FIRST, connections: Number(settings.connections) });
        await subject.start();
        await sleep(2 * Number(settings.pollInterval));
      },
    },
    {
      name: 'the population grows step by step',
      run: async ({ beginMeasure, endMeasure, load, settings, sleep, durationSeconds, window }) => {
        await beginMeasure();
        const end = Date.now() + durationSeconds * 1000;
        const pause = 2 * Number(settings.pollInterval);
        const onLevelGround = async (seconds: number): Promise<void> => {
          const settling = Math.min(pause, seconds / 2);
          await sleep(settling);
          await window(LEVEL, () => sleep(seconds - settling));
        };
        for (let step = 0; step < STEPS; step++) {
          // Each step the same factor larger, so that small numbers are seen as closely as large ones.
          const namespaces = Math.round(FIRST * (Number(settings.namespaces) / FIRST) ** (step / (STEPS - 1)));
          await load.steady({ namespaces, connections: Number(settings.connections) });
          const share = (end - Date.now()) / 1000 / (STEPS - step);
          if (share > 0) await window(`${namespaces} namespaces`, () => onLevelGround(share));
        }
        await endMeasure();
      },
    },
  ],
});
