/** Looks at the kernel's routes: what differs from what is wanted, and what else is there that is ours. Writes nothing. */
import type { Rtnl } from '../../../native/rtnl/index.js';
import type { Route, RouteFilter } from '../../../native/rtnl/route.js';
import { diff, inTurns } from '../diff.js';
import type { Metrics } from '../metrics.js';
import type { Drift } from '../model.js';
import type { DesiredRoutes } from './desired.js';
import { type IntendedRoute, keyOf, resolve, sameValue } from './spec.js';

export type RouteDrift = Drift<IntendedRoute, Route>;

export interface LookOptions {
  readonly rtnl: Pick<Rtnl, 'lookAtRoutes' | 'links'>;
  readonly desired: DesiredRoutes;
  readonly metrics: Metrics;
  /** RTPROT_* that are ours. */
  readonly protocols: ReadonlySet<number>;
  /** Tables to look at beside those of desired routes, to find what an earlier run left. */
  readonly tables: readonly number[];
}

/** What a look found beside the routes that are just as wanted. */
export interface Look {
  readonly drift: readonly RouteDrift[];
  /** Routes by key that are not as wanted, or not wanted at all. */
  readonly other: ReadonlyMap<string, Route>;
}

/** The `family|table` of a key. */
export const placeOf = (key: string): string => key.split('|', 2).join('|');

function filterOf(place: string): RouteFilter {
  const [family, table] = place.split('|');
  return { family: family === '6' ? 6 : 4, table: Number(table) };
}

export class RouteLooks {
  /** By name, as of the last look or write. */
  readonly indexes = new Map<string, number>();

  private last: Promise<unknown> = Promise.resolve();

  /** @param gone called with the names of interfaces that were there at the last look and are deleted, whatever has their names now */
  constructor(
    private readonly options: LookOptions,
    private readonly gone: (names: readonly string[]) => void,
  ) {}

  /**
   * One look at a time: what is known to be right is remembered from one to the next.
   * @param contested places where everything is looked at, because a foreign route holds a wanted key
   * @throws NetlinkError
   */
  look(contested: ReadonlySet<string>): Promise<Look> {
    const result = this.last.then(() => this.lookNow(contested));
    this.last = result.catch(() => {});
    return result;
  }

  private async lookNow(contested: ReadonlySet<string>): Promise<Look> {
    if (this.options.desired.namesInterfaces) await this.readIndexes();
    const other = await this.observe(this.places(), contested, false);
    const drift = await this.confirm(await this.compare(this.options.desired.converged.open, other), contested);
    return { drift, other };
  }

  resolve(intended: IntendedRoute): Route | undefined {
    return resolve(intended, (name) => this.indexes.get(name));
  }

  async readIndexes(): Promise<void> {
    const { items } = await this.options.rtnl.links();
    const before = new Map(this.indexes);
    this.indexes.clear();
    for (const { name, index } of items) this.indexes.set(name, index);
    const alive = new Set(items.map(({ index }) => index));
    const gone = [...before].filter(([, index]) => !alive.has(index)).map(([name]) => name);
    if (gone.length > 0) this.gone(gone);
    const moved = (name: string) => before.get(name) !== this.indexes.get(name);
    if (items.length !== before.size || items.some(({ name }) => moved(name)))
      this.options.desired.converged.doubt(({ devices }) => devices.some((name) => name !== '' && moved(name)));
  }

  private places(): Map<string, RouteFilter> {
    const places = new Map<string, RouteFilter>();
    for (const place of this.options.desired.places()) places.set(place, filterOf(place));
    for (const table of this.options.tables) for (const family of [4, 6] as const) places.set(`${family}|${table}`, { family, table });
    return places;
  }

  /**
   * One family and table at a time; everything in it when a key there is in conflict, else only what is ours.
   * @param again a second look at part of it, which tells nothing about what it did not see
   */
  private async observe(
    places: ReadonlyMap<string, RouteFilter>,
    contested: ReadonlySet<string>,
    again: boolean,
  ): Promise<ReadonlyMap<string, Route>> {
    const { rtnl, protocols, desired } = this.options;
    const { converged } = desired;
    const other = new Map<string, Route>();
    const filters = [...places].flatMap(([place, filter]) =>
      contested.has(place) ? [filter] : [...protocols].map((protocol) => ({ ...filter, protocol })),
    );
    const visit = (route: Route): number | undefined => {
      const key = keyOf(route);
      const tag = desired.generation(key);
      if (converged.isRight(tag)) return undefined;
      const ours = protocols.has(route.protocol);
      const want = desired.wanted.get(key);
      if (ours && want !== undefined && this.asWanted(want, route)) {
        converged.found(want, tag);
        other.delete(key);
        return tag;
      }
      const known = other.get(key);
      // Of several with one key the first is in force, but ours goes before a foreign one: it is ours to judge.
      if (known === undefined || (ours && !protocols.has(known.protocol))) other.set(key, route);
      return undefined;
    };
    const lost = (tags: Float64Array) => inTurns(converged.losing(tags));
    await rtnl.lookAtRoutes({ filters, forget: converged.takeForgotten(), visit, ...(again ? {} : { lost }) });
    return other;
  }

  private asWanted(want: IntendedRoute, have: Route): boolean {
    const resolved = this.resolve(want);
    return resolved !== undefined && sameValue(resolved, have);
  }

  private compare(open: ReadonlyMap<string, IntendedRoute>, other: ReadonlyMap<string, Route>): Promise<RouteDrift[]> {
    return inTurns(
      diff({
        desired: open,
        observed: other,
        equal: (want, have) => this.asWanted(want, have),
        owner: (have) => (this.options.protocols.has(have.protocol) ? '' : `protocol ${have.protocol}`),
      }),
    );
  }

  /** IPv6 dumps tear without a word: absence needs a second look. An IPv4 dump resumes by key, and EXCL guards the write besides. */
  private async confirm(drift: RouteDrift[], contested: ReadonlySet<string>): Promise<RouteDrift[]> {
    const doubtful = new Map<string, IntendedRoute>();
    const places = new Map<string, RouteFilter>();
    for (const item of drift) {
      if (item.kind !== 'missing' || item.want.route.family !== 6) continue;
      doubtful.set(item.key, item.want);
      places.set(placeOf(item.key), filterOf(placeOf(item.key)));
    }
    if (doubtful.size === 0) return drift;
    const again = await this.observe(places, contested, true);
    const { converged } = this.options.desired;
    const stillOpen = new Map([...doubtful].filter(([key]) => converged.open.has(key)));
    // Found at the second look, it may still have another value; what else that look found is the next pass's to judge.
    const late = (await this.compare(stillOpen, again)).filter(({ key }) => doubtful.has(key));
    const torn = doubtful.size - late.filter(({ kind }) => kind === 'missing').length;
    if (torn > 0) this.options.metrics.torn.inc({ kind: 'route6' }, torn);
    return [...drift.filter(({ key }) => !doubtful.has(key)), ...late];
  }
}
