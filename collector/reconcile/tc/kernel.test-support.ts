/**
 * A bridge's tc in memory, for what the real kernel cannot be made to do on demand: dumps that tear, listings that fail, handles that
 * change owner between two calls. It keeps the kernel's rules that the sweep leans on: a class with a filter is busy, the lowest free
 * handle is given out again at once, a new filter comes first, deleting a class takes its leaf along.
 */
import { type Answer, errnoName } from '../../../native/rtnl/index.js';
import type { Link } from '../../../native/rtnl/link.js';
import { decodeClass, decodeFilter, type Filter, newFilter, type TcClass } from '../../../native/rtnl/tc.js';
import { type Message, messageAt, RTM } from '../../../native/rtnl/wire.js';
import type { TcRtnl } from './kernel.js';

const BRIDGE = 7;
export const message = (bytes: Uint8Array): Message => messageAt(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0);

export const tcLink = (index: number, name: string): Link => ({
  index,
  name,
  flags: 1,
  mac: '',
  operstate: 6,
  master: BRIDGE,
  mtu: 1500,
  kind: 'tun',
  carrierChanges: 0,
});
export const tcClass = (minor: number, over: Partial<TcClass> = {}): TcClass => ({
  index: BRIDGE,
  handle: 0x1_0000 | minor,
  parent: minor === 1 ? 0x1_0000 : 0x1_0001,
  kind: 'htb',
  rate: 1,
  ceil: 1,
  priority: 1,
  ...over,
});
/** As the kernel would send it, by way of the wire. */
export const tcFilter = (handle: number, iif: number, minor: number, over: Partial<Filter> = {}): Filter => ({
  ...decodeFilter(message(newFilter({ index: BRIDGE, parent: 0x1_0000, handle, priority: 1, protocol: 3 }, 0x1_0000 | minor, iif))),
  ...over,
});

export class FakeTc {
  links = new Map<number, Link>([[BRIDGE, { ...tcLink(BRIDGE, 'vmbr0'), master: 0, kind: 'bridge' }]]);
  classes = new Map<number, TcClass>([[0x1_0001, tcClass(1)]]);
  filters: Filter[] = [];
  writes: { type: number; handle: number }[] = [];
  fail: Partial<Record<'links' | 'classes' | 'filters', boolean>> = {};
  /** Applied to every dump of classes and filters. */
  tear: <T>(items: readonly T[]) => readonly T[] = (items) => items;
  /** Called before each change reaches the tables. */
  beforeChange: (type: number) => void = () => {};
  defaultClass = 0;

  filter = async (handle: number): Promise<Filter | undefined> =>
    this.filters.find((each) => each.handle === handle && each.priority === 1);

  readonly rtnl: TcRtnl = {
    cookie: 4711n,
    links: async () => this.dump('links', [...this.links.values()], false),
    qdiscs: async () => ({
      items: [{ index: BRIDGE, handle: 0x1_0000, parent: 0xffff_ffff, kind: 'htb', defaultClass: this.defaultClass }],
      consistent: true,
      passes: 1,
    }),
    classes: async () => this.dump('classes', [...this.classes.values()]),
    filters: async () => this.dump('filters', this.filters),
    filtersAt: (refs) => Promise.all(refs.map(({ handle }) => this.filter(handle))),
    link: async (index) => this.links.get(index),
    linksAt: (indexes) => Promise.all(indexes.map((index) => this.rtnl.link(index))),
  };

  readonly writer = {
    change: async (messages: readonly Uint8Array[]): Promise<readonly Answer[]> => messages.map((bytes) => this.change(bytes)),
  };

  addVm(index: number, name: string, minor: number): void {
    this.links.set(index, tcLink(index, name));
    this.classes.set(0x1_0000 | minor, tcClass(minor));
    this.addFilter(index, minor);
  }

  /** Class and filter of a TAP that is gone. */
  leak(index: number, minor: number): void {
    this.classes.set(0x1_0000 | minor, tcClass(minor));
    this.addFilter(index, minor);
  }

  addFilter(iif: number, minor: number): Filter {
    const filter = tcFilter(this.freeHandle(), iif, minor);
    this.filters.unshift(filter);
    return filter;
  }

  private freeHandle(): number {
    const used = new Set(this.filters.map(({ handle }) => handle));
    let handle = 1;
    while (used.has(handle)) handle++;
    return handle;
  }

  private async dump<T>(what: 'links' | 'classes' | 'filters', items: readonly T[], tears = true) {
    if (this.fail[what]) throw new Error(`cannot list ${what}: EPERM`);
    return { items: tears ? this.tear(items) : items, consistent: true, passes: 1 };
  }

  private change(bytes: Uint8Array): Answer {
    const told = message(bytes);
    const handle = told.view.getUint32(told.start + 8, true);
    this.beforeChange(told.type);
    this.writes.push({ type: told.type, handle });
    if (told.type === RTM.DELTFILTER) {
      const at = this.filters.findIndex((filter) => filter.handle === handle);
      const [gone] = at < 0 ? [] : this.filters.splice(at, 1);
      return gone === undefined ? answer(2) : { ...answer(0), reply: [echoOf(gone)] };
    }
    if (told.type === RTM.NEWTFILTER) {
      const filter = decodeFilter(told);
      this.filters.unshift({ ...filter, handle: filter.handle === 0 ? this.freeHandle() : filter.handle });
      return answer(0);
    }
    if (told.type === RTM.DELTCLASS) {
      if (!this.classes.has(handle)) return answer(2);
      if (this.filters.some(({ classId }) => classId === handle)) return answer(16);
      this.classes.delete(handle);
      return answer(0);
    }
    if (told.type === RTM.NEWTCLASS) {
      if (this.classes.has(handle)) return answer(17);
      this.classes.set(handle, decodeClass(told));
      return answer(0);
    }
    if (told.type === RTM.DELLINK) this.links.delete(told.view.getInt32(told.start + 4, true));
    return answer(0);
  }
}

function answer(errno: number): Answer {
  return { errno, code: errnoName(errno), detail: '', reply: [] };
}

/** The echo of a deletion: the filter as it was, as RTM_DELTFILTER. */
function echoOf(filter: Filter): Message {
  const iif = filter.ematches[0]?.data ?? new Uint8Array();
  const index = iif.length >= 20 ? new DataView(iif.buffer, iif.byteOffset).getUint32(16, true) : 0;
  const told = message(
    newFilter(
      { index: filter.index, parent: filter.parent, handle: filter.handle, priority: filter.priority, protocol: 3 },
      filter.classId,
      index,
    ),
  );
  return { ...told, type: RTM.DELTFILTER };
}
