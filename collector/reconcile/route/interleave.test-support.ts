/**
 * Seeded interleavings of everything that can happen to a route at once: added, withdrawn, deleted by someone else, looked at, events
 * lost. After the dust has settled the kernel must hold exactly what was last intended, of each key.
 */
import { openRtnl } from '../../../native/rtnl/index.js';
import { changeRoute } from '../../../native/rtnl/route.js';
import { route, routeRig } from './rig.test-support.js';

/** mulberry32: small, seeded, good enough to shuffle. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

const SPECS = [
  { to: '203.0.113.0/24', via: '10.0.0.2' },
  { to: '203.0.113.0/24', via: '10.0.0.2', metric: 100 },
  { to: '2001:db8:1::/48', via: 'fd00::2' },
];

export interface InterleaveResult {
  readonly schedules: number;
  readonly withdrawals: number;
  readonly reinstallations: number;
  /** Seeds whose kernel was not as intended, with what was wrong. */
  readonly wrong: readonly string[];
}

export async function interleave(schedules: number, firstSeed: number): Promise<InterleaveResult> {
  const rig = await routeRig({ logRepeatMs: 600_000 });
  const stranger = await openRtnl(rig.namespace.place);
  const wrong: string[] = [];
  let [withdrawals, reinstallations] = [0, 0];
  rig.world.manualTime = true;
  try {
    for (let seed = firstSeed; seed < firstSeed + schedules; seed++) {
      const random = seeded(seed);
      const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
      const running: Promise<unknown>[] = [];
      const steps: string[] = [];
      for (let step = 0; step < 8; step++) {
        const spec = pick(SPECS);
        const intended = route(spec);
        const what = pick(['add', 'add', 'withdraw', 'withdraw', 'external', 'pass', 'pass', 'lost'] as const);
        steps.push(`${what} ${intended.key}`);
        if (what === 'add') running.push(rig.reconciler.add(intended));
        else if (what === 'withdraw') {
          withdrawals++;
          running.push(rig.reconciler.withdraw(intended.key));
        } else if (what === 'external') running.push(stranger.change([changeRoute(intended.route, 'delete')]));
        else if (what === 'pass') {
          running.push(
            rig.reconciler.pass('tick').then(({ outcomes }) => {
              reinstallations += outcomes.ok ?? 0;
            }),
          );
        } else rig.world.epoch++;
        const pause = Math.floor(random() * 3);
        for (let turn = 0; turn < pause; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
      }
      await Promise.all(running);
      // Long enough for every backoff and every fight to be over.
      for (let pass = 0; pass < 2; pass++) {
        rig.world.now += 1_300_000;
        await rig.reconciler.pass('tick');
      }
      const held = (await Promise.all([kernelKeys(rig, 4), kernelKeys(rig, 6)])).flat().sort();
      const intendedKeys = [...rig.desired.wanted.keys()].sort();
      if (held.join() !== intendedKeys.join()) {
        wrong.push(`seed ${seed}: kernel [${held}], intended [${intendedKeys}], after ${steps.join(', ')}`);
      }
      if (rig.desired.tombstones.size > 0) wrong.push(`seed ${seed}: tombstones ${[...rig.desired.tombstones.keys()]}`);
    }
  } finally {
    await stranger.close();
    await rig.close();
  }
  return { schedules, withdrawals, reinstallations, wrong };
}

async function kernelKeys(rig: Awaited<ReturnType<typeof routeRig>>, family: 4 | 6): Promise<string[]> {
  const { items } = await rig.rtnl.routes({ family, table: 254, protocol: 186 });
  return items.map((item) => `${item.family}|${item.table}|${item.destination}/${item.prefixLength}|${item.tos}|${item.priority}`);
}
