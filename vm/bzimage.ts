/**
 * The kernel proper inside a bzImage. Unpacking it in the guest costs 3.2 s under TCG at every boot, so it is
 * done once outside. Layout: Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".
 */
import { elfNotes } from './elf.js';

export type Compression = 'gzip' | 'xz' | 'zstd';

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
  throw new Error(`unknown compression (first bytes ${magic})`);
}

/** Whether QEMU's `-kernel` can start this vmlinux without boot loader: XEN_ELFNOTE_PHYS32_ENTRY (xen/interface/elfnote.h). */
export function startsByPvh(vmlinux: Buffer): boolean {
  return elfNotes(vmlinux).some((note) => note.name === 'Xen' && note.type === 18);
}
