/** What reader and destroy listener hand to the addon, and in which shape. */
import type { NamespaceRef, RowIdentity } from './index.js';

/** Size of a pool block, and so the largest envelope. */
export const BLOCK_BYTES = 1 << 20;

export function identityColumns(identity: RowIdentity): readonly string[] {
  return [identity.daemonVersion, identity.hostname, identity.location, identity.label, identity.tag];
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
 * Path, name, container id and runtime of each, each ended by NUL; device and inode of each.
 */
export function flattenNamespaces(namespaces: readonly NamespaceRef[]): [strings: string, numbers: Float64Array] {
  const numbers = new Float64Array(2 * namespaces.length);
  const strings: string[] = [];
  namespaces.forEach((namespace, index) => {
    numbers[2 * index] = namespace.device;
    numbers[2 * index + 1] = namespace.inode;
    strings.push(namespace.path, namespace.name, namespace.containerId, namespace.containerRuntime);
  });
  return [strings.map((text) => `${text.replaceAll('\0', '')}\0`).join(''), numbers];
}
