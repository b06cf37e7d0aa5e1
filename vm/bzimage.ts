/**
 * The kernel proper inside a bzImage. Unpacking it in the guest costs 3.2 s under TCG at every boot, so it is
 * done once outside. Layout: Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".
 */
import { elfNotes } from './elf.js';

/** `other`: one that we have no program for; the image unpacks itself. */
export type Compression = 'gzip' | 'xz' | 'zstd' | 'other';

export interface Payload {
  readonly compression: Compression;
  /** The compressed vmlinux, without the size that the kernel's build appends. */
  readonly bytes: Buffer;
  /** Size of vmlinux as the build noted it, to check the result against. */
  readonly unpackedSize: number;
}

/** Finds the compressed vmlinux. Throws with a sentence when this is no bzImage we know. */
export function payloadOf(bzImage: Buffer): Payload {
  if (bzImage.length < 0x250 || bzImage.toString('latin1', 0x202, 0x206) !== 'HdrS') {
    throw new Error('no setup header: not a bzImage');
  }
  const version = bzImage.readUInt16LE(0x206);
  // payload_offset and payload_length came with protocol 2.08.
  if (version < 0x0208) throw new Error(`boot protocol ${version.toString(16)} is older than 2.08`);
  // setup_sects: 0 means 4; the boot sector comes on top.
  const setupSectors = (bzImage[0x1f1] || 4) + 1;
  const start = setupSectors * 512 + bzImage.readUInt32LE(0x248);
  const payload = bzImage.subarray(start, start + bzImage.readUInt32LE(0x24c));
  return {
    compression: compressionOf(payload),
    bytes: payload.subarray(0, -4),
    unpackedSize: payload.readUInt32LE(payload.length - 4),
  };
}

function compressionOf(payload: Buffer): Compression {
  const magic = payload.toString('hex', 0, 6);
  if (magic === 'fd377a585a00') return 'xz';
  if (magic.startsWith('28b52ffd')) return 'zstd';
  if (magic.startsWith('1f8b')) return 'gzip';
  return 'other';
}

/** Whether QEMU's `-kernel` can start this vmlinux without boot loader: XEN_ELFNOTE_PHYS32_ENTRY (xen/interface/elfnote.h). */
export function startsByPvh(vmlinux: Buffer): boolean {
  return elfNotes(vmlinux).some((note) => note.name === 'Xen' && note.type === 18);
}

/** `uname -r` of a bzImage: the first word of the text that kernel_version points to. Throws when it names none. */
export function releaseOf(bzImage: Buffer): string {
  if (bzImage.length < 0x250 || bzImage.toString('latin1', 0x202, 0x206) !== 'HdrS') throw new Error('no setup header: not a bzImage');
  const at = bzImage.readUInt16LE(0x20e) + 0x200;
  const release = bzImage.toString('latin1', at, bzImage.indexOf(0, at)).split(' ')[0];
  if (at === 0x200 || !release) throw new Error('its header names no version');
  return release;
}

/** The same of a vmlinux, from its banner (init/version.c). Throws when there is none. */
export function releaseOfVmlinux(vmlinux: Buffer): string {
  for (let at = vmlinux.indexOf('Linux version '); at >= 0; at = vmlinux.indexOf('Linux version ', at + 1)) {
    const release = /^Linux version ([^\s%()]+) \(/.exec(vmlinux.toString('latin1', at, at + 200))?.[1];
    if (release) return release;
  }
  throw new Error('it has no banner "Linux version ..."');
}
