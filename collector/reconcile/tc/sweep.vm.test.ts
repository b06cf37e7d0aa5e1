/** The sweep and the limits on a kernel that has the `basic` classifier: the guest's. tc(8) makes the leak and looks at the outcome. */
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { projectFolder } from '../../../vm/shares.js';
import { bootGuest, endGuests } from '../../../vm/testing/guests.js';

afterEach(endGuests);

const LEAK = 300;

/** What the guest does, in one go: a boot costs more than all of it. Prints JSON lines. */
const program = (dist: string) => `
import { execFileSync } from 'node:child_process';
import { statSync, writeFileSync, appendFileSync } from 'node:fs';
const { sweepTc } = await import('${dist}/collector/reconcile/tc/command.js');
const { openRtnl } = await import('${dist}/native/rtnl/index.js');
const { anchorOf } = await import('${dist}/collector/reconcile/tc/classify.js');
const { Owner } = await import('${dist}/collector/reconcile/tc/owner.js');
const { Writer } = await import('${dist}/collector/reconcile/writer.js');
const { monotonic } = await import('${dist}/collector/ticker.js');
const { createReconcileMetrics } = await import('${dist}/collector/reconcile/metrics.js');
const { Registry } = await import('${dist}/collector/prom.js');
const say = (name, value) => appendFileSync(process.env.PORT, JSON.stringify([name, value]) + '\\n');
const sh = (text) => execFileSync('bash', ['-ec', text], { encoding: 'utf8' });
const batch = (lines) => execFileSync('tc', ['-batch', '-'], { input: lines.join('\\n') + '\\n' });
const show = () => ({
  filters: [...sh('tc filter show dev vmbr0').matchAll(/flowid (\\S+)/g)].map((m) => m[1]).sort(),
  classes: [...sh('tc class show dev vmbr0').matchAll(/^class htb (\\S+)/gm)].map((m) => m[1]).sort(),
});
try {
  const { dev, ino } = statSync('/proc/self/ns/net');
  const place = { path: '/proc/self/ns/net', device: dev, inode: ino };
  sh('ip link add vmbr0 type bridge; ip link set vmbr0 up; tc qdisc add dev vmbr0 root handle 1: htb; tc class add dev vmbr0 parent 1: classid 1:1 htb rate 40gbit');
  // Live ones first: new filters go to the head of the list.
  for (let i = 1; i <= 6; i++) {
    sh('ip link add hype-vm' + i + ' type veth peer name e' + i + '; ip link set hype-vm' + i + ' master vmbr0 up');
    const index = sh('cat /sys/class/net/hype-vm' + i + '/ifindex').trim();
    sh('tc class add dev vmbr0 parent 1:1 classid 1:10' + i + ' htb rate 10gbit ceil 40gbit prio 1; tc qdisc add dev vmbr0 parent 1:10' + i + ' fq_codel; ' +
      'tc filter add dev vmbr0 parent 1: protocol all prio 1 basic match "meta(rt_iif eq ' + index + ')" flowid 1:10' + i);
  }
  // What looks like ours and is not.
  sh('tc class add dev vmbr0 parent 1:1 classid 1:f01 htb rate 1gbit; tc filter add dev vmbr0 parent 1: protocol all prio 1 basic match "not meta(rt_iif eq 99999)" flowid 1:f01; ' +
    'tc class add dev vmbr0 parent 1:1 classid 1:f02 htb rate 1gbit; tc filter add dev vmbr0 parent 1: protocol all prio 1 basic match "meta(rt_iif eq 99998) and meta(rt_iif eq 99998)" flowid 1:f02; ' +
    'tc class add dev vmbr0 parent 1:1 classid 1:f03 htb rate 1gbit; tc filter add dev vmbr0 parent 1: protocol ip prio 7 u32 match ip dst 192.0.2.1 flowid 1:f03');
  const before = show();
  say('before', before);
  const ids = Array.from({ length: ${LEAK} }, (_, k) => [(4096 + k).toString(16), 100000 + k]);
  batch(ids.flatMap(([id, iif]) => [
    'class add dev vmbr0 parent 1:1 classid 1:' + id + ' htb rate 1gbit',
    'filter add dev vmbr0 parent 1: protocol all prio 1 basic match "meta(rt_iif eq ' + iif + ')" flowid 1:' + id,
  ]));
  sh('tc class add dev vmbr0 parent 1:1 classid 1:c htb rate 1gbit; tc class add dev vmbr0 parent 1:1 classid 1:abc htb rate 1gbit');
  const sweep = async (over = {}) => {
    const lines = [];
    const code = await sweepTc({ place, bridge: 'vmbr0', tapPrefix: 'hype-', allocationsFile: '', apply: false, plan: '', json: false, allowEmpty: false,
      lockDir: '/run/locks', minAgeMs: 0, rate: 0, ...over }, () => {}, (line) => lines.push(line));
    return { code, lines };
  };
  const leaked = show();
  say('dry', await sweep());
  say('untouched', JSON.stringify(show()) === JSON.stringify(leaked));
  say('renamed', (await sweep({ tapPrefix: 'other-', apply: true })).code);
  const started = performance.now();
  say('applied', await sweep({ apply: true }));
  say('milliseconds', Math.round(performance.now() - started));
  say('after', show());
  say('again', await sweep({ apply: true }));

  const rtnl = await openRtnl(place);
  const index = Number(sh('cat /sys/class/net/vmbr0/ifindex'));
  const kinds = (await rtnl.filters(index, 0x10000)).items.map((f) => [f.kind, f.classId.toString(16), anchorOf(f) !== undefined, f.counts !== undefined]);
  say('kinds', kinds.sort());
  const { deleteFilter, restoreFilter } = await import('${dist}/native/rtnl/tc.js');
  const foreign = async () => (await rtnl.filters(index, 0x10000)).items.filter((f) => f.kind === 'basic' && anchorOf(f) === undefined)
    .map((f) => JSON.stringify({ ...f, counts: undefined, ematches: f.ematches.map((e) => [e.kind, e.flags, Buffer.from(e.data).toString('hex')]) })).sort();
  const whole = await foreign();
  for (const f of (await rtnl.filters(index, 0x10000)).items.filter((f) => f.kind === 'basic' && anchorOf(f) === undefined)) {
    const [gone] = await rtnl.change([deleteFilter({ index, parent: 0x10000, handle: f.handle, priority: f.priority, protocol: 3 })]);
    say('deleted', [gone.code, (await foreign()).length]);
    say('restored', (await rtnl.change([restoreFilter(gone.reply[0])]))[0].code);
  }
  say('whole', [whole.length, JSON.stringify(await foreign()) === JSON.stringify(whole)]);
  sh('ip link add hype-new type veth peer name enew; ip link set hype-new master vmbr0 up');
  const tap = Number(sh('cat /sys/class/net/hype-new/ifindex'));
  const writer = new Writer({ rtnl, clock: monotonic, rate: 0, burst: 0 });
  const owner = new Owner({ rtnl, writer, tapPrefix: 'hype-', ceil: 5e9, mode: () => 'repair', log: () => {}, metrics: createReconcileMetrics(new Registry()) });
  const at = { name: 'vmbr0', index };
  const vm = { id: 'new', tap: 'hype-new', state: 'Running', rate: 1250000, classId: 0 };
  const made = await owner.apply(at, vm, tap);
  say('made', [made.outcome.kind, sh('tc class show dev vmbr0').split('\\n').filter((l) => l.includes('rate 10Mbit ')).length, sh('tc filter show dev vmbr0').includes('rt_iif eq ' + tap), sh('tc qdisc show dev vmbr0').includes('fq_codel')]);
  say('released', await owner.release(at, { ...vm, classId: made.classId }, [], true));
  say('left', [JSON.stringify(show()) === JSON.stringify(before), sh('ip -o link').includes('hype-new')]);
  // Between the last look at a filter and its deletion, its handle is given to the limit of a TAP that lives.
  sh('ip link add hype-last type veth peer name elast; ip link set hype-last master vmbr0 up; tc class add dev vmbr0 parent 1:1 classid 1:e01 htb rate 1gbit');
  const { newFilter, ETH_P_ALL } = await import('${dist}/native/rtnl/tc.js');
  const { Sweep } = await import('${dist}/collector/reconcile/tc/sweep.js');
  const { Audit } = await import('${dist}/collector/reconcile/audit.js');
  const last = Number(sh('cat /sys/class/net/hype-last/ifindex'));
  batch(['class add dev vmbr0 parent 1:1 classid 1:bad htb rate 1gbit',
    'filter add dev vmbr0 parent 1: protocol all prio 1 basic match "meta(rt_iif eq 77777)" flowid 1:bad']);
  let stolen;
  const thief = { ...rtnl, cookie: rtnl.cookie, async filtersAt(refs) {
    const found = await rtnl.filtersAt(refs);
    stolen = refs[0];
    await rtnl.change([deleteFilter(stolen), newFilter({ ...stolen, handle: 0 }, 0x10e01, last)]);
    return found;
  } };
  const sweeper = new Sweep({ rtnl: thief, writer, bridge: 'vmbr0', tapPrefix: 'hype-', allocations: async () => [], radius: { maxDeletes: 0, maxFraction: 0 },
    minAgeMs: 0, confirmPasses: 2, allowEmpty: false, mode: () => 'repair', epoch: () => 0, clock: monotonic, log: () => {}, audit: new Audit(),
    metrics: createReconcileMetrics(new Registry()), logRepeatMs: 600000 });
  await sweeper.pass('manual');
  const { outcomes } = await sweeper.pass('manual');
  const now = (await rtnl.filters(index, 0x10000)).items.find(({ handle }) => handle === stolen.handle);
  say('stolen', [outcomes, now && anchorOf(now) === last, now?.classId.toString(16), now?.protocol === ETH_P_ALL, show().classes.includes('1:bad')]);
  await writer.close();
  await rtnl.close();
} catch (error) {
  say('error', String(error.stack ?? error));
  // The session that is still open would keep the program, and with it the guest.
  process.exit(1);
}
`;

it('TC-3 TC-17 TC-19 TC-21 TC-26 TC-27 NL-1 NL-2 sweeps what tc(8) leaked on a real kernel, and only that; gives and takes a limit', async () => {
  const dist = path.join(projectFolder(), 'dist');
  const guest = await bootGuest([process.execPath, '--input-type=module', '-e', program(dist)]);
  await guest.vm.exited;
  const told = Object.fromEntries(
    guest
      .heard()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as [string, unknown]),
  );
  expect(told.error).toBeUndefined();
  const before = told.before as { filters: string[]; classes: string[] };
  expect([before.filters.length, before.classes.length]).toEqual([9, 10]);
  expect(told.dry).toEqual({
    code: 2,
    lines: [`bridge=vmbr0 live_taps=6 filters=${LEAK + 10} classes=${LEAK + 12} stale_filters=${LEAK} stale_classes=${LEAK + 2}`],
  });
  expect(told.untouched).toBe(true);
  expect(told.renamed).toBe(4);
  expect(told.applied).toMatchObject({ code: 0 });
  expect(told.after).toEqual(before);
  expect(told.again).toMatchObject({ code: 0 });
  expect(told.kinds).toEqual(
    [
      ...[1, 2, 3, 4, 5, 6].map((i) => ['basic', `1010${i}`, true, true]),
      ['basic', '10f01', false, true],
      ['basic', '10f02', false, true],
      // u32 lists the root of its hash table too.
      ['u32', '0', false, false],
      ['u32', '10f03', false, false],
    ].sort(),
  );
  // A deletion that took a foreign filter is undone to the last bit.
  expect([told.deleted, told.restored, told.whole]).toEqual([['', 1], '', [2, true]]);
  expect(told.made).toEqual(['ok', 1, true, true]);
  expect(told.released).toEqual({ kind: 'released', filters: 1, classes: 1, clear: true });
  expect(told.left).toEqual([true, false]);
  // The deletion was undone, the pass ended there: the class waits for the next.
  expect(told.stolen).toEqual([{ undone: 1 }, true, '10e01', true, true]);
  console.info(`swept ${LEAK} pairs in ${String(told.milliseconds)} ms in the guest`);
});
