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
import { VmError } from './errors.js';
import { loadOrder, type ModuleInfo, moduleInfo, modulesAlias, modulesDep, withoutSignature } from './modules.js';

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
    await publishFolder(FOLDER, async (draft) => keepWhatIsNeeded(await fetchPackage(work, say), draft, say), cache);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return requireKernel(cache);
}

async function fetchPackage(work: string, say: (line: string) => void): Promise<string> {
  const name = await kernelPackage();
  say(`fetching ${name} (about 70 MB)`);
  try {
    await run('apt-get', ['-q', '-o', 'APT::Sandbox::User=root', 'download', name], { cwd: work });
  } catch (error) {
    throw new VmError(
      'apt-lists-missing',
      `${name} can't be fetched: ${lastLine((error as { stderr?: string }).stderr)}`,
      'run `apt-get update` as root, then try again',
      { cause: error },
    );
  }
  const file = (await readdir(work)).find((entry) => entry.endsWith('.deb'));
  if (file === undefined)
    throw new VmError('kernel-unusable', `apt-get download ${name} left no package behind`, 'run `apt-get update` as root');
  say('unpacking it');
  const root = join(work, 'root');
  await run('dpkg', ['-x', join(work, file), root]);
  return root;
}

function lastLine(text: string | undefined): string {
  return text?.trim().split('\n').at(-1) ?? 'no reason given';
}

/** The package that holds the kernel of the day: what the meta package depends on. */
async function kernelPackage(): Promise<string> {
  let text: string;
  try {
    text = (await run('apt-cache', ['depends', '--important', META_PACKAGE])).stdout;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new VmError(
        'program-missing',
        'this is not Debian: there is no apt-cache to find a guest kernel with',
        'use a Debian 12 machine or container, or the Nix flake, which brings a kernel of its own',
      );
    }
    text = '';
  }
  const name = kernelPackageOf(text);
  if (name !== undefined) return name;
  throw new VmError('apt-lists-missing', `apt knows no package ${META_PACKAGE}`, 'run `apt-get update` as root, then try again');
}

/** Reads `apt-cache depends linux-image-amd64`: the versioned image among what it depends on. */
export function kernelPackageOf(dependsText: string): string | undefined {
  return /^\s+Depends: (linux-image-\d[^\s:]*)/m.exec(dependsText)?.[1];
}

async function keepWhatIsNeeded(unpacked: string, draft: string, say: (line: string) => void): Promise<void> {
  const image = (await readdir(join(unpacked, 'boot'))).find((entry) => entry.startsWith('vmlinuz-'));
  if (image === undefined)
    throw new VmError('kernel-unusable', 'the kernel package holds no vmlinuz', 'report this with the package version');
  const release = image.slice('vmlinuz-'.length);
  await keepKernel(join(unpacked, 'boot', image), await modulesFolder(unpacked, release), release, draft, say);
  // mkdtemp made it for us alone; other users shall boot from it too.
  chmodSync(draft, 0o755);
}

/**
 * Fills a folder with what a guest takes: `vmlinux`, `release`, `modules/` with its indexes. Reads `image` (a bzImage,
 * or a vmlinux as it stands) and `modules` (lib/modules/RELEASE), and writes to neither.
 */
export async function keepKernel(
  image: string,
  modules: string,
  release: string,
  draft: string,
  say: (line: string) => void,
): Promise<GuestKernel> {
  say(`extracting vmlinux ${release}`);
  const file = await readFile(image);
  const kernel = { release, vmlinux: join(draft, 'vmlinux'), modules: join(draft, 'modules') };
  await writeFile(kernel.vmlinux, isElf(file) ? file : await unpackVmlinux(file), { mode: 0o644 });
  say(`kept ${await keepModules(modules, kernel.modules)} modules`);
  await writeFile(join(draft, 'release'), `${release}\n`, { mode: 0o644 });
  return kernel;
}

function isElf(file: Buffer): boolean {
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

async function unpackVmlinux(bzImage: Buffer): Promise<Buffer> {
  let vmlinux: Buffer;
  try {
    const payload = payloadOf(bzImage);
    vmlinux = await decompress(payload);
    if (vmlinux.length !== payload.unpackedSize)
      throw new Error(`it unpacks to ${vmlinux.length} bytes instead of ${payload.unpackedSize}`);
    if (!startsByPvh(vmlinux)) throw new Error('it has no PVH entry');
  } catch (error) {
    if (error instanceof VmError) throw error;
    throw new VmError(
      'kernel-unusable',
      `the kernel image can't be used: ${(error as Error).message}`,
      'report this with the package version',
      {
        cause: error,
      },
    );
  }
  return vmlinux;
}

async function decompress(payload: Payload): Promise<Buffer> {
  switch (payload.compression) {
    case 'gzip':
      return gunzipSync(payload.bytes);
    case 'xz':
    case 'zstd':
      return pipeThrough(payload.compression, payload.bytes);
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

/** Copies the wanted modules with what they need, and writes the two indexes. Returns how many there are. */
async function keepModules(from: string, to: string): Promise<number> {
  const all = new Map<string, ModuleInfo>();
  const files = new Map<string, string>();
  const paths = (await readdir(from, { recursive: true })).filter((path) => /\.ko(\.(xz|gz|zst))?$/.test(path)).sort();
  // All are read for what they need of each other, a few at a time: nixpkgs packs its 6,000, one process each unpacks them.
  for (let i = 0; i < paths.length; i += availableParallelism()) {
    const some = paths.slice(i, i + availableParallelism());
    const infos = await Promise.all(some.map(async (path) => moduleInfo(withoutPacking(path), await plainModule(join(from, path)))));
    infos.forEach((info, at) => {
      all.set(info.name, info);
      files.set(info.path, join(from, some[at] as string));
    });
  }
  const wanted = [...all.values()].filter((module) => WANTED.some((pattern) => pattern.test(module.path)));
  const kept = new Map(
    loadOrder(
      all,
      wanted.map((module) => module.name),
    ).map((module) => [module.name, module]),
  );
  for (const module of kept.values()) {
    const target = join(to, module.path);
    await mkdir(dirname(target), { recursive: true, mode: 0o755 });
    await writeFile(target, withoutSignature(await plainModule(files.get(module.path) as string)), { mode: 0o644 });
  }
  await writeFile(join(to, 'modules.dep'), modulesDep(kept), { mode: 0o644 });
  await writeFile(join(to, 'modules.alias'), modulesAlias(kept.values()), { mode: 0o644 });
  return kept.size;
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
