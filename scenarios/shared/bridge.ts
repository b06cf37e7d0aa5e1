/**
 * A bridge with shaped VMs, as hypeman makes it: veth ports stand for TAPs (same receive handler), one class, leaf and filter each, and an
 * uplink. Live filters are made before any leak, since a new filter goes to the head of the list that every packet walks.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { ip, run, sh, tc } from './world.js';

export const BRIDGE = 'vmbr0';
export const VMS = 6;

/** From outside through the egress of a bridge to the VM behind a TAP. */
export interface Road {
  readonly bridge: string;
  readonly tap: string;
  readonly namespace: string;
  readonly address: string;
}
export const LEAKING: Road = { bridge: BRIDGE, tap: 'hype-vm1', namespace: 'vm1', address: '10.100.0.11' };
/** As many classes and filters, none of which anybody adds to or sweeps: what it lets through is what the machine is worth at the moment. */
export const TWIN: Road = { bridge: 'twin0', tap: 'twin-vm1', namespace: 'twin', address: '10.101.0.11' };

export const indexOf = (link: string): number => Number(readFileSync(`/sys/class/net/${link}/ifindex`, 'utf8'));

const addFilter = (bridge: string, iif: number | string, flow: string) =>
  `filter add dev ${bridge} parent 1: protocol all prio 1 basic match "meta(rt_iif eq ${iif})" flowid ${flow}`;

/** One VM's limit, as lines for `tc -batch`. */
export const limitOf = (iif: number, flow: string, bridge: string = BRIDGE): string[] => [
  `class add dev ${bridge} parent 1:1 classid ${flow} htb rate 10gbit ceil 40gbit prio 1`,
  `qdisc add dev ${bridge} parent ${flow} fq_codel`,
  addFilter(bridge, iif, flow),
];

/** What a TAP that is gone left: a class of that id and a filter for an index that nobody has. */
export const leakOf = (minor: number, iif: number): string[] => {
  const flow = `1:${minor.toString(16)}`;
  return [classOf(flow), addFilter(BRIDGE, iif, flow)];
};

export const classOf = (flow: string): string => `class add dev ${BRIDGE} parent 1:1 classid ${flow} htb rate 1gbit ceil 40gbit prio 1`;
export const filterOf = (iif: number, flow: string): string => addFilter(BRIDGE, iif, flow);

/**
 * Few programs, each with many lines: on an emulated machine the start of one costs seconds.
 * @param spare further TAPs, without a VM behind them and without a limit
 */
export async function build(spare: readonly string[]): Promise<void> {
  // The kernel knows which modprobe is there.
  await sh(`${readFileSync('/proc/sys/kernel/modprobe', 'utf8').trim()} pktgen`);
  const numbers = Array.from({ length: VMS }, (_, vm) => vm + 1);
  const roads: readonly Road[] = [
    ...numbers.map((vm) => ({ bridge: BRIDGE, tap: `hype-vm${vm}`, namespace: `vm${vm}`, address: `10.100.0.1${vm}` })),
    TWIN,
  ];
  const bridges = [
    { bridge: BRIDGE, router: '10.100.0.1' },
    { bridge: TWIN.bridge, router: '10.101.0.1' },
  ];
  await ip([
    ...[
      'netns add ext',
      'link add up0 type veth peer name eext',
      'link set eext netns ext',
      'addr add 192.168.99.1/24 dev up0',
      'link set up0 up',
    ],
    ...bridges.flatMap(({ bridge, router }) => [
      `link add ${bridge} type bridge`,
      `addr add ${router}/16 dev ${bridge}`,
      `link set ${bridge} up`,
    ]),
    ...roads.flatMap(({ bridge, tap, namespace }) => [
      `netns add ${namespace}`,
      `link add ${tap} type veth peer name inside`,
      `link set inside netns ${namespace}`,
      `link set ${tap} master ${bridge} up`,
    ]),
    ...spare.flatMap((tap) => [`link add ${tap} type veth peer name p${tap.slice(5)}`, `link set ${tap} master ${BRIDGE} up`]),
  ]);
  const within = (namespace: string, lines: readonly string[]) => run('ip', ['-n', namespace, '-batch', '-'], `${lines.join('\n')}\n`);
  await within('ext', ['addr add 192.168.99.2/24 dev eext', 'link set eext up', 'link set lo up', 'route add default via 192.168.99.1']);
  for (const { bridge, namespace, address } of roads) {
    const router = bridge === BRIDGE ? '10.100.0.1' : '10.101.0.1';
    await within(namespace, [`addr add ${address}/16 dev inside`, 'link set inside up', `route add default via ${router}`]);
  }
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
  await tc([
    ...bridges.flatMap(({ bridge }) => [
      `qdisc add dev ${bridge} root handle 1: htb default f00`,
      `class add dev ${bridge} parent 1: classid 1:1 htb rate 40gbit`,
      `class add dev ${bridge} parent 1:1 classid 1:f00 htb rate 40gbit`,
    ]),
    ...numbers.flatMap((vm) => limitOf(indexOf(`hype-vm${vm}`), `1:10${vm}`)),
    ...numbers.flatMap((vm) => limitOf(90_000 + vm, `1:10${vm}`, TWIN.bridge)),
    ...bridges.flatMap(({ bridge }) => foreignOf(bridge)),
  ]);
}

/** What looks like ours and is not, and what has no owner that can be read. */
const foreignOf = (bridge: string): string[] => [
  `class add dev ${bridge} parent 1:1 classid 1:f01 htb rate 1gbit`,
  `filter add dev ${bridge} parent 1: protocol all prio 1 basic match "not meta(rt_iif eq 99999)" flowid 1:f01`,
  `class add dev ${bridge} parent 1:1 classid 1:f02 htb rate 1gbit`,
  `filter add dev ${bridge} parent 1: protocol all prio 1 basic match "meta(rt_iif eq 99998) and meta(rt_iif eq 99998)" flowid 1:f02`,
  `class add dev ${bridge} parent 1:1 classid 1:f03 htb rate 1gbit`,
  `filter add dev ${bridge} parent 1: protocol ip prio 7 u32 match ip dst 192.0.2.1 flowid 1:f03`,
  `class add dev ${bridge} parent 1:1 classid 1:f04 htb rate 1gbit`,
  `filter add dev ${bridge} parent 1: protocol ip prio 8 flower dst_ip 192.0.2.2 flowid 1:f04`,
];

export const inNetns = (name: string, script: string): Promise<string> => run('ip', ['netns', 'exec', name, 'sh', '-ec', script]);

/** Every class and filter, one a line, without its counters. */
export async function objects(): Promise<string[]> {
  // As text: not every iproute2 has JSON for classes, and none has the ematches in that of filters.
  const shown = await tc([`class show dev ${BRIDGE}`, `filter show dev ${BRIDGE}`]);
  const each = shown.split(/^filter /m).filter((text) => text.includes('flowid'));
  return [
    ...[...shown.matchAll(/^class htb (\S+)/gm)].map(([, handle]) => `class ${handle}`),
    ...each.map(
      (text) =>
        `filter ${/flowid (\S+)/.exec(text)?.[1]} ${/meta\(rt_iif eq \d+\)(?: AND meta.*)?/.exec(text)?.[0] ?? ''}${text.includes('NOT') ? ' inverted' : ''}`,
    ),
  ];
}
