/** What reader and destroy listener hand to the addon, and in which shape. */
import type { NamespaceRef, RowIdentity } from './index.js';

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
export interface FlatNamespaces {
  /** What it was made of, to know whether it still stands. */
  readonly namespaces: readonly NamespaceRef[];
  readonly strings: string;
  readonly numbers: Float64Array;
}

/**
 * Namespaces as text and numbers: as objects, 10,000 of them would cost the JS thread 60,000 property reads through Node-API.
 * Path, name, container id and runtime of each, each ended by NUL; device, inode, generation, and whether to ask first, of each.
 * @param hasSockets namespaces that are dumped without asking first
 * @param before the last one: where it is of the same namespaces, its text is used again
 */
export function flattenNamespaces(
  namespaces: readonly NamespaceRef[],
  hasSockets: (namespace: NamespaceRef) => boolean = () => true,
  before?: FlatNamespaces,
): FlatNamespaces {
  const same = before?.namespaces.length === namespaces.length && before.namespaces.every((namespace, i) => namespace === namespaces[i]);
  const numbers = same ? before.numbers : new Float64Array(4 * namespaces.length);
  let strings = '';
  namespaces.forEach((namespace, index) => {
    const { device, inode, generation, path, name, containerId, containerRuntime } = namespace;
    numbers[4 * index + 3] = hasSockets(namespace) ? 0 : 1;
    if (same) return;
    numbers[4 * index] = device;
    numbers[4 * index + 1] = inode;
    numbers[4 * index + 2] = generation;
    strings += `${path}\0${name}\0${containerId}\0${containerRuntime}\0`;
  });
  return { namespaces, strings: same ? before.strings : strings, numbers };
}
