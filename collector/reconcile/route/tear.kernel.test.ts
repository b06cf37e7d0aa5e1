/** IPv6 dumps on a kernel whose table changes under them: they miss routes that are there, and the kernel does not say so. */
import { afterEach, expect, it } from 'vitest';
import { type NamespacePlace, openRtnl } from '../../../native/rtnl/index.js';
import { changeRoute } from '../../../native/rtnl/route.js';
import { route, routeRig } from './rig.test-support.js';
import { keyOf } from './spec.js';

let rig: Awaited<ReturnType<typeof routeRig>>;
afterEach(() => rig.close());

const ROUTES = 5_000;
const PASSES = 20;

/** Adds and deletes routes of another protocol, spread over the whole table, from a thread of its own until `body` is done. */
async function churning(place: NamespacePlace, body: () => Promise<void>): Promise<void> {
  const rtnl = await openRtnl(place);
  const spread = Array.from(
    { length: 250 },
    (_, i) => route({ to: `2001:db8:${(i * 20).toString(16)}:8000::/64`, via: 'fd00::3', protocol: 'static' }).route,
  );
  const messages = [...spread.map((each) => changeRoute(each, 'create')), ...spread.map((each) => changeRoute(each, 'delete'))];
  let going = true;
  const churned = (async () => {
    while (going) await rtnl.change(messages);
  })();
  try {
    await body();
  } finally {
    going = false;
    await churned;
    await rtnl.close();
  }
}

it('RT-24 NL-8 puts none of 5,000 IPv6 routes back that are there, although dumps tear, and does put back the one that is not', async () => {
  rig = await routeRig();
  const wanted = Array.from({ length: ROUTES }, (_, i) => route({ to: `2001:db8:${i.toString(16)}::/48`, via: 'fd00::2' }));
  await rig.rtnl.change(wanted.map((each) => changeRoute(each.route, 'create')));
  for (const each of wanted) rig.desired.put(each);
  let torn = 0;
  await churning(rig.namespace.place, async () => {
    for (let pass = 0; pass < PASSES; pass++) {
      const { items } = await rig.rtnl.routes({ family: 6, table: 254, protocol: 186 });
      if (new Set(items.map(keyOf)).size < ROUTES) torn++;
      expect((await rig.reconciler.pass('tick')).outcomes.ok ?? 0).toBe(0);
    }
  });
  expect(await rig.bgp('main', '-6')).toHaveLength(ROUTES);
  await rig.namespace.run('ip', '-6', 'route', 'del', '2001:db8:77::/48');
  expect((await rig.reconciler.pass('tick')).outcomes).toEqual({ ok: 1 });
  console.info(`${torn} of ${PASSES} dumps beside them missed routes that were there`);
}, 120_000);
