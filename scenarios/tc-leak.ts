/**
 * The leak that gave the tc reconciler its reason: classes and filters of VMs that are long gone, which every packet has to walk past.
 * Load: six shaped VMs behind a bridge and a flood of small packets from outside; then 1,880 stale pairs; then live limits that come and
 * go while stale ones are swept. What must hold: the sweep takes every stale object and, by the word of tc(8), nothing else; traffic is
 * as fast afterwards as it was before; one native sweep is at least 20 times as fast as a tc process for each deletion.
 */
import { writeFileSync } from 'node:fs';
import { type StepContext, scenario } from '../harness/scenario.js';
import { BRIDGE, build, flood, indexOf, leakOf, limitOf, objects } from './shared/bridge.js';
import { type Cases, casesOf, ctl, difference, reconcilerInvariants, run, seeded, sh, slackOf, tc } from './shared/world.js';

/** TAPs whose limits come and go. */
const CHURNING = ['hype-n1', 'hype-n2', 'hype-n3', 'hype-n4'];
const ALLOCATIONS = '/run/allocations.json';
/** Ids and indexes of the leak; nobody ever has an interface of such an index. */
const [FIRST_MINOR, FIRST_IIF] = [0x1000, 100_000];

const leak = (count: number) => tc(Array.from({ length: count }, (_, k) => leakOf(FIRST_MINOR + k, FIRST_IIF + k)).flat());

/** Two names of TAPs that stand for the same class id: FNV-1a of the name, its lower 16 bits. */
function namesakes(): readonly [string, string] {
  const known = new Map<number, string>();
  for (let n = 0; ; n++) {
    const name = `hype-x${n}`;
    let hash = 0x811c9dc5;
    for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
    const other = known.get(hash & 0xffff);
    if (other !== undefined) return [other, name];
    known.set(hash & 0xffff, name);
  }
}

/** What tc(8) must show: as it was before anything leaked, and what lives beside it now. */
const shows = (expected: readonly string[]) => async () => difference(await objects(), expected);

const seconds = (text: unknown) => Number(String(text).replace('s', ''));

const patienceOf = (settings: StepContext['settings']) => 2 * seconds(settings.tcInterval) + 2 * seconds(settings.minAge) + 15;

/** Looks until the stale are gone: the first one that sees them only takes note, and what both saw goes. */
function swept(cases: Cases, what: string, expected: readonly string[], { settings }: StepContext): Promise<void> {
  return cases.becomes(what, patienceOf(settings), async () => {
    await ctl('tc', 'look');
    return shows(expected)();
  });
}

async function measure(context: StepContext, when: 'before' | 'leaked' | 'swept'): Promise<number> {
  const { window, sample, durationSeconds, note, sleep } = context;
  const { packets, softirqShare } = await window(when, () => flood(Math.max(3, durationSeconds / 8), sleep));
  await sample({ [`traffic.${when}Pps`]: packets, [`traffic.${when}SoftirqShare`]: softirqShare });
  note(
    `${when}: ${Math.round(packets)} packets a second reach the VM, ${(100 * softirqShare).toFixed(0)} % of the processors in soft interrupts`,
  );
  return packets;
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
    await ctl('tc', 'sweep');
    native += (performance.now() - from) / 1000;
    await ctl('tc', 'mode', 'off');
    await cases.becomes(`sweep ${round} on command`, 0, shows(expected));
    await sample({ 'sweep.nativeSeconds': native, 'sweep.tcSeconds': tcSeconds });
    await sleep(0);
  }
  const rounds = Number(settings.rounds);
  note(
    `${pairs} pairs: ${(native / rounds).toFixed(2)} s by one native sweep, ${(tcSeconds / rounds).toFixed(0)} s by a tc process a deletion (of which ${byProcess} pairs were done), ${(tcSeconds / native).toFixed(1)} times as long`,
  );
  await ctl('tc', 'mode', 'repair');
}

/** Limits of live TAPs come and go while twenty stale pairs are swept, again and again. */
async function sweepUnderChurn(context: StepContext, cases: Cases, still: readonly string[]): Promise<void> {
  const { settings, sample, seed, signal } = context;
  const random = seeded(seed);
  const living = new Set<string>();
  const churn = async () => {
    const at = Math.floor(random() * CHURNING.length);
    const tap = CHURNING[at] as string;
    const [flow, handle] = [`1:80${at}`, `0x70${at}`];
    if (living.delete(tap)) {
      await run(
        'tc',
        ['-force', '-batch', '-'],
        `filter del dev ${BRIDGE} parent 1: handle ${handle} prio 1 protocol all basic\nclass del dev ${BRIDGE} classid ${flow}\n`,
      ).catch(() => {});
    } else {
      await tc(limitOf(indexOf(tap), flow).map((line) => line.replace('prio 1 basic', `prio 1 handle ${handle} basic`)));
      living.add(tap);
    }
  };
  for (let sweep = 1; sweep <= Number(settings.sweeps) && !signal.aborted; sweep++) {
    let churning = true;
    const churned = (async () => {
      while (churning) await churn();
    })();
    await leak(20);
    await swept(
      { ...cases, becomes: (_what, _seconds, check) => until(check, 5 + 3 * seconds(settings.minAge), context) },
      '',
      [],
      context,
    );
    churning = false;
    await churned;
    const live = CHURNING.flatMap((tap, at) =>
      living.has(tap) ? [`class 1:80${at}`, `filter 1:80${at} meta(rt_iif eq ${indexOf(tap)})`] : [],
    );
    await swept(cases, `sweep ${sweep} under churn`, [...still, ...live], context);
    await sample({ 'sweep.underChurn': sweep });
  }
  while (living.size > 0) await churn();
}

/** Looks while others change what is seen: how it ends is for a check that nobody disturbs. */
async function until(check: () => Promise<string>, limit: number, { sleep, slowdown }: StepContext): Promise<void> {
  const end = performance.now() + limit * slackOf(slowdown) * 1000;
  for (;;) {
    const stale = (await check()).includes(`class 1:${FIRST_MINOR.toString(16)}`);
    if (!stale || performance.now() > end) return;
    await sleep(0.05);
  }
}

export default scenario({
  name: 'tc-leak',
  story:
    'Classes and filters of VMs that are gone slow every packet down; they are swept while live limits come and go. Nothing live is touched, and traffic is as fast as before.',
  targets: ['vm'],
  needs: ['traffic-control'],
  settings: {
    pairs: { default: 1880, help: 'stale pairs of class and filter' },
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
      numerator: 'traffic.sweptPps',
      denominator: 'traffic.beforePps',
      min: 0.8,
      why: 'after the sweep traffic is as fast as before the leak',
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
      name: 'six shaped VMs',
      run: async ({ subject }) => {
        const [first, second] = namesakes();
        await build([...CHURNING, first, second]);
        writeFileSync(ALLOCATIONS, JSON.stringify([first, second].map((tap) => ({ id: tap, tap, state: 'Running', rate: '10mbit' }))));
        await subject.start();
        await ctl('tc', 'mode', 'off');
      },
    },
    {
      name: 'the leak, what it costs, and what is left of it after the sweep',
      run: async (context) => {
        const { beginMeasure, endMeasure, settings, sample, note } = context;
        const cases = casesOf(context);
        const still = await objects();
        await beginMeasure();
        const before = await measure(context, 'before');
        await leak(Number(settings.pairs));
        const leaked = await objects();
        await sample({ 'traffic.cost': before / (await measure(context, 'leaked')) });

        await ctl('tc', 'mode', 'observe');
        await ctl('tc', 'look');
        await cases.stays('mode observe', 1 + seconds(settings.tcInterval), shows(leaked));
        await ctl('tc', 'mode', 'repair');
        // Nobody asks for a look here: it takes two ticks.
        await cases.becomes('the leak is swept', patienceOf(settings), shows(still));
        await measure(context, 'swept');

        note('two VMs whose names stand for the same class');
        await namesake(cases, still);
        note('a limit that is given slowly');
        if (seconds(settings.minAge) > 0) await slowly(cases, still, context);
        note('switched off');
        await ctl('tc', 'mode', 'off');
        await leak(3);
        const three = await objects();
        await cases.stays('switched off', 3 + 2 * seconds(settings.minAge), shows(three));
        await ctl('tc', 'mode', 'repair');
        await swept(cases, 'switched on', still, context);

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

/** The second of two namesakes has a class beside its own; what is released is what its filter points to. */
async function namesake(cases: Cases, still: readonly string[]): Promise<void> {
  const [first, second] = namesakes();
  await ctl('tc', 'apply', first);
  const one = await objects();
  await ctl('tc', 'apply', second);
  await cases.becomes('two limits', 1, async () => ((await objects()).length === still.length + 4 ? '' : 'there are not two of them'));
  await ctl('tc', 'release', second);
  await cases.becomes('the second namesake is released, and nothing of the first', 1, shows(one));
  await ctl('tc', 'release', first);
  await cases.becomes('both are released', 1, shows(still));
}

/** A class whose filter comes seconds later, as from an allocator that starts a process for each. One look would take it for stale. */
async function slowly(cases: Cases, still: readonly string[], { settings, sleep }: StepContext): Promise<void> {
  const tap = CHURNING[0] as string;
  const [makeClass, makeLeaf, makeFilter] = limitOf(indexOf(tap), '1:7777') as [string, string, string];
  await tc([makeClass, makeLeaf]);
  await ctl('tc', 'look');
  await sleep(seconds(settings.minAge) / 2);
  await tc([makeFilter]).catch(() => {});
  await cases.becomes(
    'a limit that was given slowly',
    1,
    shows([...still, 'class 1:7777', `filter 1:7777 meta(rt_iif eq ${indexOf(tap)})`]),
  );
  await sh(`tc filter del dev ${BRIDGE} parent 1: prio 1 handle ${await handleOf('1:7777')} protocol all basic`).catch(() => {});
  await sh(`tc class del dev ${BRIDGE} classid 1:7777`).catch(() => {});
}

async function handleOf(flow: string): Promise<string> {
  return new RegExp(`handle (0x[0-9a-f]+)\\s+flowid ${flow}\\b`).exec(await sh(`tc filter show dev ${BRIDGE}`))?.[1] ?? '0x0';
}
