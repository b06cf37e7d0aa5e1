import { afterEach, describe, expect, it } from 'vitest';
import { watchHeld } from '../held.test-support.js';
import { route, routeRig } from './rig.test-support.js';
import { type IntendedRoute, keyOf } from './spec.js';

let rig: Awaited<ReturnType<typeof routeRig>>;
afterEach(() => rig.close());

const A = { to: '203.0.113.0/24', via: '10.0.0.2', src: '10.0.0.9' };
const B = { to: '203.0.113.0/32', via: '10.0.0.3' };

describe('routes in a real namespace', () => {
  it('NL-5 RT-3 RT-4 RT-26 puts back what was removed, in every table and family, and then finds nothing to do (I2)', async () => {
    rig = await routeRig();
    const specs = [
      A,
      B,
      { ...A, table: 100 },
      { ...A, table: 1000 },
      { ...A, tos: 16, src: undefined },
      { ...A, metric: 77 },
      { to: '2001:db8:1::/48', via: 'fd00::2' },
      { to: '2001:db8:2::/48', nexthops: [{ via: 'fd00::2' }, { via: 'fd00::3' }] },
      { to: '198.51.100.0/24', nexthops: [{ via: '10.0.0.2' }, { via: '10.0.0.3', weight: 3 }] },
      { to: '192.0.2.0/24', dev: 'v0' },
      { to: '192.0.2.99', type: 'blackhole' as const },
    ];
    for (const spec of specs) expect(await rig.reconciler.add(route(spec)), JSON.stringify(spec)).toEqual({ kind: 'ok' });
    const everything = async () => Promise.all([rig.bgp(), rig.bgp('100'), rig.bgp('1000'), rig.bgp('main', '-6')]);
    const before = await everything();
    expect(before.map(({ length }) => length)).toEqual([9, 1, 1, 4]);
    const written = rig.writer.written;
    expect(await rig.reconciler.pass('tick')).toMatchObject({ result: 'noop', drift: {} });
    expect(rig.writer.written).toBe(written);

    await rig.namespace.ip('route flush proto bgp', 'route flush table 100', 'route flush table 1000');
    await rig.namespace.run('ip', '-6', 'route', 'flush', 'proto', 'bgp');
    expect((await everything()).flat()).toEqual([]);
    expect(await rig.reconciler.pass('tick')).toMatchObject({
      result: 'ok',
      drift: { missing: specs.length },
      outcomes: { ok: specs.length },
    });
    expect(await everything()).toEqual(before);
    expect(await rig.reconciler.pass('tick')).toMatchObject({ result: 'noop' });
  });

  it('RT-18 repairs what was modified, by gateway, source and mtu', async () => {
    rig = await routeRig();
    await rig.reconciler.add(route(A));
    const before = await rig.bgp();
    for (const change of ['via 10.0.0.8 src 10.0.0.9', 'via 10.0.0.2', 'via 10.0.0.2 src 10.0.0.9 mtu 1300']) {
      await rig.namespace.ip(`route replace 203.0.113.0/24 ${change} proto bgp`);
      expect(await rig.reconciler.pass('tick'), change).toMatchObject({ drift: { modified: 1 }, outcomes: { ok: 1 } });
      expect(await rig.bgp()).toEqual(before);
    }
  });

  it('RT-18 leaves a foreign route of the same key alone, says so once, and takes the place when it is free (I5)', async () => {
    rig = await routeRig({ conflict: 'report' });
    await rig.reconciler.add(route(A));
    await rig.namespace.ip('route replace 203.0.113.0/24 via 10.0.0.8 proto static');
    const foreign = await rig.namespace.routes('route', 'show', 'proto', 'static');
    const written = rig.writer.written;
    for (let pass = 0; pass < 5; pass++) await rig.reconciler.pass('tick');
    expect(await rig.namespace.routes('route', 'show', 'proto', 'static')).toEqual(foreign);
    expect(await rig.bgp()).toEqual([]);
    expect([...rig.reconciler.list()]).toEqual([[keyOf(route(A).route), 'conflict']]);
    // One try, which the kernel refused by EXCL; after that the foreign owner is known.
    expect(rig.writer.written - written).toBe(1);
    expect(rig.lines.filter(({ fields }) => fields.cause === 'conflict')).toHaveLength(1);
    await rig.namespace.ip('route del 203.0.113.0/24 proto static');
    rig.reconciler.list();
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await rig.reconciler.pass('tick');
    expect(await rig.bgp()).toHaveLength(1);
  });

  it('RT-18 overrides a foreign route when told to', async () => {
    rig = await routeRig({ conflict: 'override' });
    await rig.namespace.ip('route add 203.0.113.0/24 via 10.0.0.8 proto static');
    expect((await rig.reconciler.add(route(A))).kind).toBe('conflict');
    await rig.reconciler.pass('tick');
    expect(await rig.bgp()).toHaveLength(1);
  });

  it('RT-5 RT-19 waits for its source address without a word more, and comes back with it', async () => {
    rig = await routeRig();
    await rig.reconciler.add(route(A));
    const before = await rig.bgp();
    await rig.namespace.ip('addr del 10.0.0.9/32 dev v0');
    for (let pass = 0; pass < 10; pass++) await rig.reconciler.pass('tick');
    expect([...rig.reconciler.list().values()]).toEqual(['blocked:prefsrc']);
    expect(rig.lines.filter(({ fields }) => String(fields.cause).startsWith('blocked'))).toHaveLength(1);
    expect(rig.writer.written).toBeLessThanOrEqual(2);
    await rig.namespace.ip('addr add 10.0.0.9/32 dev v0');
    // As the event would: RTM_NEWADDR wakes what is blocked.
    rig.reconciler.noteEvent({ type: 20, flags: 0, port: 0, view: new DataView(new ArrayBuffer(24)), start: 16, end: 24 });
    await rig.reconciler.pass('event');
    expect(await rig.bgp()).toEqual(before);
  });

  it('F3 RT-19 finds routes gone with their link, without any event, and puts them back when it is up', async () => {
    rig = await routeRig();
    await rig.reconciler.add(route(A));
    await rig.reconciler.pass('tick');
    await rig.namespace.ip('link set v0 down');
    expect(await rig.bgp()).toEqual([]);
    await rig.reconciler.pass('tick');
    expect([...rig.reconciler.list().values()][0]).toMatch(/^blocked:(unreachable|gateway|link-down|prefsrc)/);
    await rig.namespace.ip('link set v0 up');
    rig.reconciler.noteEvent({ type: 16, flags: 0, port: 0, view: new DataView(new ArrayBuffer(32)), start: 16, end: 32 });
    await rig.reconciler.pass('event');
    expect(await rig.bgp()).toHaveLength(1);
    expect(rig.reconciler.missedEvents).toBeGreaterThan(0);
  });

  it('NL-7 leaves a route alone whose link has only lost its carrier', async () => {
    rig = await routeRig();
    await rig.reconciler.add(route(A));
    await rig.namespace.ip('link set v1 down');
    expect(await rig.reconciler.pass('tick')).toMatchObject({ result: 'noop' });
    expect(await rig.bgp()).toHaveLength(1);
  });

  it('NL-7 waits for its nexthop object without a word more, and comes back with it', async () => {
    rig = await routeRig();
    rig.world.manualTime = true;
    await rig.namespace.ip('nexthop add id 7 via 10.0.0.2 dev v0');
    await rig.reconciler.add(route({ to: '192.0.2.0/24', nhid: 7 }));
    expect(await rig.reconciler.pass('tick')).toMatchObject({ result: 'noop' });
    await rig.namespace.ip('nexthop del id 7');
    expect(await rig.bgp()).toEqual([]);
    for (let second = 1; second <= 5; second++) {
      rig.world.now = second * 1_000;
      await rig.reconciler.pass('tick');
    }
    expect([...rig.reconciler.list().values()]).toEqual(['blocked:no-nexthop']);
    expect(rig.lines.filter(({ fields }) => fields.cause === 'blocked:no-nexthop')).toHaveLength(1);
    await rig.namespace.ip('nexthop add id 7 via 10.0.0.2 dev v0');
    rig.world.now = 65_000;
    await rig.reconciler.pass('tick');
    expect(await rig.bgp()).toHaveLength(1);
  });

  it('RT-7 RT-9 RT-10 RT-12 withdraws for good, even what someone else had removed or changed meanwhile', async () => {
    rig = await routeRig();
    const [a, b] = [route(A), route({ ...B, src: '10.0.0.9' })];
    await rig.reconciler.add(a);
    await rig.reconciler.add(b);
    await rig.namespace.ip('route del 203.0.113.0/24', 'route replace 203.0.113.0/32 via 10.0.0.7 proto bgp');
    expect((await rig.reconciler.withdraw(a.key)).kind).toBe('gone');
    expect((await rig.reconciler.withdraw(b.key)).kind).toBe('ok');
    expect((await rig.reconciler.withdraw(b.key)).kind).toBe('gone');
    for (let pass = 0; pass < 3; pass++) await rig.reconciler.pass('tick');
    expect(await rig.bgp()).toEqual([]);
    expect(rig.desired.tombstones.size).toBe(0);
  });

  it('RT-12 keeps a deletion that could not be made, and makes it when it can', async () => {
    rig = await routeRig();
    const a = route(A);
    await rig.reconciler.add(a);
    rig.world.mode = 'observe';
    expect((await rig.reconciler.withdraw(a.key)).kind).toBe('superseded');
    expect(await rig.reconciler.pass('tick')).toMatchObject({ outcomes: { dryrun: 1 } });
    expect(await rig.bgp()).toHaveLength(1);
    rig.world.mode = 'repair';
    await rig.reconciler.pass('tick');
    expect(await rig.bgp()).toEqual([]);
  });

  it('RT-2 deletes the route of metric 0 and never its neighbour of another metric', async () => {
    rig = await routeRig();
    const [zero, hundred] = [route(A), route({ ...A, metric: 100 })];
    await rig.reconciler.add(zero);
    await rig.reconciler.add(hundred);
    const both = await rig.bgp();
    await rig.namespace.ip('route del 203.0.113.0/24 metric 0');
    // The kernel takes metric 0 for any: this deletion hits the neighbour, which must be put back.
    expect((await rig.reconciler.withdraw(zero.key)).kind).toBe('gone');
    expect(await rig.bgp()).toEqual(both.filter((line) => line.includes('metric 100')));
  });

  it('RT-13 purges the routes of an interface that was deleted, and those through a gateway on request', async () => {
    rig = await routeRig();
    await rig.namespace.ip('link add t0 type veth peer name t1', 'link set t0 up', 'link set t1 up');
    await rig.reconciler.add(route({ to: '192.0.2.0/24', dev: 't0' }));
    await rig.reconciler.add(route(A));
    await rig.reconciler.pass('tick');
    const index = (await rig.rtnl.links()).items.find(({ name }) => name === 't0')?.index ?? 0;
    const view = new DataView(new ArrayBuffer(32));
    view.setInt32(20, index, true);
    await rig.namespace.ip('link del t0', 'link add t0 type veth peer name t1', 'link set t0 up', 'link set t1 up');
    rig.reconciler.noteEvent({ type: 17, flags: 0, port: 0, view, start: 16, end: 32 });
    await rig.reconciler.pass('event');
    expect((await rig.bgp()).map((line) => line.split(' ')[0])).toEqual(['203.0.113.0/24']);
    await rig.reconciler.purgeThrough('10.0.0.2');
    await rig.reconciler.pass('tick');
    expect(await rig.bgp()).toEqual([]);
  });

  it('RT-13 purges the routes of an interface that was made anew, although its deletion was told to nobody; not those of a renamed one', async () => {
    rig = await routeRig();
    const make = ['link add t0 type veth peer name t1', 'link set t0 up', 'link set t1 up'];
    await rig.namespace.ip(...make);
    const through = route({ to: '192.0.2.0/24', dev: 't0' });
    await rig.reconciler.add(through);
    await rig.reconciler.pass('tick');
    await rig.namespace.ip('link del t0', ...make);
    await rig.reconciler.pass('overflow');
    await rig.reconciler.pass('tick');
    expect([await rig.bgp(), [...rig.desired.wanted.keys()]]).toEqual([[], []]);
    await rig.reconciler.add(through);
    await rig.reconciler.pass('tick');
    await rig.namespace.ip('link set t0 down', 'link set t0 name t9', 'link set t9 up');
    await rig.reconciler.pass('tick');
    expect([...rig.reconciler.list()]).toEqual([[through.key, 'blocked:no-link']]);
  });

  it('takes a group down and up at once', async () => {
    rig = await routeRig();
    for (const spec of [A, B]) await rig.reconciler.add(route({ ...spec, group: 'peer' }));
    await rig.reconciler.add(route({ to: '192.0.2.0/24', via: '10.0.0.2' }));
    await rig.reconciler.groupDown('peer');
    await rig.reconciler.pass('tick');
    expect(await rig.bgp()).toHaveLength(1);
    await rig.reconciler.add(route({ to: '192.0.2.9', via: '10.0.0.2', group: 'peer' }));
    expect(await rig.bgp()).toHaveLength(1);
    await rig.reconciler.groupUp('peer');
    expect(await rig.bgp()).toHaveLength(4);
  });

  it('RT-14 RT-17 makes no dump in mode off or with nothing desired, and no write in mode observe (I7)', async () => {
    rig = await routeRig();
    await rig.reconciler.pass('tick');
    expect(rig.world.dumps).toBe(0);
    rig.world.mode = 'observe';
    await rig.reconciler.add(route(A));
    expect(await rig.reconciler.pass('tick')).toMatchObject({ drift: { missing: 1 }, outcomes: { dryrun: 1 } });
    expect([rig.world.dumps, rig.writer.written]).toEqual([1, 0]);
    rig.world.mode = 'off';
    await rig.reconciler.pass('tick');
    expect([rig.world.dumps, rig.writer.written]).toEqual([1, 0]);
    rig.world.mode = 'repair';
    await rig.reconciler.pass('tick');
    expect(await rig.bgp()).toHaveLength(1);
  });

  it('RT-6 has no interest in an excluded destination', async () => {
    rig = await routeRig({}, ['203.0.113.0/24']);
    expect((await rig.reconciler.add(route(A))).kind).toBe('superseded');
    expect((await rig.reconciler.add(route({ to: '203.0.113.77', via: '10.0.0.2' }))).kind).toBe('superseded');
    for (let pass = 0; pass < 10; pass++) await rig.reconciler.pass('tick');
    expect([rig.writer.written, rig.world.dumps]).toEqual([0, 0]);
  });

  it('RT-16 writes a route of another protocol once and does not keep it', async () => {
    rig = await routeRig();
    expect((await rig.reconciler.add(route({ ...A, protocol: 'static' }))).kind).toBe('ok');
    await rig.namespace.ip('route del 203.0.113.0/24');
    await rig.reconciler.pass('tick');
    expect(await rig.namespace.routes('route', 'show', 'proto', 'static')).toEqual([]);
  });

  it('RT-20 RM-6 reports what an earlier life left, after the grace, and prunes it only if told', async () => {
    for (const prune of [false, true]) {
      rig = await routeRig({ tables: [254], adoptGraceMs: 1_000, prune });
      rig.world.manualTime = true;
      await rig.namespace.ip('route add 198.51.100.0/24 via 10.0.0.2 proto bgp', 'route add 192.0.2.0/24 via 10.0.0.2 proto static');
      await rig.reconciler.pass('startup');
      expect([...rig.reconciler.list().values()]).toEqual(['observed']);
      rig.world.now = 1_000;
      await rig.reconciler.pass('tick');
      expect(await rig.bgp()).toHaveLength(prune ? 0 : 1);
      expect(await rig.namespace.routes('route', 'show', 'proto', 'static')).toHaveLength(1);
      if (!prune) {
        expect([...rig.reconciler.list().values()]).toEqual(['unexpected']);
        await rig.close();
      }
    }
  });

  it('RT-20 adopts a route of an earlier life that is just what is wanted, without a write that counts', async () => {
    rig = await routeRig();
    await rig.namespace.ip('route add 203.0.113.0/24 via 10.0.0.2 proto bgp src 10.0.0.9');
    expect((await rig.reconciler.add(route(A))).kind).toBe('conflict');
    expect(await rig.reconciler.pass('event')).toMatchObject({ result: 'noop', drift: {} });
    expect([...rig.reconciler.list().values()]).toEqual(['ok']);
  });

  it('RT-23 fights a deleter ever more slowly', async () => {
    rig = await routeRig();
    rig.world.manualTime = true;
    await rig.reconciler.add(route(A));
    let back = 0;
    for (let second = 0; second < 120; second++) {
      rig.world.now = second * 1_000;
      await rig.namespace.ip('route del 203.0.113.0/24').catch(() => {});
      const { outcomes } = await rig.reconciler.pass('event');
      back += outcomes.ok ?? 0;
    }
    expect(back).toBeGreaterThan(5);
    expect(back).toBeLessThanOrEqual(12);
    expect(rig.lines.filter(({ fields }) => fields.cause === 'fought')).toHaveLength(1);
    expect([...rig.reconciler.list().values()]).toEqual(['fought']);
  });

  it("RT-21 RT-22 logs a reinstallation once and counts it under the ancestor's name, by source address", async () => {
    rig = await routeRig();
    await rig.reconciler.add(route(A));
    for (let round = 0; round < 4; round++) {
      await rig.namespace.ip('route del 203.0.113.0/24');
      await rig.reconciler.pass('tick');
    }
    expect(rig.lines.filter(({ message }) => message === 'a route was put back')).toHaveLength(1);
    const text = await rig.registry.metrics();
    expect(text).toContain('doublezero_route_reconcile_reinstalls_total{local_ip="10.0.0.9"} 4');
  });

  it('RM-9 RT-23 remembers which netlink port deleted a wanted route', async () => {
    rig = await routeRig();
    const a = route(A);
    await rig.reconciler.add(a);
    const { changeRoute } = await import('../../../native/rtnl/route.js');
    const message = changeRoute(a.route, 'delete');
    rig.reconciler.noteEvent({ type: 25, flags: 0, port: 4711, view: new DataView(message.buffer), start: 16, end: message.length });
    expect(rig.audit.explain(a.key).at(-1)?.observed).toBe('deleted by netlink port 4711 (protocol 186)');
  });

  it('RM-5 discards a plan that was made before events were lost', async () => {
    rig = await routeRig();
    rig.world.mode = 'observe';
    await rig.reconciler.add(route(A));
    rig.world.mode = 'repair';
    const look = rig.reconciler.pass('tick');
    rig.world.epoch++;
    expect((await look).result).toBe('torn');
    expect(rig.writer.written).toBe(0);
  });

  it('RT-1 keeps a route whose first write failed, and writes it when it can be', async () => {
    rig = await routeRig();
    const far = route({ to: '192.0.2.0/24', via: '172.16.0.1' });
    expect((await rig.reconciler.add(far)).kind).toBe('blocked');
    await rig.namespace.ip('addr add 172.16.0.2/24 dev v0');
    rig.reconciler.noteEvent({ type: 20, flags: 0, port: 0, view: new DataView(new ArrayBuffer(24)), start: 16, end: 24 });
    expect((await rig.reconciler.pass('event')).outcomes).toEqual({ ok: 1 });
    expect(await rig.bgp()).toHaveLength(1);
  });

  it('RT-11 RM-1 writes a route once, although a look finds it missing while its first writing waits', async () => {
    rig = await routeRig();
    let open = () => {};
    const gate = new Promise<{ kind: 'ok' }>((resolve) => {
      open = () => resolve({ kind: 'ok' });
    });
    const held = rig.writer.enqueue({ stillWanted: () => true, run: () => gate });
    const added = rig.reconciler.add(route(A));
    const looked = rig.reconciler.pass('tick');
    await rig.rtnl.links();
    await new Promise((resolve) => setTimeout(resolve, 100));
    open();
    await held;
    expect(await added).toEqual({ kind: 'ok' });
    expect(await looked).toMatchObject({ result: 'noop', drift: {} });
    expect([rig.writer.written, rig.lines, rig.reconciler.missedEvents]).toEqual([1, [], 0]);
    expect([...rig.reconciler.list().values()]).toEqual(['ok']);
  });

  it('RT-24 does not believe one IPv6 dump that a route is gone', async () => {
    rig = await routeRig();
    for (let i = 0; i < 20; i++) await rig.reconciler.add(route({ to: `2001:db8:${i}::/48`, via: 'fd00::2' }));
    const written = rig.writer.written;
    // Every other dump misses half of the table, as dumps under churn do.
    rig.world.tear = (items, dump) => (dump % 2 === 1 ? items.slice(10) : items);
    rig.world.dumps = 0;
    expect((await rig.reconciler.pass('tick')).outcomes).toEqual({});
    expect([rig.world.dumps, rig.writer.written - written]).toEqual([2, 0]);
    expect(await rig.registry.metrics()).toContain('netsoakd_reconcile_dump_torn_total{kind="route6"} 10');
    // What both dumps miss is missing.
    rig.world.tear = (items) => items;
    await rig.namespace.run('ip', '-6', 'route', 'del', '2001:db8:7::/48');
    expect((await rig.reconciler.pass('tick')).outcomes).toEqual({ ok: 1 });
  });

  it("IF-14 is not woken by routes that are nobody's business here", async () => {
    rig = await routeRig();
    await rig.reconciler.add(route(A));
    const { changeRoute } = await import('../../../native/rtnl/route.js');
    const event = (spec: Parameters<typeof route>[0]) => {
      const message = changeRoute(route(spec).route, 'create');
      return rig.reconciler.noteEvent({ type: 24, flags: 0, port: 1, view: new DataView(message.buffer), start: 16, end: message.length });
    };
    expect(event({ to: '224.0.0.0/4', dev: 'v0', protocol: 'static' })).toBe(false);
    expect(event({ to: '198.51.100.0/24', via: '10.0.0.2', protocol: 'static' })).toBe(false);
    // A foreign route in the place of a wanted one is.
    expect(event({ ...A, protocol: 'static' })).toBe(true);
    expect(rig.reconciler.noteEvent({ type: 32, flags: 0, port: 1, view: new DataView(new ArrayBuffer(32)), start: 16, end: 32 })).toBe(
      false,
    );
  });

  it('RT-25 looks at 100,000 converged routes without a write and without holding the event loop', async () => {
    rig = await routeRig();
    const { changeRoute } = await import('../../../native/rtnl/route.js');
    const routes = Array.from({ length: 100_000 }, (_, i) =>
      route({ to: `198.${18 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`, via: '10.0.0.2' }),
    );
    for (let at = 0; at < routes.length; at += 1_000)
      await rig.rtnl.change(routes.slice(at, at + 1_000).map((each) => changeRoute(each.route, 'create')));
    for (const each of routes) rig.desired.put(each);
    const pass = async (mostMs = 10) => {
      const stages = new Set<number>();
      rig.world.visits = 0;
      const turns = setInterval(() => stages.add(rig.world.visits), 1);
      const held = watchHeld();
      const began = performance.now();
      const before = process.cpuUsage();
      const report = await rig.reconciler.pass('tick');
      const { clockMs, busyMs } = held();
      const { user, system } = process.cpuUsage(before);
      clearInterval(turns);
      const milliseconds = performance.now() - began;
      // As long again with nothing to do: what other programs on this machine hold it for.
      const idle = watchHeld();
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      console.info(
        `100,000 routes, ${rig.world.visits} of them brought to JavaScript: ${milliseconds.toFixed(0)} ms, ${((user + system) / 1e3).toFixed(0)} ms of CPU, event loop held ${busyMs.toFixed(1)} ms at most, ${clockMs.toFixed(1)} ms by the clock (idle, ${idle().clockMs.toFixed(1)} ms)`,
      );
      // Work, not time: on a machine with other programs any loop is held now and then. 10 ms is the requirement for routes that converged.
      expect(busyMs).toBeLessThan(mostMs);
      return { report, visits: rig.world.visits, turns: stages.size };
    };
    // It reads them all without a pause to sleep, so what is measured is some ticks of the kernel more than it is.
    const first = await pass(50);
    expect(first).toMatchObject({ report: { result: 'noop', drift: {} }, visits: 100_000 });
    // Others had their turn all along, not before and after.
    expect(first.turns).toBeGreaterThan(20);
    for (let again = 0; again < 5; again++) expect(await pass()).toMatchObject({ report: { result: 'noop', drift: {} }, visits: 0 });
    expect(rig.writer.written).toBe(0);
    // It still sees every single one of them.
    await rig.namespace.ip(
      'route del 198.18.7.7',
      'route replace 198.18.8.8 via 10.0.0.3 proto bgp',
      'route add 192.0.2.9 via 10.0.0.2 proto bgp',
    );
    const healed = await pass();
    expect(healed).toMatchObject({ report: { drift: { missing: 1, modified: 1, stale: 1 }, outcomes: { ok: 2 } }, visits: 2 });
    expect(await pass()).toMatchObject({ report: { drift: { stale: 1 }, outcomes: {} }, visits: 3 });
    rig.desired.put({ ...(routes[5] as IntendedRoute), group: 'other' });
    expect(await pass()).toMatchObject({ report: { drift: { stale: 1 } }, visits: 2 });
  }, 120_000);
});
