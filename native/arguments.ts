/** What reader and destroy listener hand to the addon, and in which shape. */
import type { RawNamespaces } from './addon.js';
import type { RowIdentity } from './index.js';
import { FoundNamespaces, type NamespaceList } from './namespaces.js';

/** Size of a pool block, and so the largest envelope. */
export const BLOCK_BYTES = 1 << 20;

/** Five texts, then eight of each uplink in the order of their columns. */
export function identityColumns(identity: RowIdentity): readonly string[] {
  const uplinks = (identity.uplinks ?? [])
    .slice(0, 2)
    .flatMap((uplink) => [
      uplink.name,
      uplink.driver,
      uplink.model,
      String(uplink.pciVendor),
      String(uplink.pciDevice),
      uplink.busInfo,
      String(uplink.speedMbps),
      uplink.firmware,
    ]);
  return [identity.daemonVersion, identity.hostname, identity.location, identity.label, identity.tag, ...uplinks];
}

/**
 * Refuses an option that is no whole number in its range.
 * @throws RangeError
 */
export function checkRange(name: string, value: unknown, least: number, most: number): void {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be a whole number from ${least} to ${most}, not ${String(value)}.`);
  }
}

/** Namespaces as the addon takes them. */
export type RawList = readonly [RawNamespaces] | readonly [strings: string, numbers: Float64Array];

/**
 * A list that the addon keeps by itself; others as text and numbers: path, name, container id and runtime of each, each ended by NUL; device, inode,
 * generation and 0 of each (it is not asked whether it has sockets before it is dumped).
 */
export function rawList(namespaces: NamespaceList): RawList {
  if (namespaces instanceof FoundNamespaces) return [namespaces.handle];
  const numbers: number[] = [];
  let strings = '';
  for (const { device, inode, generation, path, name, containerId, containerRuntime } of namespaces) {
    numbers.push(device, inode, generation, 0);
    strings += `${path}\0${name}\0${containerId}\0${containerRuntime}\0`;
  }
  return [strings, Float64Array.from(numbers)];
}
