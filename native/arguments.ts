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

/**
 * Namespaces as text and numbers: as objects, 10,000 of them would cost the JS thread 60,000 property reads through Node-API.
 * Path, name, container id and runtime of each, each ended by NUL; device, inode, generation, and whether to ask first, of each.
 */
export function flattenNamespaces(namespaces: readonly NamespaceRef[]): [strings: string, numbers: Float64Array] {
  const numbers = new Float64Array(4 * namespaces.length);
  const strings: string[] = [];
  namespaces.forEach((namespace, index) => {
    numbers.set([namespace.device, namespace.inode, namespace.generation, namespace.askFirst === true ? 1 : 0], 4 * index);
    strings.push(namespace.path, namespace.name, namespace.containerId, namespace.containerRuntime);
  });
  return [strings.map((text) => `${text.replaceAll('\0', '')}\0`).join(''), numbers];
}
