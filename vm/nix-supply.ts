/**
 * A Nix closure as supplier: nothing is taken from this machine but /dev/kvm. The flake builds a manifest
 * (vm/nix/guest.mjs writes it) and its programs name it in NETSOAK_SUPPLY.
 */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { layoutOf, ownEtc } from './debian-supply.js';
import { VmError } from './errors.js';
import type { GuestSupply } from './supply.js';

/** What the flake hands over; all paths are absolute and in the store. */
export interface Manifest {
  readonly qemu: string;
  readonly busybox: string;
  readonly bash: string;
  /** The constant part of the initramfs: busybox, init, the modules of every boot, /etc. */
  readonly initramfs: string;
  /** `image`: vmlinux that starts by PVH, or what else QEMU's `-kernel` takes. */
  readonly kernel: { readonly release: string; readonly image: string; readonly modules: string };
  /** `/nix/store`, or where this Nix has it. */
  readonly store: string;
  /** File with the paths of the closure, one a line, as nixpkgs' closureInfo writes it. */
  readonly closure: string;
  /** Folders with programs, the guest's PATH. */
  readonly path: readonly string[];
  /** Symbolic links in the guest's root: `usr/bin/env` is what scripts begin with. */
  readonly links: Readonly<Record<string, string>>;
}

/** The manifest that NETSOAK_SUPPLY names; undefined when this is no Nix build. */
export function manifestOf(env: NodeJS.ProcessEnv): Manifest | undefined {
  const file = env.NETSOAK_SUPPLY;
  if (file === undefined || file === '') return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Manifest;
  } catch (error) {
    throw new VmError(
      'supply-unreadable',
      `NETSOAK_SUPPLY names ${file}, which can't be read: ${(error as Error).message}`,
      'unset NETSOAK_SUPPLY; the programs of the flake set it themselves',
      { cause: error },
    );
  }
}

/** A closure lies in the store and nowhere else. What does not (vm/nix/stand-in) is a folder of this machine's root. */
export async function nixSupply(manifest: Manifest): Promise<GuestSupply> {
  const paths = readFileSync(manifest.closure, 'utf8').split('\n').filter(Boolean);
  const inStore = (path: string): boolean => dirname(path) === manifest.store;
  const outside = await layoutOf(paths.filter((path) => !inStore(path)));
  return {
    kernel: { release: manifest.kernel.release, vmlinux: manifest.kernel.image, modules: manifest.kernel.modules },
    qemu: manifest.qemu,
    busybox: manifest.busybox,
    folders: outside.folders,
    store: { folder: manifest.store, names: paths.filter(inStore).map((path) => path.slice(manifest.store.length + 1)) },
    links: { ...outside.links, ...manifest.links },
    path: manifest.path.join(':'),
    bash: manifest.bash,
    // In the archive below already; another kernel's needs it anew.
    etc: ownEtc(),
    initramfs: manifest.initramfs,
  };
}
