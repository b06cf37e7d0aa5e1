/** A route reconciler on a real namespace, with everything around it that the daemon would give it, passes started by hand. */

import { openRtnl } from '../../../native/rtnl/index.js';
import { type Prefix, parsePrefix } from '../../../native/rtnl/ip.js';
import { type TestNamespace, testNamespace } from '../../../native/rtnl/namespace.test-support.js';
import type { Route } from '../../../native/rtnl/route.js';
import { Registry } from '../../prom.js';
import { monotonic } from '../../ticker.js';
import { Audit } from '../audit.js';
import { createReconcileMetrics } from '../metrics.js';
import type { Mode } from '../model.js';
import { Writer } from '../writer.js';
import { DesiredRoutes } from './desired.js';
import { RouteReconciler, type RouteReconcilerOptions } from './reconciler.js';
import { type IntendedRoute, intend, keyOf, type RouteSpecInput, routeSpec } from './spec.js';

export const route = (spec: RouteSpecInput): IntendedRoute => intend(routeSpec.parse(spec));

export async function routeRig(over: Partial<RouteReconcilerOptions> = {}, excluded: readonly string[] = []) {
  const namespace: TestNamespace = await testNamespace();
  await namespace.ip(
    'link add v0 type veth peer name v1',
    'link set v0 up',
    'link set v1 up',
    'addr add 10.0.0.1/24 dev v0',
    'addr add 10.0.0.9/32 dev v0',
    'addr add fd00::1/64 dev v0 nodad',
  );
  const rtnl = await openRtnl(namespace.place);
  const world = {
    mode: 'repair' as Mode,
    epoch: 1,
    dumps: 0,
    /** Routes that dumps have brought so far. */
    visits: 0,
    now: 0,
    manualTime: false,
    /** What a dump brings instead of all that there is. */
    tear: undefined as ((items: readonly Route[], dump: number) => readonly Route[]) | undefined,
  };
  const lines: { level: string; message: string; fields: Record<string, unknown> }[] = [];
  const clock = { now: () => (world.manualTime ? world.now : monotonic.now()), after: monotonic.after };
  const writer = new Writer({ rtnl, clock, rate: 0, burst: 0 });
  const desired = new DesiredRoutes(excluded.map((text) => parsePrefix(text) as Prefix));
  const registry = new Registry();
  const audit = new Audit();
  const reconciler = new RouteReconciler({
    rtnl: {
      links: () => rtnl.links(),
      async lookAtRoutes(look) {
        world.dumps += look.filters.length;
        const visit = (item: Route) => {
          world.visits++;
          return look.visit(item);
        };
        if (world.tear === undefined) return rtnl.lookAtRoutes({ ...look, visit });
        const all = (await Promise.all(look.filters.map((filter) => rtnl.routes(filter)))).flatMap(({ items }) => items);
        const seen = world.tear(all, world.dumps);
        // As the addon would: what was right and is not seen is lost.
        const keys = new Set(seen.map(keyOf));
        const missed = [...desired.wanted.keys()].filter((key) => !keys.has(key)).map((key) => desired.generation(key));
        await look.lost?.(Float64Array.from(missed));
        for (const item of seen) visit(item);
      },
    },
    writer,
    desired,
    clock,
    log: (level, message, fields = {}) => lines.push({ level, message, fields }),
    audit,
    metrics: createReconcileMetrics(registry),
    mode: () => world.mode,
    epoch: () => world.epoch,
    protocols: new Set([186]),
    tables: [],
    conflict: 'report',
    adoptGraceMs: 0,
    prune: false,
    maxDeletes: 0,
    maxFraction: 0,
    logRepeatMs: 600_000,
    ...over,
  });
  return {
    namespace,
    rtnl,
    world,
    lines,
    writer,
    desired,
    registry,
    audit,
    reconciler,
    /** What the world sees of routes of protocol bgp in a table. */
    bgp: (table = 'main', family = '-4') => namespace.routes(family, 'route', 'show', 'table', table, 'proto', 'bgp'),
    async close() {
      await writer.close();
      await rtnl.close();
      await namespace.close();
    },
  };
}
