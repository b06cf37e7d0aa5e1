/**
 * The guest's kernel: Debian's generic one, taken from its package without installing it, unpacked once and kept
 * in the cache. (Debian's *cloud* kernel has no 9p and can't see our shares.) {@link keepKernel} does the same for
 * a kernel from elsewhere.
 */
import { execFile, spawn } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { type Payload, payloadOf, startsByPvh } from './bzimage.js';
import { type Cache, findCached, publishFolder, userCache } from './cache.js';
import { fetchPackage } from './debian-package.js';
import { VmError } from './errors.js';
import { loadOrder, type ModuleInfo, moduleInfo, moduleName, modulesAlias, modulesDep, withoutSignature } from './modules.js';

const run = promisify(execFile);

/** Raise the number when what is kept changes: an old folder is then simply not found. */
const FOLDER = 'guest-kernel-2';

/** Debian's meta package; it depends on the kernel of the day. */
const META_PACKAGE = 'linux-image-amd64';

/**
 * What of the package's 390 MB of modules a guest may want: the network and what its links, shares and containers
 * are made of. Hardware that QEMU has not is left out. Dependencies come on top.
 */
const WANTED = [
  /^kernel\/net\/(?!bluetooth|mac80211|wireless|nfc|caif|batman-adv|ieee802154|6lowpan|mac802154|rxrpc|sunrpc|ceph|rds|tipc|dccp|appletalk)/,
  /^kernel\/drivers\/net\/(bonding|ipvlan|team|vxlan|wireguard|ppp)\//,
  /^kernel\/drivers\/net\/(dummy|geneve|gtp|ifb|macsec|macvlan|macvtap|net_failover|netconsole|nlmon|tap|tun|veth|virtio_net|vrf|vsockmon)\.ko/,
  /^kernel\/drivers\/(virtio|vhost|misc\/pvpanic)\//,
  /^kernel\/drivers\/(block\/(virtio_blk|loop|zram)|char\/(virtio_console|hw_random\/virtio-rng)|watchdog\/(i6300esb|softdog)|ptp\/ptp_kvm)\.ko/,
  /^kernel\/fs\/(9p|fuse|overlayfs|squashfs|configfs)\//,
  /^kernel\/(crypto|lib|arch\/x86\/crypto)\//,
];

export interface GuestKernel {
  /** `uname -r` of the guest. */
  readonly release: string;
  /** An ELF file that QEMU starts by PVH, or an image that unpacks itself. */
  readonly vmlinux: string;
  /** Folder that the guest sees as /lib/modules/RELEASE; holds modules.dep and modules.alias. */
  readonly modules: string;
}

/** The prepared kernel, from this user's cache or root's; undefined when nobody has prepared one. */
export async function findKernel(cache: Cache = userCache()): Promise<GuestKernel | undefined> {
  const folder = findCached(FOLDER, cache);
  if (folder === undefined) return undefined;
  const release = (await readFile(join(folder, 'release'), 'utf8')).trim();
  return { release, vmlinux: join(folder, 'vmlinux'), modules: join(folder, 'modules') };
}

/** Like {@link findKernel}, but its absence is an error that names the cure. */
export async function requireKernel(cache: Cache = userCache()): Promise<GuestKernel> {
  const kernel = await findKernel(cache);
  if (kernel !== undefined) return kernel;
  throw new VmError(
    'kernel-missing',
    `there is no guest kernel in ${cache.readable.join(' or ')}`,
    'prepare one with `npm run setup base` (or `node dist/vm/prepare.js`)',
  );
}

/** Fetches and unpacks the kernel unless it is there. `say` gets a line for each thing done. */
export async function prepareKernel(say: (line: string) => void, cache: Cache = userCache()): Promise<GuestKernel> {
  const present = await findKernel(cache);
  if (present !== undefined) return present;
  const work = await mkdtemp(join(tmpdir(), 'netsoak-kernel-'));
  // apt fetches as its own user when it can write here; without this it warns.
  chmodSync(work, 0o755);
  try {
    await publishFolder(
      FOLDER,
      async (draft) => keepPackage(await fetchPackage({ name: META_PACKAGE }, work, say), work, draft, say),
      cache,
    );
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return requireKernel(cache);
}

/** Fills a folder, like {@link keepKernel}, from the file of a kernel package; unpacks it into `work`. */
export async function keepPackage(deb: string, work: string, draft: string, say: (line: string) => void): Promise<void> {
  say('unpacking it');
  const unpacked = join(work, 'root');
  try {
    await run('dpkg', ['-x', deb, unpacked]);
  } catch (error) {
    const why = (error as { stderr?: string }).stderr?.trim().split('\n').at(-1) ?? (error as Error).message;
    throw new VmError('kernel-unusable', `${deb} is no Debian package: ${why}`, 'give the .deb of a linux-image package', { cause: error });
  }
  const image = (await readdir(join(unpacked, 'boot')).catch(() => [])).find((entry) => entry.startsWith('vmlinuz-'));
  if (image === undefined)
    throw new VmError('kernel-unusable', 'the kernel package holds no vmlinuz', 'report this with the package version');
  const release = image.slice('vmlinuz-'.length);
  await keepKernel(join(unpacked, 'boot', image), await modulesFolder(unpacked, release), release, draft, say);
  // mkdtemp made it for us alone; other users shall boot from it too.
  chmodSync(draft, 0o755);
}

/**
 * Fills a folder with what a guest takes: `vmlinux`, `release`, `modules/` with its indexes. Reads `image` (a bzImage,
 * or a vmlinux as it stands) and `modules` (lib/modules/RELEASE; undefined when all is built in), and writes to neither.
 */
export async function keepKernel(
  image: string,
  modules: string | undefined,
  release: string,
  draft: string,
  say: (line: string) => void,
): Promise<GuestKernel> {
  say(`extracting vmlinux ${release}`);
  const kernel = { release, vmlinux: join(draft, 'vmlinux'), modules: join(draft, 'modules') };
  await writeFile(kernel.vmlinux, await startable(await readFile(image), say), { mode: 0o644 });
  say(`kept ${await keepModules(modules, kernel.modules)} modules`);
  await writeFile(join(draft, 'release'), `${release}\n`, { mode: 0o644 });
  return kernel;
}

/** What QEMU is to start of an image: vmlinux if it can be had, else the bzImage as it is. Throws VmError for what is neither. */
async function startable(image: Buffer, say: (line: string) => void): Promise<Buffer> {
  if (isElf(image)) {
    if (startsByPvh(image)) return image;
    throw new VmError(
      'kernel-unusable',
      'this vmlinux has no PVH entry, by which QEMU starts one',
      'build it with CONFIG_PVH, or give its bzImage',
    );
  }
  const vmlinux = await unpackVmlinux(image);
  if (vmlinux !== undefined && startsByPvh(vmlinux)) return vmlinux;
  say('QEMU can not start what it holds: it unpacks itself at every boot, which costs seconds');
  return image;
}

/** Whether a file is ELF, as a vmlinux is. */
export function isElf(file: Buffer): boolean {
  return file.toString('latin1', 0, 4) === '\x7fELF';
}

/** From Debian 13 on the package is laid out for a merged /usr. */
async function modulesFolder(unpacked: string, release: string): Promise<string> {
  const places = ['lib', 'usr/lib'].map((lib) => join(unpacked, lib, 'modules', release));
  for (const place of places) {
    if (await readdir(place).catch(() => undefined)) return place;
  }
  throw new VmError('kernel-unusable', `the kernel package holds no modules for ${release}`, 'report this with the package version');
}

/** Undefined when its compression is one that we have no program for. */
async function unpackVmlinux(bzImage: Buffer): Promise<Buffer | undefined> {
  try {
    const payload = payloadOf(bzImage);
    if (payload.compression === 'other') return undefined;
    const vmlinux = await decompress(payload.compression, payload.bytes);
    if (vmlinux.length === payload.unpackedSize) return vmlinux;
    throw new Error(`it unpacks to ${vmlinux.length} bytes instead of ${payload.unpackedSize}`);
  } catch (error) {
    if (error instanceof VmError) throw error;
    throw new VmError(
      'kernel-unusable',
      `the kernel image can't be used: ${(error as Error).message}`,
      'give the bzImage or vmlinux of a kernel for x86-64, or the package that holds it',
      { cause: error },
    );
  }
}

async function decompress(compression: Exclude<Payload['compression'], 'other'>, bytes: Buffer): Promise<Buffer> {
  switch (compression) {
    case 'gzip':
      return gunzipSync(bytes);
    case 'xz':
    case 'zstd':
      return pipeThrough(compression, bytes);
  }
}

/** `program -dc` over the bytes. */
async function pipeThrough(program: 'xz' | 'zstd' | 'gzip', input: Buffer): Promise<Buffer> {
  const child = spawn(program, ['-dc'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<void>((done, failed) => {
    child.once('error', () =>
      failed(
        new VmError(
          'program-missing',
          `the program ${program} is missing`,
          `install it: apt-get install ${program === 'xz' ? 'xz-utils' : program}`,
        ),
      ),
    );
    child.once('close', (code) => (code === 0 ? done() : failed(new Error(`${program} ended with ${code}`))));
  });
  // If it dies early the pipe breaks; its exit status tells the story.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  child.stderr.resume();
  const [bytes] = await Promise.all([buffer(child.stdout), ended]);
  return bytes;
}

/** Copies the wanted modules with what they need, and writes the two indexes. Returns how many there are; none when there is no folder. */
async function keepModules(from: string | undefined, to: string): Promise<number> {
  const files =
    from === undefined ? [] : (await readdir(from, { recursive: true })).filter((path) => /\.ko(\.(xz|gz|zst))?$/.test(path)).sort();
  const byName = new Map(files.map((path) => [moduleName(path), path]));
  const kept = new Map<string, { readonly info: ModuleInfo; readonly file: Buffer }>();
  const wanted = files.filter((path) => WANTED.some((pattern) => pattern.test(withoutPacking(path)))).map(moduleName);
  // A few at a time: one process each unpacks those that are packed. What they need is read in the next round.
  for (let due = [...new Set(wanted)]; due.length > 0; ) {
    const some = due.splice(0, availableParallelism());
    const read = await Promise.all(some.map((name) => readModule(from as string, byName, name)));
    for (const module of read) kept.set(module.info.name, module);
    const needed = read.flatMap(({ info }) => info.depends);
    due = [...new Set([...due, ...needed])].filter((name) => !kept.has(name));
  }
  const infos = new Map([...kept].map(([name, { info }]) => [name, info]));
  const ordered = new Map(loadOrder(infos, [...infos.keys()].sort()).map((module) => [module.name, module]));
  for (const [name, module] of ordered) {
    const target = join(to, module.path);
    await mkdir(dirname(target), { recursive: true, mode: 0o755 });
    await writeFile(target, withoutSignature(kept.get(name)?.file as Buffer), { mode: 0o644 });
  }
  await mkdir(to, { recursive: true, mode: 0o755 });
  await writeFile(join(to, 'modules.dep'), modulesDep(ordered), { mode: 0o644 });
  await writeFile(join(to, 'modules.alias'), modulesAlias(ordered.values()), { mode: 0o644 });
  return ordered.size;
}

async function readModule(from: string, byName: ReadonlyMap<string, string>, name: string): Promise<{ info: ModuleInfo; file: Buffer }> {
  const path = byName.get(name);
  if (path === undefined)
    throw new VmError('kernel-unusable', `a module needs ${name}, which is not in ${from}`, 'take the modules of the same build');
  const file = await plainModule(join(from, path));
  return { info: moduleInfo(withoutPacking(path), file), file };
}

/** The module in plain; compressed ones (Debian 13, nixpkgs) are unpacked, since busybox's insmod can't. */
async function plainModule(path: string): Promise<Buffer> {
  const packed = PACKED.exec(path)?.[1];
  if (packed === undefined) return readFile(path);
  const program = packed === 'gz' ? 'gzip' : packed === 'zst' ? 'zstd' : 'xz';
  return pipeThrough(program, await readFile(path));
}

const PACKED = /\.(xz|gz|zst)$/;

function withoutPacking(path: string): string {
  return path.replace(PACKED, '');
}
