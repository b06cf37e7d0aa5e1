/**
 * What no poll can see. Load: connections that are made, used and closed within about a millisecond, hundreds a second, beside a steady
 * population. Broken on purpose: nothing. What must hold: each end of each connection comes as one final row, with its own addresses and
 * its final byte counts, and the polled rows stay whole beside them.
 */
import { scenario } from '../harness/scenario.js';
import { finalRowInvariants, processInvariants, rowInvariants } from './shared/collector-invariants.js';

export default scenario({
  name: 'short-lived',
  story:
    'Hundreds of connections a second that live for a millisecond. Each end must come as exactly one final row with its own addresses and final byte counts.',
  targets: ['vm', 'host'],
  settings: {
    perSecond: { default: 500, whenSlow: 25, help: 'connections a second, each closed at once; two final rows each' },
    namespaces: { default: 20, help: 'steady namespaces beside them' },
    connections: { default: 4, help: 'connections in each steady namespace, IPv4 and IPv6' },
    pollInterval: { default: 1, whenSlow: 2, help: 'seconds between polls of the subject' },
    flushRows: { default: 200, help: 'rows after which the subject must flush an envelope' },
  },
  needs: ['closed-rows'],

  holds: () => [
    ...processInvariants(),
    ...rowInvariants(),
    ...finalRowInvariants(),
    { name: 'no-duplicate-final-rows', type: 'ceiling', series: 'brief.duplicates', max: 0, why: 'a socket ends once' },
  ],

  reaches: ({ settings, durationSeconds }) => [
    {
      name: 'final rows',
      series: 'brief.captured',
      // Two a connection; a machine that is busy makes fewer than asked for, which is no fault of the subject.
      required: Math.floor(Number(settings.perSecond) * durationSeconds),
      why: 'at least half of the final rows that the pace promises were there to be judged',
    },
  ],

  steps: [
    {
      name: 'the subject works',
      run: async ({ subject, load, settings, sleep }) => {
        await load.steady({ namespaces: Number(settings.namespaces), connections: Number(settings.connections) });
        await subject.start();
        await sleep(2 * Number(settings.pollInterval));
      },
    },
    {
      name: 'connections come and go between its polls',
      run: async ({ beginMeasure, endMeasure, load, settings, sleep, durationSeconds }) => {
        // A namespace has to be found before the kernel tells of what is destroyed in it.
        const found = 3 * Number(settings.pollInterval);
        await load.brief({ perSecond: Number(settings.perSecond), afterMs: found * 1000 });
        await sleep(found);
        await beginMeasure();
        await sleep(durationSeconds);
        await endMeasure();
      },
    },
    {
      name: 'the last of them are told',
      run: async ({ load, sleep, settings }) => {
        await load.stopBrief();
        await sleep(2 * Number(settings.pollInterval));
      },
    },
  ],
});
