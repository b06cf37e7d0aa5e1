/**
 * Interfaces that change while nobody listens. Load: links that come and go, lose carrier, change master, name, size and addresses.
 * Broken on purpose: the subject's socket for events is so small that it overflows, it is stopped while things happen, and no tick comes to
 * its help. What must hold: what the subject publishes is what `ip -j` shows, within a second of the last change.
 */
import { type StepContext, scenario } from '../harness/scenario.js';
import { type Cases, casesOf, ctl, difference, drops, ip, listed, reconcilerInvariants, seeded, slackOf } from './shared/world.js';

interface IpLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly mtu: number;
  readonly operstate: string;
  readonly master?: string;
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number; readonly tentative?: boolean }[];
}
interface Published {
  readonly index: number;
  readonly name: string;
  readonly mtu: number;
  readonly operstate: number;
  readonly master: number;
  readonly addresses: readonly string[];
}

/** RFC 2863, as linux/if.h numbers them (IF_OPER_*). */
const OPERSTATES = ['UNKNOWN', 'NOTPRESENT', 'DOWN', 'LOWERLAYERDOWN', 'TESTING', 'DORMANT', 'UP'];

const line = (index: number, name: string, mtu: number, state: string, master: string, addresses: readonly string[]) =>
  `${index} ${name} mtu ${mtu} ${state} master ${master || 'none'} ${[...addresses].sort().join(',') || 'no address'}`;

async function kernel(): Promise<string[]> {
  return (await listed<IpLink>('ip -j addr')).map(({ ifindex, ifname, mtu, operstate, master = '', addr_info }) =>
    line(
      ifindex,
      ifname,
      mtu,
      operstate,
      master,
      addr_info
        .filter(({ local }) => local !== undefined)
        .map(({ local, prefixlen, tentative = false }) => `${local}/${prefixlen}${tentative ? ' tentative' : ''}`),
    ),
  );
}

async function published(): Promise<string[]> {
  const list = (await ctl('interface', 'list')) as readonly Published[];
  const names = new Map(list.map(({ index, name }) => [index, name]));
  return list.map((each) =>
    line(
      each.index,
      each.name,
      each.mtu,
      OPERSTATES[each.operstate] ?? String(each.operstate),
      names.get(each.master) ?? '',
      each.addresses,
    ),
  );
}

/** Looks at the subject between two equal looks at the kernel: what changes meanwhile is no one's fault. */
async function agrees(): Promise<string> {
  const before = await kernel();
  const told = await published();
  const complaint = difference(told, before);
  return complaint !== '' && (await kernel()).join() === before.join()
    ? complaint
    : complaint === ''
      ? ''
      : 'the kernel has not come to rest';
}

interface Fault {
  readonly name: string;
  readonly run: (cases: Cases, context: StepContext, round: number) => Promise<void>;
}

const right = (cases: Cases, what: string) => cases.becomes(what, 1, agrees);
/** Link messages are the largest: some thirty of them overflow any small buffer. */
const storm = (count: number) => Array.from({ length: count }, () => ['link set v1 down', 'link set v1 up']).flat();

const FAULTS: readonly Fault[] = [
  {
    name: 'an address comes and goes',
    run: async (cases, _, round) => {
      await ip([`addr add 10.1.${round % 250}.1/24 dev v0`]);
      await right(cases, 'address added');
      await ip([`addr del 10.1.${round % 250}.1/24 dev v0`]);
      await right(cases, 'address removed');
    },
  },
  {
    name: 'an address moves to another link, and changes its prefix length',
    run: async (cases) => {
      await ip(['addr add 10.2.0.1/24 dev v0']);
      await ip(['addr del 10.2.0.1/24 dev v0', 'addr add 10.2.0.1/24 dev v1']);
      await right(cases, 'address moved');
      await ip(['addr del 10.2.0.1/24 dev v1', 'addr add 10.2.0.1/25 dev v1']);
      await right(cases, 'prefix length changed');
      await ip(['addr del 10.2.0.1/25 dev v1']);
    },
  },
  {
    name: 'carrier is lost and comes back',
    run: async (cases) => {
      await ip(['link set v1 down']);
      await right(cases, 'carrier lost');
      await ip(['link set v1 up']);
      await right(cases, 'carrier back');
    },
  },
  {
    name: 'a link changes size, master and name, and is made anew under its old name',
    run: async (cases, _, round) => {
      await ip(['link add br0 type bridge', 'link set x0 master br0', `link set x0 mtu ${1300 + (round % 100)}`]);
      await right(cases, 'master and size');
      await ip(['link set x0 down', 'link set x0 name y0', 'link set y0 up']);
      await right(cases, 'renamed');
      await ip(['link del y0', 'link del br0', 'link add x0 type veth peer name x1', 'link set x0 up', 'link set x1 up']);
      await right(cases, 'made anew');
    },
  },
  {
    name: 'events are lost while it listens',
    run: async (cases, _, round) => {
      await ip([...storm(60), `link set v0 mtu ${1400 + (round % 100)}`]);
      await right(cases, 'right after a storm');
    },
  },
  {
    name: 'events are lost while it is stopped, and an address that goes and comes is one of them',
    run: async (cases, { subject, sample }, round) => {
      await subject.kill('SIGSTOP');
      await ip([...storm(30), 'addr del 10.0.0.1/24 dev v0', 'addr add 10.0.0.1/24 dev v0', `link set v0 mtu ${1200 + (round % 100)}`]);
      await subject.kill('SIGCONT');
      await sample({ 'kernel.drops': await drops() });
      await right(cases, 'right after a stop');
    },
  },
  {
    name: 'a single change after an overflow is heard like any other',
    run: async (cases, { sleep, slowdown }, round) => {
      await ip(storm(60));
      await sleep(1.5 * slackOf(slowdown));
      await ip([`addr add 10.3.${round % 250}.1/32 dev v0`]);
      await right(cases, 'still listening');
      await ip([`addr del 10.3.${round % 250}.1/32 dev v0`]);
    },
  },
  {
    name: 'it is switched off',
    run: async (cases) => {
      await ctl('interface', 'mode', 'off');
      const before = await published();
      await ip(['addr add 10.4.0.1/32 dev v0']);
      await cases.stays('switched off', 2, async () => difference(await published(), before));
      await ctl('interface', 'mode', 'observe');
      await right(cases, 'switched on');
      await ip(['addr del 10.4.0.1/32 dev v0']);
    },
  },
];

export default scenario({
  name: 'interface-drift',
  story:
    'Links and addresses change while the subject is deaf: its socket overflows, it is stopped, and no tick comes. What it publishes must be what the kernel has, a second after the last change.',
  targets: ['vm', 'host'],
  needs: ['interfaces-and-routes'],
  settings: {
    pollInterval: { default: 5, whenSlow: 30, help: 'seconds between polls of the subject' },
    flushRows: { default: 500, help: 'rows after which the subject must flush an envelope' },
    interfaceInterval: { default: '0', help: 'time between two looks at interfaces without an event; 0 is none' },
    looks: { default: 20, whenSlow: 3, help: 'looks ordered after each fault: passes must cost nothing that stays' },
    routeInterval: { default: '0', help: 'the same for routes' },
    receiveBuffer: { default: '4KiB', help: 'receive buffer of the monitor: small, so that it overflows' },
  },
  holds: () => reconcilerInvariants,
  reaches: () => [
    { name: 'cases', series: 'cases.done', required: FAULTS.length, why: 'each fault was planted, and its outcome looked at' },
    { name: 'overflows', series: 'kernel.drops', required: 1, why: 'events were lost' },
  ],
  steps: [
    {
      name: 'the subject sees what there is',
      run: async (context) => {
        await ip([
          'link add v0 type veth peer name v1',
          'link set v0 up',
          'link set v1 up',
          'addr add 10.0.0.1/24 dev v0',
          'link add x0 type veth peer name x1',
          'link set x0 up',
          'link set x1 up',
        ]);
        await context.subject.start();
        await context.sleep(2);
        await ctl('interface', 'look');
      },
    },
    {
      name: 'every fault, and then any, as the seed has it',
      run: async (context) => {
        const { beginMeasure, endMeasure, durationSeconds, seed, settings, sleep, window, note } = context;
        const cases = casesOf(context);
        const random = seeded(seed);
        await beginMeasure();
        const until = performance.now() + durationSeconds * 1000;
        await window('faults', async () => {
          for (const [round, fault] of FAULTS.entries()) {
            note(fault.name);
            await fault.run(cases, context, round);
          }
          for (let round = FAULTS.length; performance.now() < until; round++) {
            await (FAULTS[Math.floor(random() * FAULTS.length)] as Fault).run(cases, context, round);
            for (let look = 0; look < Number(settings.looks); look++) {
              await ctl('interface', 'look');
              await sleep(0.01);
            }
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
