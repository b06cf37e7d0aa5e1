/**
 * Who supplies the parts of a guest. One virtual machine, several suppliers: here Debian's packages and this
 * machine's own folders; a Nix closure can be another without any change to the rest of vm/.
 */
import { constants } from 'node:fs';
import { access, lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { type Entry, foldersOf } from './cpio.js';
import { VmError } from './errors.js';
import { type GuestKernel, requireKernel } from './kernel.js';

export interface GuestSupply {
  readonly kernel: GuestKernel;
  /** Path of qemu-system-*. */
  readonly qemu: string;
  /** A statically linked busybox: it is PID 1 of the guest and runs before anything is mounted. */
  readonly busybox: string;
  /** Folders that make up the guest's root, each seen at the path that it has outside. */
  readonly folders: readonly string[];
  /** Symbolic links in the guest's root, by name: `bin` -> `usr/bin`. */
  readonly links: Readonly<Record<string, string>>;
  /** Where bash is in the guest; becomes its /bin/sh. */
  readonly bash: string;
  /** The guest's /etc, paths beginning with `etc/`. */
  readonly etc: readonly Entry[];
}

/** This machine as supplier: its QEMU and busybox, its /usr, and the kernel that prepare.ts fetched. */
export async function debianSupply(): Promise<GuestSupply> {
  const [kernel, qemu, busybox, root, etc] = await Promise.all([
    requireKernel(),
    findProgram('qemu-system-x86_64', 'qemu-system-x86'),
    findProgram('busybox', 'busybox-static'),
    rootLayout(),
    publicEtc(),
  ]);
  return { kernel, qemu, busybox, ...root, bash: '/usr/bin/bash', etc };
}

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

/** /usr, and the folders beside it, which are links into it on a merged system and folders of their own on others. */
async function rootLayout(): Promise<Pick<GuestSupply, 'folders' | 'links'>> {
  const folders = ['/usr'];
  const links: Record<string, string> = {};
  for (const name of ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32']) {
    const stat = await lstat(`/${name}`).catch(() => undefined);
    if (stat?.isSymbolicLink()) links[name] = await readlink(`/${name}`);
    else if (stat?.isDirectory()) folders.push(`/${name}`);
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

async function publicEtc(): Promise<Entry[]> {
  const own = Object.entries(OWN_ETC).map(([name, data]): Entry => ({ kind: 'file', path: `etc/${name}`, data }));
  const copied = await Promise.all(PUBLIC_ETC.map((name) => copyOf(`etc/${name}`)));
  return [...foldersOf('etc/x'), ...own, ...copied.flat()];
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
