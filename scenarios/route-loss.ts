/**
 * Routes that someone takes away. Load: a dozen wanted routes, every kind of key and value, in three tables and both families. Broken on
 * purpose: they are deleted, flushed, changed, taken over, lose their source address, their link, their nexthop object; events are lost;
 * and they are withdrawn in the middle of it all. What must hold, by the word of `ip -j`: what is wanted is there and as wanted, what is
 * withdrawn never comes back, what is someone else's stays as it is.
 */
import { type StepContext, scenario } from '../harness/scenario.js';
import {
  type Cases,
  type Check,
  casesOf,
  ctl,
  difference,
  drops,
  ip,
  listed,
  reconcilerInvariants,
  seeded,
  sh,
  slackOf,
} from './shared/world.js';

interface Wanted {
  readonly spec: Readonly<Record<string, unknown>>;
  /** As {@link seen} tells it. */
  readonly seen: string;
}

const A = { to: '203.0.113.0/24', via: '10.0.0.2', src: '10.0.0.9' };
const WANTED: readonly Wanted[] = [
  { spec: A, seen: 'main 203.0.113.0/24 via 10.0.0.2 src 10.0.0.9' },
  { spec: { to: '203.0.113.0/32', via: '10.0.0.3' }, seen: 'main 203.0.113.0 via 10.0.0.3' },
  { spec: { ...A, table: 100 }, seen: '100 203.0.113.0/24 via 10.0.0.2 src 10.0.0.9' },
  { spec: { ...A, table: 1000 }, seen: '1000 203.0.113.0/24 via 10.0.0.2 src 10.0.0.9' },
  { spec: { to: '203.0.113.0/24', via: '10.0.0.2', tos: 16 }, seen: 'main 203.0.113.0/24 tos 16 via 10.0.0.2' },
  { spec: { to: '203.0.113.0/24', via: '10.0.0.4', metric: 77 }, seen: 'main 203.0.113.0/24 metric 77 via 10.0.0.4' },
  {
    spec: { to: '198.51.100.0/24', nexthops: [{ via: '10.0.0.2' }, { via: '10.0.0.3', weight: 3 }] },
    seen: 'main 198.51.100.0/24 via 10.0.0.2,10.0.0.3',
  },
  { spec: { to: '192.0.2.0/24', nhid: 7 }, seen: 'main 192.0.2.0/24 nhid 7 via 10.0.0.2' },
  { spec: { to: '2001:db8:1::/48', via: 'fd00::2' }, seen: 'main 2001:db8:1::/48 metric 1024 via fd00::2' },
  {
    spec: { to: '2001:db8:2::/48', via: 'fd00::2', src: 'fd00::9', group: 'peer' },
    seen: 'main 2001:db8:2::/48 metric 1024 via fd00::2 src fd00::9',
  },
  { spec: { to: '192.0.2.128/25', via: '10.0.0.5', group: 'peer' }, seen: 'main 192.0.2.128/25 via 10.0.0.5' },
];
const ALL = WANTED.map((each) => each.seen);
const KEY_A = '4|254|203.0.113.0/24|0|0';

interface IpRoute {
  readonly dst: string;
  readonly table?: string;
  readonly tos?: string;
  readonly metric?: number;
  readonly nhid?: number;
  readonly gateway?: string;
  readonly prefsrc?: string;
  readonly nexthops?: readonly { readonly gateway: string }[];
}

/** Routes of a protocol in all tables. */
async function seen(protocol = 'bgp'): Promise<string[]> {
  const both = await Promise.all(['-4', '-6'].map((family) => listed<IpRoute>(`ip -j ${family} route show table all proto ${protocol}`)));
  return both
    .flat()
    .map(({ dst, table = 'main', tos, metric, nhid, gateway, prefsrc, nexthops }) =>
      [
        table,
        dst,
        ...(tos === undefined ? [] : [`tos ${Number(tos)}`]),
        ...(metric === undefined ? [] : [`metric ${metric}`]),
        ...(nhid === undefined ? [] : [`nhid ${nhid}`]),
        `via ${gateway ?? (nexthops ?? []).map((hop) => hop.gateway).join()}`,
        ...(prefsrc === undefined ? [] : [`src ${prefsrc}`]),
      ].join(' '),
    );
}

const are =
  (expected: readonly string[]): Check =>
  async () =>
    difference(await seen(), expected);
const without = (gone: (line: string) => boolean): readonly string[] => ALL.filter((line) => !gone(line));
const add = (spec: Wanted['spec']) => ctl('route', 'add', JSON.stringify(spec));
const NEXTHOP = 'nexthop replace id 7 via 10.0.0.2 dev v0';
const ADDRESSES = ['addr add 10.0.0.9/32 dev v0', 'addr add fd00::9/128 dev v0 nodad'];

interface Fault {
  readonly name: string;
  readonly run: (cases: Cases, context: StepContext) => Promise<void>;
}

/** Long enough for every look that was asked for to be over, and for the addresses of a link that came up to be said unique: what heals after it heals by a reason of its own. */
const quiet = ({ sleep, slowdown }: StepContext) => sleep(2.5 * slackOf(slowdown));

const allBack = (cases: Cases, name: string, seconds = 5) => cases.becomes(name, seconds, are(ALL));

const FAULTS: readonly Fault[] = [
  {
    name: 'a route is deleted',
    run: async (cases) => {
      await ip(['route del 203.0.113.0/24 via 10.0.0.2 table main']);
      await allBack(cases, 'deleted');
    },
  },
  {
    name: 'whole tables and prefixes are flushed, in both families',
    run: async (cases) => {
      // Not by protocol: iproute2 cannot flush a route with a nexthop object.
      for (const what of ['root 203.0.113.0/24', 'root 198.51.100.0/24', 'table 100', 'table 1000']) await sh(`ip route flush ${what}`);
      await sh('ip -6 route flush proto bgp');
      await allBack(cases, 'flushed');
    },
  },
  {
    name: 'a route is changed',
    run: async (cases) => {
      await ip(['route replace 203.0.113.0/24 via 10.0.0.8 proto bgp']);
      await allBack(cases, 'changed');
    },
  },
  {
    name: 'a foreign route takes the place',
    run: async (cases) => {
      await ip(['route replace 203.0.113.0/24 via 10.0.0.8 proto static']);
      const foreign: Check = async () => difference(await seen('static'), ['main 203.0.113.0/24 via 10.0.0.8']);
      await cases.stays('a foreign route is left alone', 3, foreign);
      await cases.becomes('the conflict is told', 3, async () => {
        const state = ((await ctl('route', 'list')) as Record<string, string>)[KEY_A];
        return state === 'conflict' ? '' : `its state is ${state}`;
      });
      await ip(['route del 203.0.113.0/24 proto static']);
      await allBack(cases, 'the foreign route is gone', 10);
    },
  },
  {
    name: 'the source address goes, and with it the routes of the main table that name it',
    run: async (cases) => {
      await ip(['addr del 10.0.0.9/32 dev v0']);
      await cases.becomes('source gone', 5, are(without((line) => line === ALL[0])));
      await ip(['addr add 10.0.0.9/32 dev v0']);
      await allBack(cases, 'source back');
    },
  },
  {
    name: 'the link goes down, of which the kernel sends no word for IPv4 routes',
    run: async (cases) => {
      await ip(['link set v0 down']);
      await cases.becomes('link down', 5, are([]));
      await ip(['link set v0 up']);
      await ip(['addr replace fd00::1/64 dev v0 nodad', ...ADDRESSES, NEXTHOP], true);
      await allBack(cases, 'link up', 20);
    },
  },
  {
    name: 'the carrier goes, and with it no IPv4 route but that of a nexthop object',
    run: async (cases) => {
      await ip(['link set v1 down']);
      const v4 = (lines: readonly string[]) => lines.filter((line) => !line.includes(':'));
      await cases.becomes('carrier lost', 3, async () => difference(v4(await seen()), v4(without((line) => line.includes('nhid')))));
      await cases.stays('carrier lost', 2, async () => difference(v4(await seen()), v4(without((line) => line.includes('nhid')))));
      await ip(['link set v1 up', NEXTHOP]);
      await allBack(cases, 'carrier back', 20);
    },
  },
  {
    name: 'the nexthop object goes, of which no subscribed group tells',
    run: async (cases, context) => {
      await quiet(context);
      await ip(['nexthop del id 7']);
      await cases.stays('nexthop gone', 2, are(without((line) => line.includes('nhid'))));
      await ip([NEXTHOP]);
      await allBack(cases, 'nexthop back', 15);
    },
  },
  {
    name: 'an interface is deleted with its routes',
    run: async (cases) => {
      await ip(['link add t0 type veth peer name t1', 'link set t0 up', 'link set t1 up']);
      await add({ to: '100.64.0.0/24', dev: 't0' });
      await cases.becomes('tunnel route', 3, async () =>
        (await seen()).some((line) => line.startsWith('main 100.64')) ? '' : 'not there',
      );
      await ip(['link del t0']);
      await ip(['link add t0 type veth peer name t1', 'link set t0 up', 'link set t1 up']);
      await cases.stays('purged with its tunnel', 3, are(ALL));
      await ip(['link del t0']);
    },
  },
  {
    name: 'a group goes down and up',
    run: async (cases) => {
      await ctl('route', 'down', 'peer');
      await cases.becomes('group down', 3, are(without((line) => line.includes('10.0.0.5') || line.includes('fd00::9'))));
      await ctl('route', 'up', 'peer');
      await allBack(cases, 'group up');
    },
  },
  {
    name: 'a route is withdrawn, and then another time while it is being put back',
    run: async (cases, context) => {
      const gone = are(without((line) => line === ALL[0]));
      await quiet(context);
      await ctl('route', 'withdraw', KEY_A);
      await quiet(context);
      await cases.stays('withdrawn for good', 2, gone);
      await add(A);
      await allBack(cases, 'wanted again');
      await quiet(context);
      await ip(['route del 203.0.113.0/24 via 10.0.0.2 table main']);
      await Promise.all([ctl('route', 'look'), ctl('route', 'withdraw', KEY_A), ctl('route', 'look')]);
      await quiet(context);
      await cases.stays('withdrawn for good in the middle of a look', 2, gone);
      await add(A);
      await allBack(cases, 'wanted once more');
    },
  },
  {
    name: 'reconciling is switched off',
    run: async (cases) => {
      await ctl('route', 'mode', 'off');
      await ip(['route del 203.0.113.0/24 via 10.0.0.2 table main']);
      await cases.stays('switched off', 3, are(without((line) => line === ALL[0])));
      await ctl('route', 'mode', 'repair');
      await allBack(cases, 'switched on');
    },
  },
  {
    name: 'events are lost, and no tick comes',
    run: async (cases, context) => {
      const { subject, settings, sample } = context;
      await ctl('route', 'interval', '600000');
      await quiet(context);
      await subject.kill('SIGSTOP');
      // Rules fill the socket: they are no reason to look at routes, so only the loss itself can be one.
      await ip(
        Array.from({ length: 60 }, (_, i) => [`rule add priority ${1000 + i} table 100`, `rule del priority ${1000 + i} table 100`]).flat(),
      );
      await ip(['route del 203.0.113.0/24 via 10.0.0.2 table main', 'route replace 203.0.113.0/32 via 10.0.0.8 proto bgp']);
      await sample({ 'kernel.drops': await drops() });
      await subject.kill('SIGCONT');
      await allBack(cases, 'right soon after the overflow', 2);
      await ctl('route', 'interval', String(settings.routeInterval).replace('s', '000'));
    },
  },
  {
    name: 'a destination is none of its business',
    run: async (cases) => {
      await add({ to: '198.18.1.0/24', via: '10.0.0.2' });
      await cases.stays('excluded', 1, are(ALL));
    },
  },
];

/** A route that is taken away again and again is put back ever more slowly: withdrawn and wanted anew, it has no past. */
async function renew(): Promise<void> {
  for (const { spec } of WANTED) {
    await ctl('route', 'withdraw', JSON.stringify(spec));
    await add(spec);
  }
}

/** Intents and accidents in any order and without a pause; in the end the kernel is as was intended last. */
async function interleave(cases: Cases, random: () => number, round: number): Promise<void> {
  const wanted = new Set(ALL);
  const running: Promise<unknown>[] = [];
  for (let step = 0; step < 12; step++) {
    const each = WANTED[Math.floor(random() * 3)] as Wanted;
    const dice = random();
    if (dice < 0.3) {
      wanted.add(each.seen);
      running.push(add(each.spec));
    } else if (dice < 0.6) {
      wanted.delete(each.seen);
      running.push(ctl('route', 'withdraw', JSON.stringify(each.spec)));
    } else if (dice < 0.8) running.push(ctl('route', 'look'));
    else
      running.push(
        ip(['route del 203.0.113.0/24 via 10.0.0.2 table main', 'route del 203.0.113.0/32', 'route del 203.0.113.0/24 table 100'], true),
      );
    // Two commands on two connections may overtake one another: what was intended last must be what was said last.
    if (dice < 0.6) await running.at(-1);
  }
  await Promise.all(running);
  await cases.becomes(`interleaving ${round}`, 15, are([...wanted]));
  for (const each of WANTED.slice(0, 3)) if (!wanted.has(each.seen)) await add(each.spec);
  await cases.becomes(`after interleaving ${round}`, 15, are(ALL));
}

export default scenario({
  name: 'route-loss',
  story:
    'Wanted routes are deleted, flushed, changed, taken over and lose what they stand on, while events are lost and intents change. What is wanted comes back, what is withdrawn does not, and nothing foreign is touched.',
  targets: ['vm', 'host'],
  needs: ['interfaces-and-routes'],
  settings: {
    pollInterval: { default: 5, whenSlow: 30, help: 'seconds between polls of the subject' },
    flushRows: { default: 500, help: 'rows after which the subject must flush an envelope' },
    interfaceInterval: { default: '0', help: 'time between two looks at interfaces without an event; 0 is none' },
    routeInterval: { default: '1s', whenSlow: '4s', help: 'the same for routes' },
    receiveBuffer: { default: '4KiB', help: 'receive buffer of the monitor: small, so that it overflows' },
  },
  holds: () => reconcilerInvariants,
  reaches: () => [
    { name: 'cases', series: 'cases.done', required: 27, why: 'each fault was planted, and its outcome looked at' },
    { name: 'overflows', series: 'kernel.drops', required: 1, why: 'events were lost' },
  ],
  steps: [
    {
      name: 'the wanted routes are written',
      run: async ({ subject, sleep }) => {
        await ip([
          'link add v0 type veth peer name v1',
          'link set v0 up',
          'link set v1 up',
          'addr add 10.0.0.1/24 dev v0',
          'addr add fd00::1/64 dev v0 nodad',
          ...ADDRESSES,
          NEXTHOP,
        ]);
        await subject.start();
        await sleep(1);
        for (const { spec } of WANTED) await add(spec);
        const wrong = difference(await seen(), ALL);
        if (wrong !== '') throw new Error(`the routes are not what was asked for: ${wrong}`);
      },
    },
    {
      name: 'every fault, and then any, as the seed has it',
      run: async (context) => {
        const { beginMeasure, endMeasure, durationSeconds, seed, window, note } = context;
        const cases = casesOf(context);
        const random = seeded(seed);
        await beginMeasure();
        const until = performance.now() + durationSeconds * 1000;
        await window('faults', async () => {
          for (const fault of FAULTS) {
            note(fault.name);
            await fault.run(cases, context);
            await renew();
          }
          for (let round = 1; performance.now() < until; round++) {
            if (random() < 0.5) await interleave(cases, random, round);
            else await (FAULTS[Math.floor(random() * FAULTS.length)] as Fault).run(cases, context);
            await renew();
          }
        });
        await endMeasure();
      },
    },
    {
      name: 'the subject ends',
      run: ({ subject }) => subject.stop(),
    },
  ],
});
