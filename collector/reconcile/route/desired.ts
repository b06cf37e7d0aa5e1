/**
 * The routes that are meant to be, recorded before anything is written, so that one whose first write failed is tried again. Every change
 * is synchronous and gives its key a new generation; a write planned under an older generation is not carried out.
 *
 * What is withdrawn leaves a tombstone until the kernel has confirmed its deletion: a deletion that failed must be repeated, not forgotten.
 */
import { contains, type Prefix } from '../../../native/rtnl/ip.js';
import { Converged } from './converged.js';
import type { IntendedRoute } from './spec.js';

const prefixOf = ({ route }: IntendedRoute): Prefix => ({ family: route.family, address: route.destination, length: route.prefixLength });

export class DesiredRoutes {
  /** What should be in the kernel. */
  readonly wanted = new Map<string, IntendedRoute>();
  /** What should be gone from it, and is not known to be. */
  readonly tombstones = new Map<string, IntendedRoute>();
  /** Which of them a look has found. */
  readonly converged = new Converged();
  /** Known, but not wanted for now: their group is down, or their interface is gone. */
  private readonly parked = new Map<string, IntendedRoute>();
  private readonly down = new Set<string>();
  private readonly generations = new Map<string, number>();
  private clock = 0;
  /** Wanted and buried routes of each `family|table`, and wanted ones that name an interface: counted here, so that no pass has to. */
  private readonly counted = new Map<string, number>();
  private named = 0;

  constructor(private readonly excluded: readonly Prefix[] = []) {}

  /** The latest generation: what is younger came after this moment. */
  get mark(): number {
    return this.clock;
  }

  generation(key: string): number {
    return this.generations.get(key) ?? 0;
  }

  /** `family|table` of everything wanted or to be deleted. */
  places(): Iterable<string> {
    return this.counted.keys();
  }

  get namesInterfaces(): boolean {
    return this.named > 0;
  }

  /** False when its destination is excluded: such a route is nobody's business here. */
  put(intended: IntendedRoute): boolean {
    if (this.excludes(intended)) return false;
    if (this.down.has(intended.group)) {
      this.parked.set(intended.key, intended);
      return true;
    }
    this.parked.delete(intended.key);
    this.forget(this.wanted, intended.key);
    this.forget(this.tombstones, intended.key);
    this.touch(intended.key);
    this.keep(this.wanted, intended);
    return true;
  }

  /** The route that is now to be deleted; undefined when none was wanted. */
  withdraw(key: string): IntendedRoute | undefined {
    this.parked.delete(key);
    return this.bury(key);
  }

  /** A deletion is confirmed. `generation` is that of the deletion: a later intent stands. */
  deleted(key: string, generation: number): void {
    if (this.generation(key) === generation) this.forget(this.tombstones, key);
  }

  /** The routes of a group that are now to be deleted. Those added to it later wait too. */
  groupDown(group: string): IntendedRoute[] {
    this.down.add(group);
    return this.park((intended) => intended.group === group);
  }

  /** The routes of a group that are wanted again. */
  groupUp(group: string): IntendedRoute[] {
    this.down.delete(group);
    const back = [...this.parked.values()].filter((intended) => intended.group === group);
    for (const intended of back) this.put(intended);
    return back;
  }

  /** Routes that lead nowhere any more are parked until their group comes up or they are put again. */
  park(condition: (intended: IntendedRoute) => boolean): IntendedRoute[] {
    const gone = [...this.wanted.values()].filter(condition);
    for (const intended of gone) {
      this.bury(intended.key);
      this.parked.set(intended.key, intended);
    }
    return gone;
  }

  excludes(intended: IntendedRoute): boolean {
    const inner = prefixOf(intended);
    return this.excluded.some((outer) => contains(outer, inner));
  }

  groups(): { readonly down: readonly string[]; readonly parked: readonly string[] } {
    return { down: [...this.down].sort(), parked: [...this.parked.keys()].sort() };
  }

  private bury(key: string): IntendedRoute | undefined {
    const intended = this.wanted.get(key);
    if (intended === undefined) return undefined;
    this.forget(this.wanted, key);
    this.touch(key);
    this.keep(this.tombstones, intended);
    return intended;
  }

  private keep(routes: Map<string, IntendedRoute>, intended: IntendedRoute): void {
    routes.set(intended.key, intended);
    if (routes === this.wanted) this.converged.wanted(intended);
    this.count(intended, 1, routes === this.wanted);
  }

  private forget(routes: Map<string, IntendedRoute>, key: string): void {
    const intended = routes.get(key);
    if (intended === undefined) return;
    routes.delete(key);
    if (routes === this.wanted) this.converged.unwanted(key, this.generation(key));
    this.count(intended, -1, routes === this.wanted);
  }

  private count({ route, devices }: IntendedRoute, step: 1 | -1, wanted: boolean): void {
    const place = `${route.family}|${route.table}`;
    const count = (this.counted.get(place) ?? 0) + step;
    if (count === 0) this.counted.delete(place);
    else this.counted.set(place, count);
    if (wanted && devices.some((name) => name !== '')) this.named += step;
  }

  private touch(key: string): void {
    this.generations.set(key, ++this.clock);
  }
}
