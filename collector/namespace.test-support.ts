/** Namespaces and what reading them gave, for tests that look at one field of many. */
import type { NamespaceRef, NamespaceResult } from '../native/index.js';

export function namespaceRef(name: string, over: Partial<NamespaceRef> = {}): NamespaceRef {
  return { path: `/n/${name}`, device: 4, inode: 1, name, containerId: '', containerRuntime: '', generation: 1, ...over };
}

export function namespaceResult(over: Partial<NamespaceResult> = {}): NamespaceResult {
  return { index: 0, status: 'ok', step: '', errno: 0, rows: 1, bytes: 1, interrupted: false, netnsCookie: 0n, ...over };
}
