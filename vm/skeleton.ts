/**
 * What the guest's root is before anything is mounted into it: folders, links and our own files, as entries of the
 * archive below {@link SKELETON}. init.sh copies it in one go; each folder made by a program of its own would cost
 * 5 ms under TCG. Pure.
 */
import { type Entry, foldersOf } from './cpio.js';

/** Where it lies in the initramfs. */
export const SKELETON = 'skeleton';

/** Where init.sh and what it needs lie in the guest. */
export const OURS = '.netsoak';

const FOLDERS = ['root', 'home', 'mnt', 'opt', 'srv', 'run/lock', 'run/netns', 'tmp', 'var/cache', 'var/lib', 'var/log', 'var/tmp'];
const MODES: Readonly<Record<string, number>> = { root: 0o700, tmp: 0o1777, 'var/tmp': 0o1777 };

/**
 * Folders, links and mount points of one guest. A mount point inside another mount is hidden by it: init.sh makes
 * those that it does not find.
 */
export function skeletonOf(
  links: Readonly<Record<string, string>>,
  shares: readonly { readonly tag: string; readonly path: string }[],
): Entry[] {
  const linked = Object.entries({ 'var/run': '/run', ...links });
  const layers = shares.flatMap(({ tag }) => [`${OURS}/lower/${tag}`, `${OURS}/layer/${tag}/upper`, `${OURS}/layer/${tag}/work`]);
  const folders = [...FOLDERS, ...layers, ...shares.map(({ path }) => path.slice(1))];
  const entries = new Map<string, Entry>();
  const add = (entry: Entry): void => void (entries.has(entry.path) || entries.set(entry.path, entry));
  for (const [path] of linked) foldersOf(path).forEach(add);
  for (const [path, target] of linked) add({ kind: 'link', path, target });
  for (const path of folders) for (const folder of foldersOf(`${path}/x`)) add({ ...folder, mode: MODES[folder.path] ?? 0o755 } as Entry);
  return [...entries.values()];
}

/** The same entries, to be found below {@link SKELETON}. */
export function inSkeleton(entries: readonly Entry[]): Entry[] {
  return entries.map((entry) => ({ ...entry, path: `${SKELETON}/${entry.path}` }));
}
