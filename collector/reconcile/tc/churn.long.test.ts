/**
 * A thousand sweeps on a kernel that has the `basic` classifier, with no age and two looks, while limits of live TAPs come and go in another
 * process. That process is the judge: each of its own deletions must find what it made. Handles that a sweep frees are the next that it gets.
 */
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { projectFolder } from '../../../vm/shares.js';
import { bootGuest, endGuests } from '../../../vm/testing/guests.js';

afterEach(endGuests);

const SWEEPS = 1_000;
const PAIRS = 20;

const common = (dist: string) => `
import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
const { openRtnl } = await import('${dist}/native/rtnl/index.js');
const { decodeFilter, deleteClass, deleteFilter, ETH_P_ALL, newClass, newFilter } = await import('${dist}/native/rtnl/tc.js');
const indexOf = (name) => Number(readFileSync('/sys/class/net/' + name + '/ifindex', 'utf8'));
const { dev, ino } = statSync('/proc/self/ns/net');
const rtnl = await openRtnl({ path: '/proc/self/ns/net', device: dev, inode: ino });
const bridge = indexOf('vmbr0');
const at = { index: bridge, parent: 0x10000, handle: 0, priority: 1, protocol: ETH_P_ALL };
const limit = (minor, iif) => [
  newClass({ index: bridge, handle: 0x10000 | minor, parent: 0x10001, rate: 125e6, ceil: 5e9, priority: 1 }, 'create'),
  newFilter(at, 0x10000 | minor, iif),
];
`;

/** Four limits, each given, left for some milliseconds and taken, until it is told to end. Says what it did, and what was not as it left it. */
const churn = (dist: string) => `${common(dist)}
let [going, changes] = [true, 0];
const touched = [];
process.once('SIGTERM', () => { going = false; });
let state = 1;
const random = () => (state = (state * 48271) % 0x7fffffff) / 0x7fffffff;
await Promise.all([0, 1, 2, 3].map(async (n) => {
  const [minor, iif] = [0x800 + n, indexOf('hype-n' + n)];
  while (going) {
    const made = await rtnl.change(limit(minor, iif));
    const filter = made[1].reply[0] && decodeFilter(made[1].reply[0]);
    await delay(20 * random());
    const gone = await rtnl.change([deleteFilter({ ...at, handle: filter?.handle ?? 1 }), deleteClass(bridge, 0x10000 | minor)]);
    const echo = gone[0].reply[0] && decodeFilter(gone[0].reply[0]);
    const codes = [...made, ...gone].map(({ code }) => code).join();
    if (codes !== ',,,' || echo?.classId !== (0x10000 | minor)) touched.push(minor.toString(16) + ': ' + codes);
    changes++;
    await delay(20 * random());
  }
}));
process.stdout.write(JSON.stringify({ changes, touched }));
await rtnl.close();
`;

const program = (dist: string) => `
import { execFileSync as first } from 'node:child_process';
first('bash', ['-ec', 'ip link add vmbr0 type bridge; ip link set vmbr0 up; tc qdisc add dev vmbr0 root handle 1: htb; tc class add dev vmbr0 parent 1: classid 1:1 htb rate 40gbit']);
for (const name of ['hype-a', 'hype-n0', 'hype-n1', 'hype-n2', 'hype-n3'])
  first('bash', ['-ec', 'ip link add ' + name + ' type veth peer name p' + name.slice(5) + '; ip link set ' + name + ' master vmbr0 up']);
${common(dist)}
const { Sweep } = await import('${dist}/collector/reconcile/tc/sweep.js');
const { Audit } = await import('${dist}/collector/reconcile/audit.js');
const { Writer } = await import('${dist}/collector/reconcile/writer.js');
const { monotonic: clock } = await import('${dist}/collector/ticker.js');
const { createReconcileMetrics } = await import('${dist}/collector/reconcile/metrics.js');
const { Registry } = await import('${dist}/collector/prom.js');
const say = (name, value) => appendFileSync(process.env.PORT, JSON.stringify([name, value]) + '\\n');
try {
  await rtnl.change(limit(0x101, indexOf('hype-a')));
  const writer = new Writer({ rtnl, clock, rate: 0, burst: 0 });
  const sweep = new Sweep({ rtnl, writer, bridge: 'vmbr0', tapPrefix: 'hype-', allocations: async () => [], radius: { maxDeletes: 0, maxFraction: 0 },
    minAgeMs: 0, confirmPasses: 2, allowEmpty: false, mode: () => 'repair', epoch: () => 0, clock, log: () => {}, audit: new Audit(),
    metrics: createReconcileMetrics(new Registry()), logRepeatMs: 600000 });
  writeFileSync('/run/churn.mjs', ${JSON.stringify(churn(dist))});
  const child = spawn(process.execPath, ['/run/churn.mjs'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let told = '';
  child.stdout.on('data', (text) => { told += text; });
  const ended = new Promise((done) => child.once('close', done));
  const stale = async () => (await rtnl.classes(bridge, 0x10000)).items.filter(({ handle }) => (handle & 0xffff) >= 0x1000).length
    + (await rtnl.filters(bridge, 0x10000)).items.filter(({ classId }) => (classId & 0xffff) >= 0x1000).length;
  let [swept, passes, left] = [0, 0, 0];
  const outcomes = {};
  const began = performance.now();
  for (let round = 0; round < ${SWEEPS}; round++) {
    const leaks = Array.from({ length: ${PAIRS} }, (_, k) => limit(0x1000 + k, 100000 + k)).flat();
    const failed = (await rtnl.change(leaks)).filter(({ errno }) => errno !== 0);
    if (failed.length > 0) throw new Error('the leak of round ' + round + ': ' + failed[0].code);
    let again = 0;
    do {
      for (const [kind, count] of Object.entries((await sweep.pass('manual')).outcomes)) outcomes[kind] = (outcomes[kind] ?? 0) + count;
      passes++;
    } while ((await stale()) > 0 && ++again < 20);
    if (again === 20) left++;
    else swept++;
  }
  child.kill('SIGTERM');
  await ended;
  say('churn', JSON.parse(told));
  say('swept', { swept, left, passes, outcomes, seconds: Math.round((performance.now() - began) / 1000) });
  const { items } = await rtnl.filters(bridge, 0x10000);
  say('remains', items.map(({ classId }) => classId.toString(16)));
  await writer.close();
  await rtnl.close();
} catch (error) {
  say('error', String(error.stack ?? error));
  // The session that is still open would keep the program, and with it the guest.
  process.exit(1);
}
`;

it('TC-24 TC-26 touches no live object in 1,000 sweeps of 20 stale pairs, of no age, among limits that come and go (I1)', async () => {
  const guest = await bootGuest([process.execPath, '--input-type=module', '-e', program(path.join(projectFolder(), 'dist'))]);
  await guest.vm.exited;
  const told = Object.fromEntries(
    guest
      .heard()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as [string, unknown]),
  );
  expect(told.error).toBeUndefined();
  const { seconds, passes, outcomes } = told.swept as { seconds: number; passes: number; outcomes: object };
  const { changes, touched } = told.churn as { changes: number; touched: readonly string[] };
  console.info(
    `${SWEEPS} sweeps of ${PAIRS} pairs in ${passes} passes and ${seconds} s in the guest, among ${changes} live limits that came and went; ${touched.length} of them touched; deletions: ${JSON.stringify(outcomes)}`,
  );
  expect(told.swept).toMatchObject({ swept: SWEEPS, left: 0, outcomes: { ok: 2 * PAIRS * SWEEPS } });
  expect(told.remains).toEqual(['10101']);
  expect(touched).toEqual([]);
  expect(changes).toBeGreaterThan(SWEEPS);
});
