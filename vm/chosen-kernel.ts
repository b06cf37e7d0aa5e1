/**
 * Kernels that a user names, beside the one that the set-up fetched: a package of Debian's (of any suite that the machine's mirror has), a
 * .deb, a bzImage or vmlinux, or a folder that holds one with its modules, as `nix build` and `make modules_install` leave it.
 * Each is prepared once and kept in the cache.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { releaseOf, releaseOfVmlinux } from './bzimage.js';
import { type Cache, findCached, publishFolder, userCache } from './cache.js';
import { fetchPackage, type PackageName, parsePackageName } from './debian-package.js';
import { VmError } from './errors.js';
import { type GuestKernel, isElf, keepKernel, keepPackage } from './kernel.js';

const run = promisify(execFile);

export interface ChosenKernel extends GuestKernel {
  /** As it was asked for. */
  readonly word: string;
  /** What it is, for people and for comparison: package and version, or the digest of the image. */
  readonly origin: string;
}

type Source =
  | { readonly kind: 'package'; readonly name: PackageName }
  | { readonly kind: 'deb'; readonly file: string }
  | { readonly kind: 'image'; readonly file: string; readonly modules: string | undefined };

/** Raise the number when what is kept changes. */
const FOLDER = 'chosen-kernel-1';

/**
 * The kernel that `word` stands for, prepared and in the cache; `say` gets a line for each thing done. A package is fetched once: later
 * calls with the same word take what is there. Throws VmError, `kernel-unknown` when the word stands for nothing.
 */
export async function chooseKernel(word: string, say: (line: string) => void, cache: Cache = userCache()): Promise<ChosenKernel> {
  const source = sourceOf(word);
  const folder = `${FOLDER}-${keyOf(source)}`;
  const present = findCached(folder, cache);
  if (present !== undefined) return read(present, word);
  const work = await mkdtemp(join(tmpdir(), 'netsoak-kernel-'));
  chmodSync(work, 0o755);
  try {
    const path = await publishFolder(
      folder,
      async (draft) => {
        await writeFile(join(draft, 'origin'), `${await keep(source, work, draft, say)}\n`, { mode: 0o644 });
        // mkdtemp made it for us alone; other users shall boot from it too.
        chmodSync(draft, 0o755);
      },
      cache,
    );
    return read(path, word);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function read(folder: string, word: string): Promise<ChosenKernel> {
  const text = async (name: string): Promise<string> => (await readFile(join(folder, name), 'utf8')).trim();
  return {
    word,
    release: await text('release'),
    origin: await text('origin'),
    vmlinux: join(folder, 'vmlinux'),
    modules: join(folder, 'modules'),
  };
}

/** Fills the folder and returns what the kernel is. */
async function keep(source: Source, work: string, draft: string, say: (line: string) => void): Promise<string> {
  switch (source.kind) {
    case 'image': {
      const { release, digest } = describe(source.file);
      if (source.modules === undefined) say(`no modules of ${release}: all that a guest needs must be built in`);
      await keepKernel(source.file, source.modules, release, draft, say);
      return `${basename(source.file)} ${digest}`;
    }
    case 'deb':
    case 'package': {
      const deb = source.kind === 'deb' ? source.file : await fetchPackage(source.name, work, say);
      await keepPackage(deb, work, draft, say);
      return (await run('dpkg-deb', ['--show', deb])).stdout.trim().replace('\t', ' ');
    }
  }
}

/** The same for as long as the kernel is. A package goes by its name, so that a run needs no network once it is there. */
function keyOf(source: Source): string {
  switch (source.kind) {
    case 'package':
      return [source.name.name, ...(source.name.suite ? [source.name.suite] : [])].join('_');
    case 'deb':
      return digestOf(readFileSync(source.file));
    case 'image':
      return digestOf(
        readFileSync(source.file),
        source.modules === undefined ? '' : `${source.modules} ${statSync(source.modules).mtimeMs}`,
      );
  }
}

function digestOf(...parts: readonly (Buffer | string)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 16);
}

function describe(image: string): { release: string; digest: string } {
  const file = readFileSync(image);
  try {
    return { release: isElf(file) ? releaseOfVmlinux(file) : releaseOf(file), digest: digestOf(file) };
  } catch (error) {
    throw new VmError('kernel-unusable', `${image} is no kernel: ${(error as Error).message}`, 'give a bzImage or a vmlinux for x86-64', {
      cause: error,
    });
  }
}

/** What stands in a folder that holds a kernel: nixpkgs' result, `make install`'s, Debian's /boot. */
const IMAGES = [/^bzImage$/, /^vmlinuz(-.*)?$/, /^vmlinux(-.*)?$/];

/** Tells what a word stands for, without reading the kernel. Throws VmError when it is nothing that is there. */
export function sourceOf(word: string): Source {
  const path = resolve(word);
  if (!existsSync(path)) {
    const name = parsePackageName(word);
    if (name?.name.startsWith('linux-image-')) return { kind: 'package', name };
    throw new VmError(
      'kernel-unknown',
      `${word}: neither a file nor a package linux-image-...`,
      'name a package (linux-image-amd64, or of another suite linux-image-amd64/bullseye), a .deb, a bzImage, a vmlinux, or a folder with one',
    );
  }
  if (statSync(path).isFile())
    return path.endsWith('.deb') ? { kind: 'deb', file: path } : { kind: 'image', file: path, modules: modulesFor(path) };
  // `result` is a link that nix build leaves.
  const folder = realpathSync(path);
  const files = [folder, join(folder, 'boot')].flatMap((place) =>
    existsSync(place) ? readdirSync(place).map((name) => join(place, name)) : [],
  );
  const image = IMAGES.flatMap((pattern) => files.filter((file) => pattern.test(basename(file))))[0];
  if (image !== undefined) return { kind: 'image', file: image, modules: modulesFor(image) };
  throw new VmError(
    'kernel-unknown',
    `${word}: this folder holds no kernel`,
    'it must hold bzImage, vmlinuz-... or vmlinux, itself or in boot/',
  );
}

/** lib/modules/RELEASE beside the image, below its parent, or of this machine. */
function modulesFor(image: string): string | undefined {
  const { release } = describe(image);
  const roots = [dirname(image), dirname(dirname(image)), '/'];
  return roots
    .flatMap((root) => [join(root, 'lib/modules', release), join(root, 'usr/lib/modules', release)])
    .find((path) => existsSync(join(path, 'kernel')));
}
