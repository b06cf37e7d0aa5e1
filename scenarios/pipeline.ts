/**
 * The production path, every row of it. Load: a steady population, namespaces that come and go without pause, containers that are replaced
 * one after the other; the subject hands its rows to Kafka, from which ClickHouse reads them. Broken on purpose: nothing, or with
 * `--set fault=NAME` one part of the path, for a while in the middle of the run. What must hold: four books agree to the row and the value -
 * what the kernel had, what the daemon read, what stands in the topic, what the table has. A poll counts once its record is in the topic. Final rows of closed
 * sockets and the records of polls are held in the same way, over the whole run.
 */
import { FAULTS, type FaultName } from '../harness/facts/faults.js';
import type { Invariant } from '../harness/facts/plan.js';
import { type PlanContext, type Subject, scenario } from '../harness/scenario.js';
import { booksInvariants, booksSettled } from './shared/books-invariants.js';
import { churnInvariants, churnReached, finalRowInvariants, processInvariants, rowInvariants } from './shared/collector-invariants.js';

const MIB = 1024 * 1024;
const NO_FAULT = 'none';
/** They break what waits in the spool, so that the broker has to be away meanwhile. */
const OF_THE_SPOOL: readonly unknown[] = ['subject-killed-spooling', 'spool-corrupted'];

export default scenario({
  name: 'pipeline',
  story:
    'Sockets of steady, short-lived and containers’ namespaces go through Kafka into ClickHouse. Nothing may be lost, twice, changed or late on the way, whatever fails meanwhile.',
  targets: ['vm', 'host'],
  services: ['kafka', 'clickhouse'],
  needs: ['kafka', 'closed-rows'],
  settings: {
    namespaces: { default: 60, whenSlow: 15, help: 'steady namespaces' },
    connections: { default: 50, whenSlow: 16, help: 'connections in each steady namespace, IPv4 and IPv6' },
    interval: { default: 250, whenSlow: 2000, help: 'milliseconds between churn ticks; each adds one namespace and deletes one' },
    containers: { default: 4, whenSlow: 2, help: 'containers at a time; the oldest is replaced again and again' },
    containerConnections: { default: 30, whenSlow: 10, help: 'connections in each container' },
    pause: { default: 5, whenSlow: 20, help: 'seconds between one replacement and the next' },
    brief: { default: 20, whenSlow: 2, help: 'connections a second that are closed at once; each end owes a final row' },
    pollInterval: { default: 1, whenSlow: 2, help: 'seconds between polls of the subject' },
    flushRows: { default: 2000, whenSlow: 250, help: 'rows after which the subject must flush an envelope; a poll holds more' },
    fault: { default: NO_FAULT, help: `what is broken in the middle of the run: ${NO_FAULT}, ${Object.keys(FAULTS).join(', ')}` },
    faultSeconds: { default: 60, help: 'seconds that it lasts, a third of the run at most' },
  },

  holds: (plan) => {
    const isWell = plan.settings.fault === NO_FAULT;
    // The rows of one record, which the disk broke, are lost; no others. The books tell them at two borders: kernel to daemon, daemon to topic.
    const broken = plan.settings.fault === 'spool-corrupted' ? Number(plan.settings.flushRows) : 0;
    const missing = ['completeness', 'churn-completeness'];
    // A finding of the judge needs its name in the plan, or would count as a stray one.
    const bear = (each: Invariant): Invariant =>
      missing.includes(each.name) && each.type === 'ceiling' ? { ...each, max: each.max + broken } : each;
    return [
      ...booksInvariants(isWell, 2 * broken),
      // What waits for a broker is in memory, a queue of bounded length; beyond it, in the spool.
      ...processInvariants().map((each) => (each.name === 'rss' ? { ...each, plus: 64 * MIB } : each)),
      // What is twice is for the books to tell: the judge gets each row once. How fast it polls is judged elsewhere (namespace-churn): broker
      // and database take the cores that it polls on.
      ...rowInvariants()
        .filter(({ name }) => name !== 'no-duplicates')
        .map(bear),
      ...churnInvariants(plan)
        .filter(({ name }) => name !== 'churn-coverage')
        .map(bear),
      ...finalRowInvariants().map((each): Invariant => ({ ...each, max: each.max + broken })),
    ];
  },

  reaches: (plan) => [
    ...booksSettled(leastRows(plan)),
    {
      name: 'final rows reconciled',
      series: 'books.finalRows',
      required: Math.floor((plan.durationSeconds * Number(plan.settings.brief)) / 2),
      why: 'a quarter of what the pace of brief connections promises agreed in topic and table; a busy machine makes fewer',
    },
    {
      name: 'churn events',
      series: 'load.churnEvents',
      required: plan.durationSeconds / (Number(plan.settings.interval) / 1000),
      why: 'namespaces came and went',
    },
    // Each has six sockets and lives for three and a half polls; beside broker and database there are fewer of both.
    churnReached(plan.durationSeconds / (Number(plan.settings.interval) / 1000)),
    { name: 'containers ended', series: 'containers.ended', required: 1, why: 'a container was taken down under the eyes of the subject' },
    {
      name: 'rows beyond a flush',
      series: 'poll.rows',
      required: Number(plan.settings.flushRows) + 1,
      why: 'a poll is made of several messages',
    },
  ],
  faults: ({ settings: { fault } }) => [
    ...(fault === NO_FAULT ? [] : [fault as FaultName]),
    ...(OF_THE_SPOOL.includes(fault) ? (['broker-stopped'] as const) : []),
  ],

  steps: [
    {
      name: 'the subject works',
      run: async ({ subject, load, containers, settings, sleep }) => {
        await load.steady({ namespaces: Number(settings.namespaces), connections: Number(settings.connections) });
        for (let i = 0; i < Number(settings.containers); i++)
          await containers.start({ connections: Number(settings.containerConnections) });
        await subject.start();
        await sleep(2 * Number(settings.pollInterval));
      },
    },
    {
      name: 'namespaces come and go',
      run: async ({ load, settings, sleep }) => {
        const pollMs = Number(settings.pollInterval) * 1000;
        await load.pulse({ intervalMs: pollMs, bytes: 1000 });
        await load.churn({ intervalMs: Number(settings.interval), minLifetimeMs: 2 * pollMs, maxLifetimeMs: 5 * pollMs, connections: 2 });
        // A namespace has to be found before the kernel tells of what is destroyed in it.
        await load.brief({ perSecond: Number(settings.brief), afterMs: 3 * pollMs });
        await sleep((4 * pollMs) / 1000);
      },
    },
    {
      name: 'every row arrives',
      run: async ({ beginMeasure, endMeasure, containers, fault, settings, sleep, subject, durationSeconds }) => {
        const replace = async (until: number): Promise<void> => {
          while (Date.now() < until) {
            await sleep(Math.min(Number(settings.pause), Math.max(0, (until - Date.now()) / 1000)));
            if (Date.now() >= until) break;
            await containers.stopOldest();
            await containers.start({ connections: Number(settings.containerConnections) });
          }
        };
        await beginMeasure();
        const end = Date.now() + durationSeconds * 1000;
        if (settings.fault === NO_FAULT) await replace(end);
        else {
          const lasts = Math.min(Number(settings.faultSeconds), durationSeconds / 3);
          await sleep(durationSeconds / 4);
          const name = settings.fault as FaultName;
          if (OF_THE_SPOOL.includes(name)) await Promise.all([fault('broker-stopped', lasts), sleep(lasts / 2).then(() => fault(name, 0))]);
          else await fault(name, lasts);
          // However long it took to recover, a container is replaced afterwards.
          await replace(Math.max(end, Date.now() + 1000 * Math.max(5 * Number(settings.pollInterval), Number(settings.pause) + 2)));
        }
        // It tries a far end again after ten seconds at the latest; what waits in the spool by then, after a fault or because the broker is
        // slow on a busy machine, is to be handed over too.
        await handedOver(subject, 200);
        await endMeasure();
      },
    },
    {
      name: 'the subject hands over what it has',
      run: async ({ load, subject, settings, sleep }) => {
        await load.stopBrief();
        await load.stopChurn();
        // What a stop leaves in the spool is for its next life.
        await sleep(2 * Number(settings.pollInterval));
        await handedOver(subject, 60);
        await subject.stop();
      },
    },
  ],
});

/** Records of polls have a spool of their own; a poll whose record stays in it counts for none. */
async function handedOver(subject: Subject, limitSeconds: number): Promise<void> {
  for (const series of ['subject.rowsInSpool', 'subject.pollRecordsWaiting']) await subject.until({ series, most: 0, limitSeconds });
}

/**
 * Of the steady population alone, both ends of each connection. Broker and database take the cores that the subject polls on, and how fast
 * it polls is for others to judge (namespace-churn): half the polls are enough.
 */
function leastRows({ settings, durationSeconds }: PlanContext): number {
  const sockets = Number(settings.namespaces) * 2 * Number(settings.connections);
  return Math.floor((0.5 * sockets * durationSeconds) / Number(settings.pollInterval));
}
