/**
 * A bridge with shaped VMs, as hypeman makes it: veth ports stand for TAPs (same receive handler), one class, leaf and filter each, and an
 * uplink. Live filters are made before any leak, since a new filter goes to the head of the list that every packet walks.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ip, run, sh, tc } from './world.js';

export const BRIDGE = 'vmbr0';
export const VMS = 6;

export const indexOf = (link: string): number => Number(readFileSync(`/sys/class/net/${link}/ifindex`, 'utf8'));

const basic = (iif: number | string, flow: string) => `basic match "meta(rt_iif eq ${iif})" flowid ${flow}`;
const FILTER = `filter add dev ${BRIDGE} parent 1: protocol all prio 1`;

/** One VM's limit, as lines for `tc -batch`. */
export const limitOf = (iif: number, flow: string): string[] => [
  `class add dev ${BRIDGE} parent 1:1 classid ${flow} htb rate 10gbit ceil 40gbit prio 1`,
  `qdisc add dev ${BRIDGE} parent ${flow} fq_codel`,
  `${FILTER} ${basic(iif, flow)}`,
];

/** What a TAP that is gone left: a class of that id and a filter for an index that nobody has. */
export const leakOf = (minor: number, iif: number): string[] => {
  const flow = `1:${minor.toString(16)}`;
  return [`class add dev ${BRIDGE} parent 1:1 classid ${flow} htb rate 1gbit ceil 40gbit prio 1`, `${FILTER} ${basic(iif, flow)}`];
};

/** @param spare further TAPs, without a VM behind them and without a limit */
export async function build(spare: readonly string[]): Promise<void> {
  // The kernel knows which modprobe is there.
  await sh(`${readFileSync('/proc/sys/kernel/modprobe', 'utf8').trim()} pktgen`);
  await ip([
    'link add vmbr0 type bridge',
    'addr add 10.100.0.1/16 dev vmbr0',
    'link set vmbr0 up',
    'netns add ext',
    'link add up0 type veth peer name eext',
  ]);
  await ip(['link set eext netns ext', 'addr add 192.168.99.1/24 dev up0', 'link set up0 up']);
  await inNetns(
    'ext',
    'ip addr add 192.168.99.2/24 dev eext; ip link set eext up; ip link set lo up; ip route add default via 192.168.99.1',
  );
  await sh('sysctl -qw net.ipv4.ip_forward=1');
  await sh('tc qdisc add dev vmbr0 root handle 1: htb default f00');
  await tc(['class add dev vmbr0 parent 1: classid 1:1 htb rate 40gbit', 'class add dev vmbr0 parent 1:1 classid 1:f00 htb rate 40gbit']);
  for (let vm = 1; vm <= VMS; vm++) {
    await ip([
      `netns add vm${vm}`,
      `link add hype-vm${vm} type veth peer name e${vm}`,
      `link set e${vm} netns vm${vm}`,
      `link set hype-vm${vm} master vmbr0 up`,
    ]);
    await inNetns(`vm${vm}`, `ip addr add 10.100.0.1${vm}/16 dev e${vm}; ip link set e${vm} up; ip route add default via 10.100.0.1`);
    await tc(limitOf(indexOf(`hype-vm${vm}`), `1:10${vm}`));
  }
  for (const tap of spare) await ip([`link add ${tap} type veth peer name p${tap.slice(5)}`, `link set ${tap} master vmbr0 up`]);
  // What looks like ours and is not, and what has no owner that can be read.
  await tc([
    'class add dev vmbr0 parent 1:1 classid 1:f01 htb rate 1gbit',
    `${FILTER} basic match "not meta(rt_iif eq 99999)" flowid 1:f01`,
    'class add dev vmbr0 parent 1:1 classid 1:f02 htb rate 1gbit',
    `${FILTER} basic match "meta(rt_iif eq 99998) and meta(rt_iif eq 99998)" flowid 1:f02`,
    'class add dev vmbr0 parent 1:1 classid 1:f03 htb rate 1gbit',
    'filter add dev vmbr0 parent 1: protocol ip prio 7 u32 match ip dst 192.0.2.1 flowid 1:f03',
  ]);
}

export const inNetns = (name: string, script: string): Promise<string> => run('ip', ['netns', 'exec', name, 'sh', '-ec', script]);

/** Every class and filter, one a line, without its counters. */
export async function objects(): Promise<string[]> {
  // As text: not every iproute2 has JSON for classes, and none has the ematches in that of filters.
  const [classes, filters] = await Promise.all([sh(`tc class show dev ${BRIDGE}`), sh(`tc filter show dev ${BRIDGE}`)]);
  const each = filters.split(/^filter /m).filter((text) => text.includes('flowid'));
  return [
    ...[...classes.matchAll(/^class htb (\S+)/gm)].map(([, handle]) => `class ${handle}`),
    ...each.map(
      (text) =>
        `filter ${/flowid (\S+)/.exec(text)?.[1]} ${/meta\(rt_iif eq \d+\)(?: AND meta.*)?/.exec(text)?.[0] ?? ''}${text.includes('NOT') ? ' inverted' : ''}`,
    ),
  ];
}

export interface Traffic {
  /** Packets of 64 bytes a second that reach a VM from outside, through the bridge's egress. */
  readonly packets: number;
  /** Share of all processor time that went into soft interrupts. */
  readonly softirqShare: number;
}

const received = async () => Number(await inNetns('vm1', 'cat /sys/class/net/e1/statistics/rx_packets'));

/** user, nice, system, idle, iowait, irq, softirq, steal of the first line of /proc/stat, in ticks. */
function processorTicks(): { readonly softirq: number; readonly all: number } {
  const ticks = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').trim().split(/\s+/).slice(1, 9).map(Number);
  return { softirq: ticks[6] ?? 0, all: ticks.reduce((sum, each) => sum + each, 0) };
}

const GENERATOR = `
put() { echo "$2" > /proc/net/pktgen/$1; }
# Once is enough, and removing it first is not: the kernel waits 125 ms for its thread to do that, and a slow target's takes longer.
grep -q eext /proc/net/pktgen/kpktgend_0 || put kpktgend_0 'add_device eext'
for word in 'count 0' 'clone_skb 0' 'pkt_size 60' 'delay 0' 'dst 10.100.0.11' "dst_mac $1" 'udp_dst_min 9' 'udp_dst_max 9'; do put eext "$word"; done
`;

/** Floods the first VM from outside for so long, and counts what arrives. The kernel's own generator, so that the sender is never the limit. */
export async function flood(seconds: number, sleep: (seconds: number) => Promise<void>): Promise<Traffic> {
  const mac = readFileSync('/sys/class/net/up0/address', 'utf8').trim();
  const vm = (await inNetns('vm1', 'cat /sys/class/net/e1/address')).trim();
  await ip([`neigh replace 10.100.0.11 lladdr ${vm} dev ${BRIDGE} nud permanent`]);
  await run('ip', ['netns', 'exec', 'ext', 'sh', '-ec', GENERATOR, 'sh', mac]);
  const generator = spawn('ip', ['netns', 'exec', 'ext', 'sh', '-c', 'echo start > /proc/net/pktgen/pgctrl'], { stdio: 'ignore' });
  const ended = new Promise((done) => generator.once('close', done));
  try {
    await sleep(1);
    const [packets, ticks, began] = [await received(), processorTicks(), performance.now()];
    await sleep(seconds);
    const [after, ticksAfter] = [await received(), processorTicks()];
    const elapsed = (performance.now() - began) / 1000;
    return { packets: (after - packets) / elapsed, softirqShare: (ticksAfter.softirq - ticks.softirq) / (ticksAfter.all - ticks.all) };
  } finally {
    await inNetns('ext', 'echo stop > /proc/net/pktgen/pgctrl');
    await ended;
  }
}
