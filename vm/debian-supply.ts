/**
 * Debian as supplier of a guest: this machine's QEMU and busybox, its own folders, and the kernel that prepare.ts
 * fetched.
 */
import { constants } from 'node:fs';
import { access, lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { type Entry, foldersOf } from './cpio.js';
import { VmError } from './errors.js';
import { requireKernel } from './kernel.js';
import type { GuestSupply } from './supply.js';

export async function debianSupply(): Promise<GuestSupply> {
  const [kernel, qemu, busybox, root, etc] = await Promise.all([
    requireKernel(),
    findProgram('qemu-system-x86_64', 'qemu-system-x86'),
    findProgram('busybox', 'busybox-static'),
    layoutOf(['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32']),
    publicEtc(),
  ]);
  return { kernel, qemu, busybox, ...root, path: PATH, bash: '/usr/bin/bash', etc };
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Path of a program on PATH; its absence names the package that has it. */
export async function findProgram(name: string, debianPackage: string): Promise<string> {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/bin', '/usr/sbin', '/sbin']) {
    const path = join(folder, name);
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    ) {
      return path;
    }
  }
  throw new VmError(
    'program-missing',
    `the program ${name} is missing`,
    `run \`npm run setup base\`, or as root: apt-get install ${debianPackage}`,
  );
}

/** Which of these folders of the root are there, and which are links (as /bin is into /usr on a merged system). */
export async function layoutOf(paths: readonly string[]): Promise<Pick<GuestSupply, 'folders' | 'links'>> {
  const folders: string[] = [];
  const links: Record<string, string> = {};
  for (const path of paths) {
    const stat = await lstat(path).catch(() => undefined);
    if (stat?.isSymbolicLink()) links[path.slice(1)] = await readlink(path);
    else if (stat?.isDirectory()) folders.push(path);
  }
  return { folders, links };
}

/**
 * What programs need of /etc and everybody may read. A list of what goes in, never of what stays out: /etc holds
 * keys and passwords too.
 */
const PUBLIC_ETC = ['alternatives', 'iproute2', 'ld.so.cache', 'ld.so.conf', 'ld.so.conf.d', 'os-release', 'protocols', 'services'];

/** Accounts and names are the guest's own: this machine's users are nobody's business there. */
const OWN_ETC: Readonly<Record<string, string>> = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n',
  group: 'root:x:0:\nnogroup:x:65534:\n',
  hostname: 'netsoak-guest\n',
  hosts: '127.0.0.1 localhost netsoak-guest\n::1 localhost ip6-localhost\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\nprotocols: files\nservices: files\n',
  'resolv.conf': '',
  fstab: '',
};

/** The part of /etc that is the same whoever supplies the rest. */
export function ownEtc(): Entry[] {
  return [...foldersOf('etc/x'), ...Object.entries(OWN_ETC).map(([name, data]): Entry => ({ kind: 'file', path: `etc/${name}`, data }))];
}

async function publicEtc(): Promise<Entry[]> {
  const copied = await Promise.all(PUBLIC_ETC.map((name) => copyOf(`etc/${name}`)));
  return [...ownEtc(), ...copied.flat()];
}

/** The file, link or folder at `/path`, as entries; nothing if it is not there or not for everybody's eyes. */
async function copyOf(path: string): Promise<Entry[]> {
  const stat = await lstat(`/${path}`).catch(() => undefined);
  if (stat === undefined) return [];
  if (stat.isSymbolicLink()) return [{ kind: 'link', path, target: await readlink(`/${path}`) }];
  if ((stat.mode & constants.S_IROTH) === 0) return [];
  if (stat.isFile()) return [{ kind: 'file', path, data: await readFile(`/${path}`) }];
  if (!stat.isDirectory()) return [];
  const inside = await Promise.all((await readdir(`/${path}`)).sort().map((name) => copyOf(`${path}/${name}`)));
  return [{ kind: 'folder', path }, ...inside.flat()];
}
