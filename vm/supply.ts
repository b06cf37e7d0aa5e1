/**
 * Who supplies the parts of a guest. One virtual machine, two suppliers: Debian's packages and a Nix closure. The
 * rest of vm/ asks {@link guestSupply} and does not know which it got.
 */
import type { Entry } from './cpio.js';
import { debianSupply, findProgram } from './debian-supply.js';
import type { GuestKernel } from './kernel.js';
import { manifestOf, nixSupply } from './nix-supply.js';

export interface GuestSupply {
  readonly kernel: GuestKernel;
  /** Path of qemu-system-*. */
  readonly qemu: string;
  /** A statically linked busybox: it is PID 1 of the guest and runs before anything is mounted. */
  readonly busybox: string;
  /** Folders that make up the guest's root, each seen at the path that it has outside. */
  readonly folders: readonly string[];
  /** Folders of which the guest sees only some: `/nix/store`, and those of its entries that make up the guest's programs. */
  readonly store?: Store;
  /** Symbolic links in the guest's root, by path: `bin` -> `usr/bin`. */
  readonly links: Readonly<Record<string, string>>;
  /** PATH of the command, unless it is given one. */
  readonly path: string;
  /** Where bash is in the guest; becomes its /bin/sh. */
  readonly bash: string;
  /** The guest's /etc, paths beginning with `etc/`. */
  readonly etc: readonly Entry[];
  /** File with the part of the initramfs that is the same at every boot, made beforehand; else it is made from the above. */
  readonly initramfs?: string;
}

export interface Store {
  readonly folder: string;
  /** Names in `folder`: files, folders and links. */
  readonly names: readonly string[];
}

/** The Nix closure that NETSOAK_SUPPLY names, else this machine. */
export async function guestSupply(env: NodeJS.ProcessEnv = process.env): Promise<GuestSupply> {
  const manifest = manifestOf(env);
  return manifest === undefined ? debianSupply() : nixSupply(manifest);
}

/** QEMU of the same supplier, for those who need no guest. */
export async function qemuProgram(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  return manifestOf(env)?.qemu ?? findProgram('qemu-system-x86_64', 'qemu-system-x86');
}

/** The same guest with another kernel. What was made beforehand holds the modules of the first. */
export function withKernel({ initramfs: _, ...supply }: GuestSupply, kernel: GuestKernel): GuestSupply {
  return { ...supply, kernel };
}
