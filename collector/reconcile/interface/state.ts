/**
 * What the interfaces of a namespace are at a moment, and what differs between two moments. Pure. Equality is about what a user of the
 * state would act on: it includes the addresses of every single link (an address that moves to another link is a change) and leaves out
 * counters and stamps. Order never matters.
 */
import type { Address, Family } from '../../../native/rtnl/ip.js';
import { IFA_F_TENTATIVE, type InterfaceAddress, type Link } from '../../../native/rtnl/link.js';
import type { Route } from '../../../native/rtnl/route.js';

export interface InterfaceEntry {
  readonly index: number;
  readonly name: string;
  readonly flags: number;
  readonly mac: string;
  readonly operstate: number;
  readonly master: number;
  readonly mtu: number;
  readonly kind: string;
  /** `10.0.0.1/24`, with ` tentative` while duplicate detection runs; sorted. */
  readonly addresses: readonly string[];
}

export interface DefaultRoute {
  readonly gateway: Address;
  /** Index of the interface, 0 when there is none (blackhole, nexthop object). */
  readonly interface: number;
  readonly priority: number;
}

export interface InterfaceState {
  readonly interfaces: ReadonlyMap<number, InterfaceEntry>;
  /** The default route of the main table that the kernel would take, by family. */
  readonly defaults: Readonly<Partial<Record<Family, DefaultRoute>>>;
}

/** Names of what differs, for people and tests. */
export interface InterfaceChange {
  readonly kind: 'added' | 'removed' | 'changed' | 'default-route';
  /** Index of the interface, or the family of the default route. */
  readonly index: number;
  readonly name: string;
  /** Fields that differ. */
  readonly fields: readonly string[];
}

export function interfaceState(links: readonly Link[], addresses: readonly InterfaceAddress[], defaults: readonly Route[]): InterfaceState {
  const texts = new Map<number, string[]>();
  for (const { index, address, prefixLength, flags } of addresses) {
    const text = `${address}/${prefixLength}${(flags & IFA_F_TENTATIVE) === 0 ? '' : ' tentative'}`;
    const list = texts.get(index);
    if (list === undefined) texts.set(index, [text]);
    else list.push(text);
  }
  const interfaces = new Map<number, InterfaceEntry>();
  for (const { index, name, flags, mac, operstate, master, mtu, kind } of links) {
    interfaces.set(index, { index, name, flags, mac, operstate, master, mtu, kind, addresses: (texts.get(index) ?? []).sort() });
  }
  const best: Partial<Record<Family, DefaultRoute>> = {};
  for (const { family, prefixLength, priority, nexthops } of defaults) {
    if (prefixLength !== 0) continue;
    const known = best[family];
    if (known !== undefined && known.priority <= priority) continue;
    best[family] = { gateway: nexthops[0]?.gateway ?? '', interface: nexthops[0]?.oif ?? 0, priority };
  }
  return { interfaces, defaults: best };
}

const FIELDS = ['name', 'flags', 'mac', 'operstate', 'master', 'mtu', 'kind'] as const;

/** Empty when nothing that matters differs. */
export function interfaceChanges(before: InterfaceState, now: InterfaceState): InterfaceChange[] {
  const changes: InterfaceChange[] = [];
  for (const [index, entry] of now.interfaces) {
    const old = before.interfaces.get(index);
    if (old === undefined) {
      changes.push({ kind: 'added', index, name: entry.name, fields: [] });
      continue;
    }
    const fields: string[] = FIELDS.filter((field) => old[field] !== entry[field]);
    if (old.addresses.join() !== entry.addresses.join()) fields.push('addresses');
    if (fields.length > 0) changes.push({ kind: 'changed', index, name: entry.name, fields });
  }
  for (const [index, entry] of before.interfaces) {
    if (!now.interfaces.has(index)) changes.push({ kind: 'removed', index, name: entry.name, fields: [] });
  }
  for (const family of [4, 6] as const) {
    const [old, entry] = [before.defaults[family], now.defaults[family]];
    const fields = (['gateway', 'interface', 'priority'] as const).filter((field) => old?.[field] !== entry?.[field]);
    if (fields.length > 0) changes.push({ kind: 'default-route', index: family, name: `IPv${family}`, fields });
  }
  return changes;
}
