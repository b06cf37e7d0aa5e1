import { closeSync, openSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { TestNamespace } from '../../native/rtnl/namespace.test-support.js';
import { ask, serveControl } from '../control/socket.js';
import { reconcileConfig, sleep, started, within } from './start.test-support.js';

let rig: Awaited<ReturnType<typeof started>>;
afterEach(() => rig.close());

const bgp = () => rig.namespace.routes('route', 'show', 'proto', 'bgp');
const entry = (name: string) => [...(rig.reconcilers.interfaces()?.interfaces.values() ?? [])].find((each) => each.name === name);
const flaps = (count: number) => rig.namespace.ip(...Array.from({ length: count }, () => ['link set v1 down', 'link set v1 up']).flat());
const A = JSON.stringify({ to: '203.0.113.0/24', via: '10.0.0.2' });

describe('interfaces in the daemon', () => {
  it('IF-1 IF-9 follows links, carrier, addresses and default routes by events alone', async () => {
    rig = await started({ 'if-mode': 'observe', 'if-interval': '0' });
    expect(await within(2_000, () => entry('v0')?.addresses.includes('10.0.0.1/24') === true)).toBe(true);
    await rig.namespace.ip('addr add 10.0.0.7/24 dev v0');
    expect(await within(2_000, () => entry('v0')?.addresses.includes('10.0.0.7/24') === true)).toBe(true);
    await rig.namespace.ip('link set v1 down');
    expect(await within(4_000, () => entry('v0')?.operstate !== 6)).toBe(true);
    await rig.namespace.ip('link set v1 up', 'route add default via 10.0.0.99');
    expect(await within(4_000, () => rig.reconcilers.interfaces()?.defaults[4]?.gateway === '10.0.0.99')).toBe(true);
    await rig.namespace.ip('link add br0 type bridge', 'link set v0 master br0');
    expect(await within(4_000, () => entry('v0')?.master === entry('br0')?.index && entry('br0') !== undefined)).toBe(true);
    expect(await rig.metric('netsoakd_reconcile_drift_total{reconciler="interface",kind="missed_event"')).toBe(0);
  });

  it('IF-8 IF-11 NL-12 is right soon after each of 20 overflows, without a tick, and keeps threads and descriptors', async () => {
    rig = await started({ 'if-mode': 'observe', 'if-interval': '0', 'nl-rcvbuf': '4096', 'if-debounce': '50ms' });
    await within(1_000, () => entry('v0') !== undefined);
    const count = () => [readdirSync('/proc/self/fd').length, readdirSync('/proc/self/task').length];
    let before: number[] | undefined;
    for (let round = 0; round < 20; round++) {
      const overflows = await rig.metric('netsoakd_reconcile_monitor_overflow_total');
      while ((await rig.metric('netsoakd_reconcile_monitor_overflow_total')) === overflows) await flaps(10);
      await rig.namespace.ip(`link set v0 mtu ${1400 + round}`);
      expect(await within(1_500, () => entry('v0')?.mtu === 1400 + round && entry('v1')?.operstate === 6), `round ${round}`).toBe(true);
      before ??= count();
    }
    expect(count()).toEqual(before);
    // The warnings are few: one for a loss, not one for an event.
    expect(rig.lines.filter(({ level }) => level === 'warn').length).toBeLessThan(400);
  });

  it('IF-7 IF-8 sees an address that was removed and added again while events were lost', async () => {
    rig = await started({ 'if-mode': 'observe', 'if-interval': '0', 'nl-rcvbuf': '4096', 'if-debounce': '50ms' });
    await within(1_000, () => entry('v0') !== undefined);
    await rig.namespace.ip(
      ...Array.from({ length: 20 }, () => [
        'link set v1 down',
        'link set v1 up',
        'addr del 10.0.0.1/24 dev v0',
        'addr add 10.0.0.1/24 dev v0',
      ]).flat(),
    );
    expect(await within(2_000, () => entry('v0')?.addresses.includes('10.0.0.1/24') === true && entry('v1')?.operstate === 6)).toBe(true);
  });

  it('NL-12 heals although the event loop was blocked for two seconds while the socket overflowed', async () => {
    rig = await started({ 'if-mode': 'observe', 'if-interval': '0', 'nl-rcvbuf': '4096' });
    await within(1_000, () => entry('v0') !== undefined);
    const burst = flaps(100);
    const until = performance.now() + 2_000;
    while (performance.now() < until);
    await burst;
    await rig.namespace.ip('link set v0 mtu 1333');
    expect(await within(2_500, () => entry('v0')?.mtu === 1333)).toBe(true);
    expect(await rig.metric('netsoakd_reconcile_drift_total')).toBeGreaterThan(0);
  });

  it('IF-5 publishes that time jumped when the process stood still, though nothing changed meanwhile', async () => {
    // No address of its own accord: the kernel would still be checking it.
    const quiet = (namespace: TestNamespace) => namespace.ip('link set v0 addrgenmode none', 'link set v1 addrgenmode none');
    rig = await started({ 'if-mode': 'observe', 'if-interval': '1s', 'reconcile-jitter': '0' }, quiet);
    // By its own ticks, so that the clocks have been read since it began.
    expect(await within(20_000, async () => (await rig.metric('netsoakd_reconcile_pass_total{reconciler="interface"')) >= 3)).toBe(true);
    rig.updates.length = 0;
    const until = performance.now() + 3_000;
    while (performance.now() < until);
    expect(await within(5_000, () => rig.updates.length > 0)).toBe(true);
    expect(rig.updates[0]).toMatchObject({ jump: 'stall', changes: [] });
  });

  it('IF-10 opens a monitor again whose socket died, sees what happened meanwhile, and hears what happens then', async () => {
    rig = await started({ 'if-mode': 'observe', 'if-interval': '0' });
    expect(await within(5_000, () => entry('v0') !== undefined)).toBe(true);
    replaceDescriptor(await monitorDescriptor());
    // The monitor finds out when it is woken. The second of these no event tells: nobody listens.
    await rig.namespace.ip('link set v0 mtu 1301');
    expect(await within(5_000, () => rig.reconcilers.unhealthy().length > 0)).toBe(true);
    await rig.namespace.ip('link set v0 mtu 1302');
    expect(await within(20_000, () => entry('v0')?.mtu === 1302)).toBe(true);
    expect(await rig.metric('netsoakd_reconcile_monitor_overflow_total{source="reopened"')).toBe(1);
    expect(rig.reconcilers.unhealthy()).toEqual([]);
    await rig.namespace.ip('link set v0 mtu 1303');
    expect(await within(5_000, () => entry('v0')?.mtu === 1303)).toBe(true);
  });
});

/** The descriptor of this process's one netlink socket in the namespace that has joined groups. */
async function monitorDescriptor(): Promise<number> {
  // sk, protocol, port, groups, ..., inode: net/netlink/af_netlink.c, netlink_native_seq_show.
  const rows = (await rig.namespace.run('cat', '/proc/net/netlink')).split('\n').map((line) => line.trim().split(/\s+/));
  const inodes = rows.filter(([, protocol, , groups]) => protocol === '0' && Number.parseInt(groups ?? '0', 16) !== 0).map((row) => row[9]);
  const found = readdirSync('/proc/self/fd').filter((name) => {
    try {
      return inodes.includes(/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${name}`))?.[1]);
    } catch {
      return false;
    }
  });
  expect(found).toHaveLength(1);
  return Number(found[0]);
}

/** Puts something that is no socket in a descriptor's place, as dup2 would: its owner's next call fails, and its close closes that. */
function replaceDescriptor(descriptor: number): void {
  const other: number[] = [];
  closeSync(descriptor);
  for (let opened = -1; opened !== descriptor; ) {
    opened = openSync('/dev/null', 'r');
    if (opened !== descriptor) other.push(opened);
  }
  for (const each of other) closeSync(each);
}

describe('routes in the daemon', () => {
  it('RT-15 RT-19 puts a route back soon after its deletion, by the event', async () => {
    rig = await started({ 'route-mode': 'repair', 'route-reconcile-interval': '10m' });
    await rig.reconcilers.command(['route', 'add', A]);
    await rig.namespace.ip('route del 203.0.113.0/24');
    expect(await within(3_000, async () => (await bgp()).length === 1)).toBe(true);
    await rig.namespace.ip('link set v0 down');
    expect(
      await within(
        3_000,
        async () => Object.values((await rig.reconcilers.command(['route', 'list'])) as object)[0]?.startsWith('blocked') === true,
      ),
    ).toBe(true);
    await rig.namespace.ip('link set v0 up');
    expect(await within(3_000, async () => (await bgp()).length === 1)).toBe(true);
  });

  it('RT-13 purges the routes of an interface when the kernel tells of its end', async () => {
    rig = await started({ 'route-mode': 'repair', 'route-reconcile-interval': '10m' });
    await rig.namespace.ip('link add t0 type veth peer name t1', 'link set t0 up', 'link set t1 up');
    await rig.reconcilers.command(['route', 'add', A]);
    await rig.reconcilers.command(['route', 'add', JSON.stringify({ to: '192.0.2.0/24', dev: 't0' })]);
    expect(await within(2_000, async () => (await bgp()).length === 2)).toBe(true);
    await rig.namespace.ip('link del t0', 'link add t0 type veth peer name t1', 'link set t0 up', 'link set t1 up');
    const list = async () => Object.keys((await rig.reconcilers.command(['route', 'list'])) as object);
    expect(await within(3_000, async () => (await list()).length === 1)).toBe(true);
    await rig.reconcilers.command(['route', 'look']);
    await sleep(500);
    expect((await bgp()).map((line) => line.split(' ')[0])).toEqual(['203.0.113.0/24']);
  });

  it('RT-14 looks at nothing at interval 0, still records and writes, and heals when the interval is set', async () => {
    rig = await started({ 'route-mode': 'repair', 'route-reconcile-interval': '0' });
    await rig.reconcilers.command(['route', 'add', A]);
    expect(await bgp()).toHaveLength(1);
    await rig.namespace.ip('route del 203.0.113.0/24');
    await sleep(1_000);
    expect(await bgp()).toEqual([]);
    expect(await rig.metric('netsoakd_reconcile_pass_total{reconciler="route"')).toBe(0);
    await rig.reconcilers.command(['route', 'interval', '100']);
    expect(await within(3_000, async () => (await bgp()).length === 1)).toBe(true);
  });

  it('RM-1 stops writing at once when switched off, and heals when switched on (I7)', async () => {
    rig = await started({ 'route-mode': 'repair', 'route-reconcile-interval': '1s' });
    await rig.reconcilers.command(['route', 'add', A]);
    await rig.reconcilers.command(['route', 'mode', 'off']);
    await rig.namespace.ip('route del 203.0.113.0/24');
    await sleep(2_500);
    expect(await bgp()).toEqual([]);
    await rig.reconcilers.command(['route', 'mode', 'repair']);
    expect(await within(2_000, async () => (await bgp()).length === 1)).toBe(true);
  });

  it('reads wanted routes from a file, again when it changes, and keeps them when it is broken', async () => {
    const file = path.join(tmpdir(), `netsoak-routes-${process.pid}.yaml`);
    writeFileSync(file, '- {to: 203.0.113.0/24, via: 10.0.0.2}\n- {to: 192.0.2.0/24, via: 10.0.0.3, group: g}\n');
    rig = await started({ 'route-file': file });
    expect(await within(3_000, async () => (await bgp()).length === 2)).toBe(true);
    writeFileSync(file, '- {to: 203.0.113.0/24, via: nowhere}\n');
    expect(await within(4_000, () => rig.lines.some(({ level }) => level === 'error'))).toBe(true);
    expect(await bgp()).toHaveLength(2);
    writeFileSync(file, '- {to: 203.0.113.0/24, via: 10.0.0.4}\n');
    expect(await within(4_000, async () => (await bgp()).join().includes('10.0.0.4') && (await bgp()).length === 1)).toBe(true);
    rmSync(file);
  });

  it('answers on the control socket, and says what is wrong with a command', async () => {
    const socket = `/tmp/netsoak-control-${process.pid}.sock`;
    rig = await started({ 'control-socket': socket, 'route-reconcile-interval': '10m' });
    const control = await serveControl(socket, rig.reconcilers.command);
    expect(await ask(socket, ['route', 'add', A])).toEqual({ kind: 'ok' });
    expect(await ask(socket, ['route', 'list'])).toEqual({ '4|254|203.0.113.0/24|0|0': 'ok' });
    await expect(ask(socket, ['route', 'frobnicate'])).rejects.toThrow(/route add SPEC/);
    await expect(ask(socket, ['nothing'])).rejects.toThrow(/no such command: nothing/);
    await expect(ask(socket, ['route', 'add', '{"to": "10.0.0.0/99", "via": "10.0.0.1"}'])).rejects.toThrow(/no prefix/);
    const told = (await ask(socket, ['explain', '4|254|203.0.113.0/24|0|0'])) as { why: string }[];
    expect(told.map(({ why }) => why)).toEqual(['add']);
    await control.close();
    await expect(ask(socket, ['status'])).rejects.toThrow();
  });
});

describe('tc in the daemon', () => {
  const bridge = async (namespace: Parameters<NonNullable<Parameters<typeof started>[1]>>[0]) => {
    await namespace.ip(
      'link add vmbr0 type bridge',
      'link set vmbr0 up',
      'link add hype-a type veth peer name ea',
      'link add hype-b type veth peer name eb',
    );
    await namespace.run('tc', 'qdisc', 'add', 'dev', 'vmbr0', 'root', 'handle', '1:', 'htb');
    for (const [parent, id] of [
      ['1:', '1:1'],
      ['1:1', '1:c'],
    ]) {
      await namespace.run(
        'tc',
        'class',
        'add',
        'dev',
        'vmbr0',
        'parent',
        parent as string,
        'classid',
        id as string,
        'htb',
        'rate',
        '10mbit',
      );
    }
  };
  const names = async () =>
    [...(await rig.namespace.run('ip', '-o', 'link')).matchAll(/^\d+: (hype-\w+)/gm)].map((match) => match[1]).sort();
  const file = path.join(tmpdir(), `netsoak-allocations-${process.pid}.yaml`);
  afterEach(() => rmSync(file, { force: true }));

  it('TC-22 TC-23 reaps the TAP that no instance needs, and looks at tc besides', async () => {
    writeFileSync(file, '- {id: a, tap: hype-a, state: Running}\n- {id: b, tap: hype-b, state: Stopped}\n');
    rig = await started({ 'tc-mode': 'repair', 'tc-bridge': 'vmbr0', 'tap-reap': 'true', 'tc-allocations': file }, bridge);
    expect(await within(3_000, async () => (await names()).join() === 'hype-a')).toBe(true);
    expect(
      await within(3_000, async () => (await rig.metric('netsoakd_reconcile_aborts_total{reconciler="tc",reason="no-anchors"')) === 1),
    ).toBe(true);
    expect(await rig.metric('hypeman_network_tap_operations_total{operation="cleanup_orphan"')).toBe(1);
  });

  it('TC-22 TC-23 looks at tc although nothing may be reaped on an empty list', async () => {
    writeFileSync(file, '[]\n');
    rig = await started({ 'tc-mode': 'repair', 'tc-bridge': 'vmbr0', 'tap-reap': 'true', 'tc-allocations': file }, bridge);
    expect(
      await within(3_000, async () => (await rig.metric('netsoakd_reconcile_aborts_total{reconciler="tc",reason="no-anchors"')) === 1),
    ).toBe(true);
    expect(await names()).toEqual(['hype-a', 'hype-b']);
  });

  it('RM-1 only observes once a bridge is named', async () => {
    rig = await started({ 'tc-bridge': 'vmbr0' }, bridge);
    expect(await rig.reconcilers.command(['status'])).toContainEqual(expect.objectContaining({ name: 'tc', mode: 'observe' }));
    expect(await rig.reconcilers.command(['tc', 'plan'])).toMatchObject({ summary: { classes: 2, staleClasses: 1 } });
  });
});

describe('the configuration', () => {
  it.each([
    [{ 'route-reconcile-interval': '-1s' }, 'route-reconcile-interval'],
    [{ 'tc-interval': '500ms' }, 'tc-interval'],
    [{ 'if-interval': '-5' }, 'if-interval'],
    [{ 'reconcile-jitter': '0.7' }, 'reconcile-jitter'],
    [{ 'tc-max-fraction': '2' }, 'tc-max-fraction'],
    [{ 'route-exclude': '10.0.0.0/99' }, 'route-exclude'],
  ] as const)('RT-14 RM-1 names the wrong value of %j', async (words, key) => {
    rig = await started({});
    expect(() => reconcileConfig(words)).toThrow(key);
    // 0 is off, and is not written over by a default (RT-15).
    expect(reconcileConfig({})['route-reconcile-interval']).toBe(30_000);
    expect(reconcileConfig({ 'route-reconcile-interval': '0' })['route-reconcile-interval']).toBe(0);
  });

  it('is off until configured: no dump is made at rest', async () => {
    rig = await started({});
    await sleep(300);
    expect(await rig.reconcilers.command(['status'])).toMatchObject([
      { name: 'interface', mode: 'off' },
      { name: 'route', mode: 'off' },
      { name: 'tc', mode: 'off' },
    ]);
    expect(rig.reconcilers.interfaces()).toBeUndefined();
  });
});
