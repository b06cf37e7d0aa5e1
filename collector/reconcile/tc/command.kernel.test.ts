import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { tryLock } from '../../../native/rtnl/index.js';
import { type TestNamespace, testNamespace } from '../../../native/rtnl/namespace.test-support.js';
import { type SweepCommand, sweepTc } from './command.js';

// HTB is in every kernel; the `basic` classifier is not in this one, so what dangles here are classes. Filters are the guest's to test.
let namespace: TestNamespace;
let dir: string;
beforeEach(async () => {
  namespace = await testNamespace();
  dir = mkdtempSync(path.join(tmpdir(), 'netsoak-sweep-'));
  await namespace.ip(
    'link add vmbr0 type bridge',
    'link set vmbr0 up',
    'link add hype-vm1 type veth peer name e1',
    'link set hype-vm1 master vmbr0 up',
  );
  await namespace.run('tc', 'qdisc', 'add', 'dev', 'vmbr0', 'root', 'handle', '1:', 'htb', 'default', '0xdef');
  for (const [parent, id] of [
    ['1:', '1:1'],
    ['1:1', '1:def'],
    ['1:1', '1:c'],
    ['1:1', '1:abc'],
    ['1:', '1:999'],
    ['1:1', '1:50'],
    ['1:50', '1:51'],
  ]) {
    await namespace.run('tc', 'class', 'add', 'dev', 'vmbr0', 'parent', parent as string, 'classid', id as string, 'htb', 'rate', '10mbit');
  }
  await namespace.run('tc', 'qdisc', 'add', 'dev', 'vmbr0', 'parent', '1:c', 'tbf', 'rate', '1mbit', 'burst', '10k', 'latency', '1ms');
});
afterEach(async () => {
  await namespace.close();
  rmSync(dir, { recursive: true });
});

async function sweep(over: Partial<SweepCommand> = {}) {
  const lines: string[] = [];
  const code = await sweepTc(
    {
      place: namespace.place,
      bridge: 'vmbr0',
      tapPrefix: 'hype-',
      allocationsFile: '',
      apply: false,
      plan: '',
      json: false,
      allowEmpty: true,
      lockDir: dir,
      minAgeMs: 0,
      rate: 0,
      ...over,
    },
    () => {},
    (line) => lines.push(line),
  );
  return { code, lines };
}
const classes = async () =>
  (await namespace.run('tc', 'class', 'show', 'dev', 'vmbr0'))
    .split('\n')
    .flatMap((line) => /^class htb (\S+)/.exec(line)?.[1] ?? [])
    .sort();

it('TC-19 TC-27 finds the dangling classes in a dry run, writes nothing, and removes exactly them when told', async () => {
  const before = await classes();
  expect(await sweep()).toEqual({ code: 2, lines: ['bridge=vmbr0 live_taps=1 filters=0 classes=7 stale_filters=0 stale_classes=2'] });
  expect(await classes()).toEqual(before);
  const applied = await sweep({ apply: true });
  expect(applied.code).toBe(0);
  expect(applied.lines.at(-1)).toBe('after: bridge=vmbr0 live_taps=1 filters=0 classes=5 stale_filters=0 stale_classes=0 failed=0');
  expect(await classes()).toEqual(before.filter((id) => id !== '1:c' && id !== '1:abc'));
  // The leaf went with its class, without a deletion of its own.
  expect(await namespace.run('tc', 'qdisc', 'show', 'dev', 'vmbr0')).not.toContain('parent 1:c ');
  expect((await sweep()).code).toBe(0);
});

it('TC-21 TC-27 refuses when nothing lives', async () => {
  const { code, lines } = await sweep({ allowEmpty: false, apply: true });
  expect(code).toBe(4);
  expect(lines.at(-1)).toMatch(/^refused: no-anchors/);
  expect(await classes()).toHaveLength(7);
});

it('TC-15 TC-27 keeps the classes of allocations', async () => {
  const file = path.join(dir, 'allocations.yaml');
  writeFileSync(file, '- {id: one, tap: hype-vm1, state: Running, rate: 10mbit, class: "1:000c"}\n');
  expect((await sweep({ apply: true, allocationsFile: file })).code).toBe(0);
  expect(await classes()).toContain('1:c');
  expect(await classes()).not.toContain('1:abc');
});

it("TC-27 RM-4 waits for nobody's lock in vain: it refuses", async () => {
  const { lines } = await sweep({ json: true });
  const plan = JSON.parse(lines[0] as string) as { netns: string };
  const lock = tryLock(path.join(dir, `${plan.netns}-tc.lock`));
  expect((await sweep({ apply: true })).code).toBe(4);
  lock?.release();
  expect((await sweep({ apply: true })).code).toBe(0);
});

it('TC-10 TC-27 exits 3 when the kernel keeps a class, and takes the others all the same', async () => {
  // A filter of an inner class is in no list of the root's: only the kernel knows that it holds the class.
  const filter = 'filter add dev vmbr0 parent 1:1 protocol ip prio 5 u32 match u32 0 0 flowid 1:abc';
  await namespace.run('tc', ...filter.split(' '));
  const { code, lines } = await sweep({ apply: true });
  expect([code, lines.at(-1)]).toEqual([3, expect.stringMatching(/stale_classes=1 failed=1$/)]);
  expect([(await classes()).includes('1:abc'), (await classes()).includes('1:c')]).toEqual([true, false]);
});

it('TC-27 carries out a plan from a file, and of it only what still holds', async () => {
  const { lines } = await sweep({ json: true });
  const plan = path.join(dir, 'plan.json');
  writeFileSync(plan, lines[0] as string);
  expect(JSON.parse(lines[0] as string)).toMatchObject({ schema: 1, bridge: 'vmbr0', classes: expect.arrayContaining(['1:c', '1:abc']) });
  await namespace.run('tc', 'class', 'add', 'dev', 'vmbr0', 'parent', '1:1', 'classid', '1:777', 'htb', 'rate', '10mbit');
  await namespace.run('tc', 'class', 'add', 'dev', 'vmbr0', 'parent', '1:abc', 'classid', '1:abd', 'htb', 'rate', '10mbit');
  expect((await sweep({ apply: true, plan })).code).toBe(0);
  const left = await classes();
  expect([left.includes('1:c'), left.includes('1:abc'), left.includes('1:777')]).toEqual([false, true, true]);
  const other = { ...JSON.parse(lines[0] as string), netns: '1' };
  writeFileSync(plan, JSON.stringify(other));
  await expect(sweep({ apply: true, plan })).rejects.toThrow(/another namespace/);
});
