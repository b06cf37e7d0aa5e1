/**
 * Which folders the guest may see. It gets what it needs and nothing else: never a home directory, never a
 * folder that holds one. Pure, apart from asking where homes are.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VmError } from './errors.js';

export interface Share {
  /** Absolute path, the same outside and in the guest. */
  readonly path: string;
}

/** The project: the folder that holds package.json, above dist/ or above the sources. */
export function projectFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

/** The folder that a Node installation consists of, or the one that holds the program if it is no installation of its own. */
export function nodeFolder(execPath: string = realpathSync(process.execPath)): string {
  const folder = dirname(execPath);
  const prefix = dirname(folder);
  return existsSync(join(prefix, 'include/node')) || existsSync(join(prefix, 'lib/node_modules/npm')) ? prefix : folder;
}

/** Folders that belong to people, from passwd(5), and those that usually do. */
export function homeFolders(passwd: string = readFileSync('/etc/passwd', 'utf8')): string[] {
  const people = passwd
    .split('\n')
    .map((line) => line.split(':'))
    // Accounts of the system have homes such as / and /bin; those below 1000 (login.defs, UID_MIN) are no people.
    .filter((fields) => Number(fields[2]) >= 1000 && Number(fields[2]) < 65534)
    .map((fields) => fields[5] ?? '')
    .filter((home) => home.startsWith('/'));
  const named = [homedir(), '/root', '/home', ...people].filter((home) => home !== '/' && home !== '/nonexistent');
  return [...new Set(named.flatMap((home) => [home, real(home)]))];
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/**
 * Checks the folders against `homes`, puts them in order (outer before inner) and drops those that lie within
 * another. A folder *below* a home directory is fine: it alone is shared, not what lies around it.
 */
export function checkShares(shares: readonly Share[], homes: readonly string[] = homeFolders()): string[] {
  const paths = [...new Set(shares.map(({ path }) => normalize(path).replace(/(?<=.)\/$/, '')))].sort();
  for (const path of paths) {
    const home = path === '/' ? '/' : homes.find((folder) => contains(path, folder));
    if (home !== undefined) {
      throw new VmError(
        'share-refused',
        `${path} is not shared with the guest: ${home === '/' ? 'it is everything' : `it is or holds the home directory ${home}`}`,
        'put the project into a folder of its own',
      );
    }
    // mkdir and mount run before the share is there; these belong to the guest.
    const own = ['/proc', '/sys', '/dev', '/run', '/etc'].find((folder) => contains(folder, path));
    if (own !== undefined) {
      throw new VmError('share-refused', `${path} can't be shared: ${own} is the guest's own`, 'put the project somewhere else');
    }
  }
  return paths.filter((path) => !paths.some((other) => other !== path && contains(other, path)));
}

/** Those that the guest does not see already, as part of a store. */
export function outsideStore(shares: readonly Share[], store: { readonly folder: string } | undefined): Share[] {
  return shares.filter(({ path }) => store === undefined || !contains(store.folder, path));
}

/** Whether `inner` is `outer` or lies in it. */
function contains(outer: string, inner: string): boolean {
  return inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`);
}
