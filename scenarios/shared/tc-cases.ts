/**
 * What a sweep of tc must take, leave alone or refuse, one case after the other, on the bridge of bridge.ts. Each begins and ends with what
 * lives there and nothing else; what tc(8) shows is what counts.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { StepContext } from '../../harness/scenario.js';
import { BRIDGE, classOf, filterOf, indexOf, leakOf, limitOf, objects } from './bridge.js';
import { type Cases, ctl, difference, ip, sh, slackOf, tc } from './world.js';

export const ALLOCATIONS = '/run/allocations.json';
/** Ids and indexes of leaks; nobody ever has an interface of such an index. */
export const [FIRST_MINOR, FIRST_IIF] = [0x1000, 100_000];

export const leak = (count: number): Promise<string> =>
  tc(Array.from({ length: count }, (_, k) => leakOf(FIRST_MINOR + k, FIRST_IIF + k)).flat());

/** What tc(8) must show: as it was before anything leaked, and what lives beside it now. */
export const shows = (expected: readonly string[]) => async (): Promise<string> => difference(await objects(), expected);

export const seconds = (text: unknown): number => Number(String(text).replace('s', ''));

export const patienceOf = (settings: StepContext['settings']): number =>
  2 * seconds(settings.tcInterval) + 2 * seconds(settings.minAge) + 15;

/** Looks until the stale are gone: the first one that sees them only takes note, and what both saw goes. */
export function swept(cases: Cases, what: string, expected: readonly string[], { settings }: StepContext): Promise<void> {
  return cases.becomes(what, patienceOf(settings), async () => {
    await ctl('tc', 'look');
    return shows(expected)();
  });
}

/** Two TAPs whose names stand for the same class id: FNV-1a of the name, its lower 16 bits. */
function findNamesakes(): readonly [string, string] {
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
export const NAMESAKES = findNamesakes();
/** The TAP that two filters are anchored to, and the class that its owner says is its own. */
export const DOUBLE = { tap: 'hype-d1', flow: '1:9001', other: '1:9002' } as const;

export function writeAllocations(): void {
  const owned = NAMESAKES.map((tap) => ({ id: tap, tap, state: 'Running', rate: '10mbit' }));
  const doubled = { id: 'double', tap: DOUBLE.tap, state: 'Running', rate: '10mbit', class: DOUBLE.flow };
  writeFileSync(ALLOCATIONS, JSON.stringify([...owned, doubled]));
}

interface Case {
  readonly name: string;
  readonly run: (cases: Cases, still: readonly string[], context: StepContext) => Promise<void>;
}

/** Notifications of tc(8)'s own monitor while `body` runs: every change of a class or filter is one, whoever makes it. */
async function heard(context: StepContext, body: () => Promise<void>): Promise<string> {
  const monitor = spawn('tc', ['monitor'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  monitor.stdout.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  const gone = new Promise((done) => monitor.once('close', done));
  const settle = () => delay(500 * slackOf(context.slowdown));
  // It hears itself being deaf no more by the echo of a change made for it.
  await settle();
  await sh(`tc class change dev ${BRIDGE} parent 1:1 classid 1:f01 htb rate 1gbit`);
  await settle();
  const listening = text !== '';
  text = '';
  await body();
  await settle();
  monitor.kill('SIGTERM');
  await gone;
  return listening ? text.trim() : 'tc monitor heard nothing of a change';
}

export const CASES: readonly Case[] = [
  {
    name: 'a leak that nobody tells of, and nobody asks for a look at: it takes two ticks',
    run: async (cases, still, { settings }) => {
      await leak(3);
      await cases.becomes('swept by ticks alone', patienceOf(settings), shows(still));
    },
  },
  {
    name: 'a look in mode observe writes nothing, and neither does a sweep with nothing to take',
    run: async (cases, still, context) => {
      const looks = async () => {
        for (let look = 0; look < 3; look++) await ctl('tc', 'look');
      };
      await leak(3);
      await ctl('tc', 'mode', 'observe');
      const observed = await heard(context, looks);
      await cases.becomes('no write in mode observe', 0, async () => observed);
      await ctl('tc', 'mode', 'repair');
      await swept(cases, 'written in mode repair', still, context);
      const idle = await heard(context, looks);
      await cases.becomes('no write with nothing to take', 0, async () => idle);
    },
  },
  {
    name: 'ids that tc prints short, a class without a filter, a filter without a class',
    run: async (cases, still, context) => {
      await tc([...leakOf(0xc, FIRST_IIF), ...leakOf(0xabc, FIRST_IIF + 1), classOf('1:1ead'), filterOf(FIRST_IIF + 2, '1:dead')]);
      await swept(cases, 'short ids and halves', still, context);
    },
  },
  {
    name: 'two filters for one TAP: the one of the class that its owner names lives',
    run: async (cases, still, context) => {
      const index = indexOf(DOUBLE.tap);
      await tc([...limitOf(index, DOUBLE.flow), ...limitOf(index, DOUBLE.other)]);
      await swept(
        cases,
        'two filters for one TAP',
        [...still, `class ${DOUBLE.flow}`, `filter ${DOUBLE.flow} meta(rt_iif eq ${index})`],
        context,
      );
      await sh(`tc filter del dev ${BRIDGE} parent 1: prio 1 handle ${await handleOf(DOUBLE.flow)} protocol all basic`);
      await sh(`tc class del dev ${BRIDGE} classid ${DOUBLE.flow}`);
    },
  },
  {
    name: 'two VMs whose names stand for the same class',
    run: async (cases, still) => {
      const [first, second] = NAMESAKES;
      await ctl('tc', 'apply', first);
      const one = await objects();
      await ctl('tc', 'apply', second);
      await cases.becomes('two limits', 1, async () => ((await objects()).length === still.length + 4 ? '' : 'there are not two of them'));
      await ctl('tc', 'release', second);
      await cases.becomes('the second namesake is released, and nothing of the first', 1, shows(one));
      await ctl('tc', 'release', first);
      await cases.becomes('both are released', 1, shows(still));
    },
  },
  {
    name: 'a limit whose filter comes seconds after its class, as from an allocator that starts a process for each',
    run: async (cases, still, { settings, sleep }) => {
      if (seconds(settings.minAge) === 0) return;
      const index = indexOf(DOUBLE.tap);
      const [makeClass, makeLeaf, makeFilter] = limitOf(index, '1:7777') as [string, string, string];
      await tc([makeClass, makeLeaf]);
      await ctl('tc', 'look');
      await sleep(seconds(settings.minAge) / 2);
      await tc([makeFilter]).catch(() => {});
      await cases.becomes('a limit that was given slowly', 1, shows([...still, 'class 1:7777', `filter 1:7777 meta(rt_iif eq ${index})`]));
      await sh(`tc filter del dev ${BRIDGE} parent 1: prio 1 handle ${await handleOf('1:7777')} protocol all basic`).catch(() => {});
      await sh(`tc class del dev ${BRIDGE} classid 1:7777`).catch(() => {});
    },
  },
  {
    name: 'nothing alive: every TAP has another name',
    run: async (cases, still, context) => {
      const taps = [...(await sh('ip -o link show type veth')).matchAll(/^\d+: (hype-[^@:]+)/gm)].map((match) => match[1] as string);
      const rename = (from: string, to: string) =>
        ip(
          taps.flatMap((tap) => [
            `link set ${tap.replace('hype-', from)} down`,
            `link set ${tap.replace('hype-', from)} name ${tap.replace('hype-', to)} up`,
          ]),
        );
      await leak(3);
      const three = await objects();
      await rename('hype-', 'gone-');
      await cases.stays('refused when nothing is alive', 3 + 2 * seconds(context.settings.minAge), async () => {
        await ctl('tc', 'look');
        return shows(three)();
      });
      await rename('gone-', 'hype-');
      await swept(cases, 'swept when they are back', still, context);
    },
  },
  {
    name: 'the list of allocations cannot be read',
    run: async (cases, still, context) => {
      writeFileSync(ALLOCATIONS, '[{');
      await leak(3);
      const three = await objects();
      await cases.stays('nothing is deleted without a list', 3 + 2 * seconds(context.settings.minAge), async () => {
        await ctl('tc', 'look').catch(() => {});
        return shows(three)();
      });
      writeAllocations();
      await swept(cases, 'swept when the list is back', still, context);
    },
  },
  {
    name: 'switched off',
    run: async (cases, still, context) => {
      await ctl('tc', 'mode', 'off');
      await leak(3);
      const three = await objects();
      await cases.stays('switched off', 3 + 2 * seconds(context.settings.minAge), shows(three));
      await ctl('tc', 'mode', 'repair');
      await swept(cases, 'switched on', still, context);
    },
  },
];

async function handleOf(flow: string): Promise<string> {
  return new RegExp(`handle (0x[0-9a-f]+)\\s+flowid ${flow}\\b`).exec(await sh(`tc filter show dev ${BRIDGE}`))?.[1] ?? '0x0';
}
