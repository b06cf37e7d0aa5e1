/** A hundred overflows, one after the other, and no tick that would come to the reader's help. */
import { readdirSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { started, within } from './start.test-support.js';

const ROUNDS = 100;

let rig: Awaited<ReturnType<typeof started>>;
afterEach(() => rig.close());

it('NL-12 F1 is right within a second of each of 100 overflows, and keeps its threads and descriptors', async () => {
  rig = await started({ 'if-mode': 'observe', 'if-interval': '0', 'nl-rcvbuf': '4096', 'if-debounce': '50ms' });
  const mtu = () => [...(rig.reconcilers.interfaces()?.interfaces.values() ?? [])].find(({ name }) => name === 'v0')?.mtu;
  await within(2_000, () => mtu() !== undefined);
  const held = () => [readdirSync('/proc/self/fd').length, readdirSync('/proc/self/task').length];
  let before: number[] | undefined;
  let [right, slowest] = [0, 0];
  for (let round = 0; round < ROUNDS; round++) {
    const overflows = await rig.metric('netsoakd_reconcile_monitor_overflow_total');
    const flaps = Array.from({ length: 20 }, () => ['link set v1 down', 'link set v1 up']).flat();
    // The last change is told while nobody can hear it, or just after: either way it must be seen.
    while ((await rig.metric('netsoakd_reconcile_monitor_overflow_total')) === overflows)
      await rig.namespace.ip(...flaps, `link set v0 mtu ${1400 + round}`);
    const began = performance.now();
    if (await within(1_000, () => mtu() === 1400 + round)) right++;
    slowest = Math.max(slowest, performance.now() - began);
    before ??= held();
  }
  console.info(`right within a second after ${right} of ${ROUNDS} overflows, the slowest after ${slowest.toFixed(0)} ms`);
  expect(right).toBe(ROUNDS);
  expect(held()).toEqual(before);
});
