import { readdirSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MonitorReport, NetlinkError, openMonitor, openRtnl, RefusedRequest, type Rtnl, readClocks, tryLock } from './index.js';
import { type TestNamespace, testNamespace } from './namespace.test-support.js';
import { changeRoute, type Route } from './route.js';
import { deleteClass, deleteFilter, newClass, newHtbQdisc, TC_H_ROOT } from './tc.js';
import { Builder, GROUP, NLM_F, RTM } from './wire.js';

let namespace: TestNamespace;
let rtnl: Rtnl;

const route = (over: Partial<Route>): Route => ({
  family: 4,
  table: 254,
  destination: '203.0.113.0',
  prefixLength: 24,
  tos: 0,
  priority: 0,
  protocol: 186,
  type: 1,
  scope: 0,
  prefsrc: '',
  mtu: 0,
  nexthopId: 0,
  nexthops: [{ gateway: '10.0.0.2', oif: 0, weight: 1, flags: 0 }],
  flags: 0,
  ...over,
});

const until = async (condition: () => boolean, what: string) => {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 5_000) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
};

beforeAll(async () => {
  namespace = await testNamespace();
  await namespace.ip(
    'link add v0 address 02:00:00:00:00:01 mtu 1400 type veth peer name v1',
    'link set v0 up',
    'link set v1 up',
    'addr add 10.0.0.1/24 dev v0',
    'addr add 10.0.0.9/32 dev v0',
    'addr add fd00::1/64 dev v0 nodad',
  );
  rtnl = await openRtnl(namespace.place);
});

afterAll(async () => {
  await rtnl.close();
  await namespace.close();
});

describe('dumps in a namespace', () => {
  it('NL-15 lists the links of the namespace meant and no other, under its own cookie', async () => {
    const { items, consistent } = await rtnl.links();
    expect(consistent).toBe(true);
    expect(items.map(({ name }) => name).sort()).toEqual(['lo', 'v0', 'v1']);
    expect(items.find(({ name }) => name === 'v0')).toMatchObject({
      mac: '02:00:00:00:00:01',
      mtu: 1400,
      kind: 'veth',
      operstate: 6,
      master: 0,
    });
    const other = await testNamespace();
    const there = await openRtnl(other.place);
    expect((await there.links()).items.map(({ name }) => name)).toEqual(['lo']);
    expect(there.cookie).not.toBe(rtnl.cookie);
    await there.close();
    await other.close();
  });

  it('NL-15 refuses a path that stands for another namespace by now', async () => {
    const stale = openRtnl({ ...namespace.place, inode: namespace.place.inode + 1 });
    await expect(stale).rejects.toMatchObject({ name: 'NetlinkError', code: 'ESTALE' });
    await expect(openRtnl({ ...namespace.place, path: '/nowhere' })).rejects.toBeInstanceOf(NetlinkError);
  });

  it('NL-8 lists addresses of both families with prefix length and link', async () => {
    const { items } = await rtnl.addresses();
    const v0 = (await rtnl.links()).items.find(({ name }) => name === 'v0')?.index;
    const found = items.filter(({ index }) => index === v0).map(({ address, prefixLength }) => `${address}/${prefixLength}`);
    expect(found).toEqual(expect.arrayContaining(['10.0.0.1/24', '10.0.0.9/32', 'fd00::1/64']));
  });

  it('NL-4 dumps one table and protocol, tables over 255 too, and takes a missing table for an empty one', async () => {
    await namespace.ip(
      'route add 203.0.113.0/24 via 10.0.0.2 proto bgp src 10.0.0.9',
      'route add 203.0.113.0/32 via 10.0.0.3 proto bgp metric 7',
      'route add 198.51.100.0/24 via 10.0.0.2 proto static',
      'route add 203.0.113.0/24 via 10.0.0.2 proto bgp table 1000',
    );
    const main = await rtnl.routes({ family: 4, table: 254, protocol: 186 });
    expect(main.items.map((r) => `${r.destination}/${r.prefixLength} ${r.priority} ${r.prefsrc}`).sort()).toEqual([
      '203.0.113.0/24 0 10.0.0.9',
      '203.0.113.0/32 7 ',
    ]);
    expect((await rtnl.routes({ family: 4, table: 1000, protocol: 186 })).items).toMatchObject([
      { table: 1000, destination: '203.0.113.0' },
    ]);
    expect((await rtnl.routes({ family: 4, table: 4711 })).items).toEqual([]);
    expect((await rtnl.routes({ family: 6, table: 4711 })).items).toEqual([]);
    await namespace.ip('route flush proto bgp', 'route flush proto static', 'route flush table 1000');
  });

  it('NL-10 takes no word from a sender that is not the kernel, even under the right sequence number', async () => {
    const others = new Set<string | undefined>();
    const sockets = async () => {
      const lines = (await namespace.run('cat', '/proc/net/netlink')).split('\n').slice(1);
      return lines
        .map((line) => line.trim().split(/\s+/))
        .filter(([, protocol, port]) => protocol === '0' && port !== '0' && !others.has(port));
    };
    for (const [, , port] of await sockets()) others.add(port);
    const own = await openRtnl(namespace.place);
    const unread = async () => (await sockets()).reduce((sum, fields) => sum + Number(fields[4]), 0);
    const ports = (await sockets()).map((fields) => fields[2]);
    // "The dump ends here" (NLMSG_DONE, 3) and "not permitted" (NLMSG_ERROR, 2) for each of the next thousand requests.
    const forge = `socket(my $s, 16, 3, 0) or die; for my $port (@ARGV) { my $all = ''; for my $seq (1..1000) {
      $all .= pack('LSSLLl', 20, 3, 2, $seq, $port, 0); $all .= pack('LSSLLlLSSLL', 36, 2, 0x100, $seq, $port, -1, 16, 0, 0, $seq, $port) }
      send($s, $all, 0, pack('SSLL', 16, 0, $port, 0)) or die "send: $!" }`;
    await namespace.run('perl', '-e', forge, ...(ports as string[]));
    expect(await unread()).toBeGreaterThan(0);
    const mine = route({ destination: '198.51.100.0' });
    expect(await own.change([changeRoute(mine, 'create')])).toMatchObject([{ code: '' }]);
    expect((await own.routes({ family: 4, table: 254, protocol: 186 })).items).toMatchObject([{ destination: '198.51.100.0' }]);
    expect((await own.links()).items).toHaveLength(3);
    expect(await own.change([changeRoute(mine, 'delete')])).toMatchObject([{ code: '' }]);
    // They were there to be read, and were thrown away.
    expect(await unread()).toBe(0);
    await own.close();
  });

  it('lists rules and nexthop objects', async () => {
    await namespace.ip('rule add from 10.9.0.0/16 table 77 priority 123', 'nexthop add id 9 via 10.0.0.7 dev v0');
    expect((await rtnl.rules(4)).items).toContainEqual(expect.objectContaining({ priority: 123, table: 77, source: '10.9.0.0/16' }));
    expect((await rtnl.nexthops()).items).toMatchObject([{ id: 9, family: 4, gateway: '10.0.0.7' }]);
    await namespace.ip('rule del priority 123', 'nexthop del id 9');
  });

  it('asks for one link by its index, and knows none from one that is missing', async () => {
    const v1 = (await rtnl.links()).items.find(({ name }) => name === 'v1');
    expect(await rtnl.link(v1?.index ?? 0)).toEqual(v1);
    expect(await rtnl.link(99_999)).toBeUndefined();
  });
});

describe('changes', () => {
  it("NL-6 NL-14 acknowledges each request of a batch by itself, in the kernel's own words", async () => {
    const answers = await rtnl.change([
      changeRoute(route({}), 'create'),
      changeRoute(route({}), 'create'),
      changeRoute(route({ destination: '203.0.113.77' }), 'create'),
      changeRoute(route({ destination: '192.0.2.0', nexthops: [{ gateway: '172.16.0.1', oif: 0, weight: 1, flags: 0 }] }), 'create'),
      changeRoute(route({}), 'delete'),
    ]);
    expect(answers.map(({ code }) => code)).toEqual(['', 'EEXIST', 'EINVAL', 'ENETUNREACH', '']);
    expect(answers[2]?.detail).toBe('Invalid prefix for given prefix length');
    expect(answers[3]?.detail).toMatch(/gateway/i);
    expect(answers[4]?.reply.map(({ type }) => type)).toEqual([RTM.DELROUTE]);
  });

  it('NL-14 sends more than a batch of 128 and answers all of them in order', async () => {
    const many = Array.from({ length: 300 }, (_, i) => route({ destination: `198.18.${i >> 8}.${i & 255}`, prefixLength: 32 }));
    expect(new Set((await rtnl.change(many.map((r) => changeRoute(r, 'create')))).map(({ errno }) => errno))).toEqual(new Set([0]));
    expect((await rtnl.routes({ family: 4, table: 254, protocol: 186 })).items).toHaveLength(300);
    expect(new Set((await rtnl.change(many.map((r) => changeRoute(r, 'delete')))).map(({ errno }) => errno))).toEqual(new Set([0]));
  });

  it.each([
    ['a filter with handle 0', deleteFilter({ index: 1, parent: 0x10000, handle: 0, priority: 1, protocol: 3 })],
    ['a filter with priority 0', deleteFilter({ index: 1, parent: 0x10000, handle: 1, priority: 0, protocol: 3 })],
    ['a filter of no interface', deleteFilter({ index: 0, parent: 0x10000, handle: 1, priority: 1, protocol: 3 })],
    ['a class without its minor', deleteClass(1, 0x10000)],
    ['a route of whatever protocol', changeRoute(route({ protocol: 0 }), 'delete')],
    ['a qdisc', new Builder(RTM.DELQDISC).u32(0).u32(1).u32(0x10000).u32(TC_H_ROOT).u32(0).done()],
    ['a replaced class', new Builder(RTM.NEWTCLASS, NLM_F.CREATE | NLM_F.REPLACE).u32(0).u32(1).u32(0x10001).u32(0x10000).u32(0).done()],
  ])('NL-1 refuses to delete more than one object: %s', async (_what, message) => {
    await expect(rtnl.change([message])).rejects.toBeInstanceOf(RefusedRequest);
  });

  it('TC-2 adds an HTB class exclusively, and changes one without creating it', async () => {
    const index = (await rtnl.links()).items.find(({ name }) => name === 'v1')?.index ?? 0;
    const spec = { index, handle: 0x1_000c, parent: 0x1_0000, rate: 1_250_000, ceil: 6_000_000_000, priority: 1 };
    const answers = await rtnl.change([
      newHtbQdisc(index, 0x1_0000, 0xabc),
      newClass(spec, 'create'),
      newClass(spec, 'create'),
      newClass({ ...spec, rate: 2_500_000 }, 'change'),
    ]);
    expect(answers.map(({ code }) => code)).toEqual(['', '', 'EEXIST', '']);
    const [made] = (await rtnl.classes(index, 0x1_0000)).items;
    expect(made).toMatchObject({ handle: 0x1_000c, rate: 2_500_000, ceil: 6_000_000_000, priority: 1, kind: 'htb' });
    expect((await rtnl.qdiscs(index)).items.find(({ kind }) => kind === 'htb')).toMatchObject({ handle: 0x1_0000, defaultClass: 0xabc });
    // TC-4: tc(8) prints it unpadded; text never matches the padded form.
    expect(await namespace.run('tc', 'class', 'show', 'dev', 'v1')).toMatch(/class htb 1:c root .*rate 20Mbit ceil 48Gbit/);
    const [gone, again] = await rtnl.change([deleteClass(index, 0x1_000c), deleteClass(index, 0x1_000c)]);
    expect([gone?.code, again?.code]).toEqual(['', 'ENOENT']);
    await namespace.run('tc', 'qdisc', 'del', 'dev', 'v1', 'root');
  });
});

describe('the monitor', () => {
  const groups = [GROUP.LINK, GROUP.IPV4_IFADDR, GROUP.IPV6_IFADDR, GROUP.IPV4_ROUTE, GROUP.IPV6_ROUTE];

  it('reports events with the port of who caused them, in order', async () => {
    const reports: MonitorReport[] = [];
    const monitor = await openMonitor(namespace.place, { groups, receiveBuffer: 8 << 20 }, (report) => reports.push(report));
    expect(monitor.receiveBuffer).toBe(16 << 20);
    await rtnl.change([changeRoute(route({}), 'create'), changeRoute(route({}), 'delete')]);
    const events = () => reports.flatMap((report) => report.events);
    await until(() => events().length >= 2, 'two events');
    expect(events().map(({ type }) => type)).toEqual([RTM.NEWROUTE, RTM.DELROUTE]);
    expect(events().every(({ port }) => port !== 0)).toBe(true);
    monitor.close();
  });

  it.each([
    ['tells', false],
    ['is silent', true],
  ])(
    'NL-11 NL-12 notices every overflow, 100 times over, and lives on (kernel %s)',
    async (_number, silentOverflow) => {
      const reports: MonitorReport[] = [];
      const monitor = await openMonitor(namespace.place, { groups, receiveBuffer: 4096, silentOverflow }, (report) => reports.push(report));
      const before = readdirSync('/proc/self/fd').length;
      let drops = 0;
      for (let round = 0; round < 100; round++) {
        // Link messages are the largest: three fill the buffer. The reader is quick and now and then keeps up, so push until it does not.
        for (let pushes = 0; (reports.at(-1)?.drops ?? 0) === drops; pushes++) {
          expect(pushes, `no overflow in round ${round}`).toBeLessThan(50);
          await namespace.ip(...Array.from({ length: 5 }, () => ['link set v1 down', 'link set v1 up']).flat());
          const drained = reports.at(-1)?.drains ?? 0;
          monitor.poke();
          await until(() => (reports.at(-1)?.drains ?? 0) > drained, 'a drain');
        }
        drops = reports.at(-1)?.drops ?? 0;
      }
      const sources = new Set(reports.flatMap(({ lost }) => lost));
      expect(sources.has('meminfo')).toBe(true);
      expect(sources.has('enobufs')).toBe(!silentOverflow);
      // The reader still reads: one more event arrives by itself.
      const heard = reports.flatMap(({ events }) => events).length;
      await namespace.ip('link set v0 alias alive');
      await until(() => reports.flatMap(({ events }) => events).length > heard, 'an event after 100 overflows');
      expect(readdirSync('/proc/self/fd').length).toBe(before);
      monitor.close();
    },
    60_000,
  );

  it('gives its descriptors and thread back when closed', async () => {
    const threads = () => readdirSync('/proc/self/task').length;
    const fds = () => readdirSync('/proc/self/fd').length;
    const [threadsBefore, fdsBefore] = [threads(), fds()];
    for (let i = 0; i < 20; i++) {
      const monitor = await openMonitor(namespace.place, { groups, receiveBuffer: 0 }, () => {});
      const session = await openRtnl(namespace.place);
      await session.links();
      await session.close();
      monitor.close();
    }
    expect([threads(), fds()]).toEqual([threadsBefore, fdsBefore]);
  });
});

describe('dumps under churn', () => {
  it('NL-8 NL-9 gives the data together with the verdict when links change under a dump', async () => {
    const names = Array.from({ length: 150 }, (_, i) => `c${i}`);
    await namespace.ip(...names.map((name) => `link add ${name} type veth peer name p${name}`));
    let churning = true;
    const churn = (async () => {
      while (churning)
        await namespace.ip(...names.slice(0, 40).flatMap((name) => [`link del ${name}`, `link add ${name} type veth peer name p${name}`]));
    })();
    let repeated = 0;
    for (let round = 0; round < 150; round++) {
      const { items, passes, consistent } = await rtnl.links();
      if (passes > 1) repeated++;
      // What never changed is there whenever the dump calls itself consistent, and there are data in any case.
      const stable = items.filter(({ name }) => names.slice(40).includes(name));
      if (consistent) expect(new Set(stable.map(({ index }) => index)).size).toBe(110);
      expect(stable.length).toBeGreaterThan(50);
    }
    churning = false;
    await churn;
    expect(repeated).toBeGreaterThan(0);
    await namespace.ip(...names.map((name) => `link del ${name}`));
  });

  it('NL-3 lists the classes of one interface and qdisc only', async () => {
    const [v0, v1] = ['v0', 'v1'];
    for (const [dev, minor] of [
      [v0, 'a'],
      [v1, 'b'],
    ]) {
      await namespace.run('tc', 'qdisc', 'add', 'dev', dev as string, 'root', 'handle', '1:', 'htb');
      await namespace.run('tc', 'class', 'add', 'dev', dev as string, 'parent', '1:', 'classid', `1:${minor}`, 'htb', 'rate', '1mbit');
    }
    const index = (await rtnl.links()).items.find(({ name }) => name === 'v0')?.index ?? 0;
    expect((await rtnl.classes(index, 0x1_0000)).items.map(({ handle }) => handle)).toEqual([0x1_000a]);
    expect((await rtnl.classes(index, 0x2_0000)).items).toEqual([]);
    expect((await rtnl.qdiscs(index)).items.every((qdisc) => qdisc.index === index)).toBe(true);
    for (const dev of [v0, v1]) await namespace.run('tc', 'qdisc', 'del', 'dev', dev, 'root');
  });
});

describe('locks and clocks', () => {
  it('RM-4 keeps a lock from a second holder until it is released', () => {
    const path = `/tmp/netsoak-rtnl-${process.pid}.lock`;
    const lock = tryLock(path);
    expect(lock).toBeDefined();
    expect(tryLock(path)).toBeUndefined();
    lock?.release();
    const again = tryLock(path);
    expect(again).toBeDefined();
    again?.release();
    rmSync(path);
  });

  it('reads boottime at or after monotonic', () => {
    const { monotonic, boottime, realtime } = readClocks();
    expect(boottime).toBeGreaterThanOrEqual(monotonic);
    expect(realtime).toBeGreaterThan(boottime);
  });
});
