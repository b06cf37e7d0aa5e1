/**
 * Finds the network namespaces of this host: the collector's own, every bind mount in the configured
 * directories, and every one that a process lives in. Runs before each poll, keeps nothing open; what it found stays in the addon's table.
 *
 * Names: the collector's own namespace is always `host`, one word to ask for on every machine (container
 * runtimes bind-mount it under names of their own, Docker as `default`). Others have the file name of
 * their bind mount; the id of the container that lives in them; or `netns:[inode]`.
 */
import { type NamespaceList, NamespaceTable, type TablePlaces, type UnreadDirectory } from '../native/index.js';
import { containerOf } from './containers.js';

export interface Discovery {
  readonly namespaces: NamespaceList;
  /** Processes whose namespace may not be looked at (ptrace access, see proc_pid_ns(5)). */
  readonly denied: number;
  /** Directories that are there and can't be read: none of their namespaces was found. */
  readonly unread: readonly UnreadDirectory[];
}

export const KERNEL: TablePlaces = { proc: '/proc', own: '/proc/self/ns/net' };

export function openTable(dirs: readonly string[], places: TablePlaces = KERNEL): NamespaceTable {
  return new NamespaceTable(dirs, places);
}

/**
 * Looks at everything once. The event loop runs meanwhile.
 * @param table of the discoveries before
 * @param now milliseconds since 1970
 * @throws Error when not even this process's own namespace can be looked at
 */
export async function discover(table: NamespaceTable, now: number = Date.now()): Promise<Discovery> {
  const { denied, unread, questions } = await table.scan(now);
  for (const [inode, ...cgroups] of questions) {
    const told = cgroups.map(containerOf);
    const container = told.find((one) => one !== undefined);
    table.contain(inode, container?.id ?? '', container?.runtime ?? '', container === told[0]);
  }
  return { namespaces: table.list(), denied, unread };
}
