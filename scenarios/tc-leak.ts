/**
 * The leak that gave the tc reconciler its reason: classes and filters of VMs that are long gone, which every packet has to walk past.
 * Load: six shaped VMs behind a bridge, a flood of small packets and a TCP stream from outside; then 1,880 stale pairs; then live limits that
 * come and go while stale ones are swept. What must hold: the sweep takes every stale object and, by the word of tc(8), nothing else;
 * traffic is as fast afterwards as it was before, by the measure of a twin that never leaked; one native sweep is at least 20 times as fast
 * as a tc process for each deletion.
 */
import { spawn } from 'node:child_process';
import { type StepContext, scenario } from '../harness/scenario.js';
import { BRIDGE, build, indexOf, limitOf, objects } from './shared/bridge.js';
import { CASES, DOUBLE, FIRST_MINOR, leak, NAMESAKES, patienceOf, seconds, shows, swept, writeAllocations } from './shared/tc-cases.js';
import { type Meter, type Middle, openMeter } from './shared/traffic.js';
import { type Cases, casesOf, ctl, difference, reconcilerInvariants, seeded, sh, tc } from './shared/world.js';

/** TAPs whose limits come and go. */
const CHURNING = ['hype-n1', 'hype-n2', 'hype-n3', 'hype-n4'];

/** Many short turns, not few long ones: what else the machine does comes and goes within seconds. */
const TURN_SECONDS = 0.5;

async function measure(context: StepContext, meter: Meter, when: 'before' | 'leaked' | 'swept') {
  const { window, sample, note, settings } = context;
  const traffic = await window(when, () => meter.measure(Number(settings.turns), TURN_SECONDS));
  const { turns, packets, packetsOfTwin, tcpBits, tcpOfTwin, softirqShare } = traffic;
  await sample({
    [`traffic.${when}Pps`]: packets,
    [`traffic.${when}TcpBitsPerSecond`]: tcpBits,
    [`traffic.${when}SoftirqShare`]: softirqShare,
    // What was not certain after so many turns is not judged: the verdict is unknown then.
    ...(packetsOfTwin.certain && { [`traffic.${when}PacketsOfTwin`]: packetsOfTwin.median }),
    ...(tcpOfTwin.certain && { [`traffic.${when}TcpOfTwin`]: tcpOfTwin.median }),
  });
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
  const ofTwin = ({ median, certain }: Middle) => `${percent(median)} of the twin's${certain ? '' : ', too uncertain to judge'}`;
  note(
    `${when}: ${Math.round(packets)} packets a second reach the VM (${ofTwin(packetsOfTwin)}), ${(tcpBits / 1e6).toFixed(0)} Mbit/s by TCP (${ofTwin(tcpOfTwin)}), ${percent(softirqShare)} of the processors in soft interrupts; ${turns} turns`,
  );
  return { packets: Math.max(1e-3, packetsOfTwin.median), tcp: Math.max(1e-3, tcpOfTwin.median) };
}

/** One native sweep of the whole leak, and as many deletions by one tc process each as the settings allow, a pair at a time. */
async function compare(context: StepContext, cases: Cases, expected: readonly string[]): Promise<void> {
  const { settings, sample, note, sleep } = context;
  const [pairs, byProcess] = [Number(settings.pairs), Math.min(Number(settings.tcPairs), Number(settings.pairs))];
  await ctl('tc', 'mode', 'off');
  let [native, tcSeconds] = [0, 0];
  for (let round = 1; round <= Number(settings.rounds); round++) {
    await leak(pairs);
    const handles = [...(await sh(`tc filter show dev ${BRIDGE}`)).matchAll(/handle (0x[0-9a-f]+)\s+flowid 1:([0-9a-f]+)/g)].filter(
      ([, , flow]) => Number.parseInt(flow ?? '', 16) < FIRST_MINOR + byProcess && Number.parseInt(flow ?? '', 16) >= FIRST_MINOR,
    );
    const began = performance.now();
    for (const [, handle, flow] of handles) {
      await sh(`tc filter del dev ${BRIDGE} parent 1: handle ${handle} prio 1 protocol all basic`);
      await sh(`tc class del dev ${BRIDGE} classid 1:${flow}`);
    }
    tcSeconds += (((performance.now() - began) / 1000) * pairs) / handles.length;
    await leak(byProcess);
    await ctl('tc', 'mode', 'repair');
    // The wait between the two looks is no work.
    const from = performance.now() + seconds(settings.minAge) * 1000;
    const { outcomes } = (await ctl('tc', 'sweep')) as { readonly outcomes: object };
    native += (performance.now() - from) / 1000;
    await ctl('tc', 'mode', 'off');
    await cases.becomes(`sweep ${round} on command`, 0, shows(expected));
    // Filters first: then no class is busy, and nothing needs another look.
    await cases.becomes(`every deletion of sweep ${round}`, 0, async () => difference(Object.keys(outcomes), ['ok']));
    await sample({ 'sweep.nativeSeconds': native, 'sweep.tcSeconds': tcSeconds });
    await sleep(0);
  }
  const rounds = Number(settings.rounds);
  note(
    `${pairs} pairs: ${(native / rounds).toFixed(2)} s by one native sweep, ${(tcSeconds / rounds).toFixed(0)} s by a tc process a deletion (of which ${byProcess} pairs were done), ${(tcSeconds / native).toFixed(1)} times as long`,
  );
  await ctl('tc', 'mode', 'repair');
}

/** Limits that come and go by one long-lived tc: a process for each would churn ten times less often. */
function churner({ seed, sample }: StepContext) {
  const random = seeded(seed);
  const living = new Set<string>();
  const lines = CHURNING.map((tap, at) => ({
    tap,
    flow: `1:80${at}`,
    give: limitOf(indexOf(tap), `1:80${at}`).map((line) => line.replace('prio 1 basic', `prio 1 handle 0x70${at} basic`)),
    take: [`filter del dev ${BRIDGE} parent 1: handle 0x70${at} prio 1 protocol all basic`, `class del dev ${BRIDGE} classid 1:80${at}`],
  }));
  let changes = 0;
  return {
    /** Gives and takes limits until `body` is done; what tc then shows of them. */
    async during(body: () => Promise<void>): Promise<string[]> {
      const child = spawn('tc', ['-force', '-batch', '-'], { stdio: ['pipe', 'ignore', 'ignore'] });
      const gone = new Promise((done) => child.once('close', done));
      child.stdin.on('error', () => {});
      let going = true;
      const fed = (async () => {
        while (going) {
          const each = lines[Math.floor(random() * lines.length)] as (typeof lines)[number];
          const give = !living.delete(each.tap);
          if (give) living.add(each.tap);
          changes++;
          const written = child.stdin.write(`${(give ? each.give : each.take).join('\n')}\n`);
          if (written) {
            await new Promise((done) => setTimeout(done, 5));
          } else await Promise.race([new Promise((done) => child.stdin.once('drain', done)), gone]);
        }
      })();
      try {
        await body();
      } finally {
        going = false;
        await fed;
        child.stdin.end();
        await gone;
      }
      await sample({ 'churn.changes': changes });
      return lines
        .filter(({ tap }) => living.has(tap))
        .flatMap(({ tap, flow }) => [`class ${flow}`, `filter ${flow} meta(rt_iif eq ${indexOf(tap)})`]);
    },
    /** Takes what is left. */
    async end(): Promise<void> {
      await tc(lines.filter(({ tap }) => living.has(tap)).flatMap(({ take }) => take));
    },
  };
}

/** Twenty stale pairs leak and are swept while limits of live TAPs come and go, again and again. */
async function sweepUnderChurn(context: StepContext, cases: Cases, still: readonly string[]): Promise<void> {
  const { settings, sample, signal } = context;
  const churn = churner(context);
  for (let sweep = 1; sweep <= Number(settings.sweeps) && !signal.aborted; sweep++) {
    const live = await churn.during(async () => {
      await leak(20);
      await ctl('tc', 'sweep');
    });
    await swept(cases, `sweep ${sweep} under churn`, [...still, ...live], context);
    await sample({ 'sweep.underChurn': sweep });
  }
  await churn.end();
}

export default scenario({
  name: 'tc-leak',
  story:
    'Classes and filters of VMs that are gone slow every packet down; they are swept while live limits come and go. Nothing live is touched, and traffic is as fast as before.',
  targets: ['vm'],
  needs: ['traffic-control'],
  settings: {
    pairs: { default: 1880, help: 'stale pairs of class and filter' },
    turns: {
      default: 40,
      help: 'turns of the bridge and its twin in each measurement of traffic, at most; five are enough where it is quiet',
    },
    rounds: { default: 3, whenSlow: 1, help: 'sweeps on command, against tc' },
    tcPairs: { default: 1880, whenSlow: 40, help: 'pairs that tc deletes in each round, one process a deletion; the rest is reckoned' },
    sweeps: { default: 20, whenSlow: 3, help: 'sweeps of 20 stale pairs among limits that come and go' },
    tcInterval: { default: '1s', whenSlow: '3s', help: 'time between two looks' },
    minAge: { default: '3s', whenSlow: '8s', help: 'time between the two looks that must agree' },
    pollInterval: { default: 5, whenSlow: 60, help: 'seconds between polls of the subject' },
    flushRows: { default: 500, help: 'rows after which the subject must flush an envelope' },
  },
  holds: () => [
    ...reconcilerInvariants,
    {
      name: 'recovery',
      type: 'ratio',
      numerator: 'traffic.sweptPacketsOfTwin',
      denominator: 'traffic.beforePacketsOfTwin',
      min: 0.8,
      why: 'after the sweep small packets are as fast as before the leak, beside a twin without one',
    },
    {
      name: 'tcp-recovery',
      type: 'ratio',
      numerator: 'traffic.sweptTcpOfTwin',
      denominator: 'traffic.beforeTcpOfTwin',
      min: 0.8,
      why: 'after the sweep a TCP stream is as fast as before the leak, beside a twin without one',
    },
    {
      name: 'native-speed',
      type: 'ratio',
      numerator: 'sweep.tcSeconds',
      denominator: 'sweep.nativeSeconds',
      min: 20,
      why: 'a native sweep against a tc process a deletion',
    },
  ],
  reaches: ({ settings }) => [
    {
      name: 'cost of the leak',
      series: 'traffic.cost',
      required: 2,
      why: 'a leak that does not halve the packets a second would show nothing',
    },
    { name: 'sweeps under churn', series: 'sweep.underChurn', required: Number(settings.sweeps), why: 'live objects were in the way' },
  ],
  steps: [
    {
      name: 'six shaped VMs, and a twin of their bridge',
      run: async ({ subject }) => {
        await build([...CHURNING, ...NAMESAKES, DOUBLE.tap]);
        writeAllocations();
        await subject.start();
        await ctl('tc', 'mode', 'off');
      },
    },
    {
      name: 'the leak, what it costs, and what is left of it after the sweep',
      // Of 1,880 pairs a native sweep takes 2 s, and tc 0.1 s a pair.
      allowanceSeconds: ({ sweeps, rounds, tcPairs }) => 120 + 4 * Number(sweeps) + Number(rounds) * (20 + 0.2 * Number(tcPairs)),
      run: async (context) => {
        const { beginMeasure, endMeasure, settings, sample, note, sleep } = context;
        const cases = casesOf(context);
        const still = await objects();
        const meter = await openMeter(sleep);
        await beginMeasure();
        const before = await measure(context, meter, 'before');
        await leak(Number(settings.pairs));
        const leaked = await objects();
        const during = await measure(context, meter, 'leaked');
        await sample({
          'traffic.cost': before.packets / during.packets,
          'traffic.tcpCost': before.tcp / during.tcp,
        });

        await ctl('tc', 'mode', 'observe');
        await ctl('tc', 'look');
        await cases.stays('mode observe', 1 + seconds(settings.tcInterval), shows(leaked));
        await ctl('tc', 'mode', 'repair');
        await cases.becomes('the leak is swept', patienceOf(settings), shows(still));
        await measure(context, meter, 'swept');
        meter.end();

        for (const { name, run } of CASES) {
          note(name);
          await run(cases, still, context);
        }
        note('sweeps under churn');
        await sweepUnderChurn(context, cases, still);
        note('native against tc');
        await compare(context, cases, still);
        await endMeasure();
      },
    },
    {
      name: 'the subject ends',
      run: ({ subject }) => subject.stop(),
    },
  ],
});
