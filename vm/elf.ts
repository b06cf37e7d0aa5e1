/**
 * As much of ELF (64 bit, little endian; elf(5)) as we need: a section by its name, to read what a module says
 * of itself, and the notes, to see whether a kernel can be started by PVH.
 */

const SHT_NOBITS = 8; // elf.h
const PT_NOTE = 4; // elf.h

/** Bytes of a section, or undefined if the file has none of that name. Throws when it is not 64-bit little-endian ELF. */
export function elfSection(file: Buffer, wanted: string): Buffer | undefined {
  checkElf(file);
  const table = Number(file.readBigUInt64LE(0x28));
  const entrySize = file.readUInt16LE(0x3a);
  const count = file.readUInt16LE(0x3c);
  const header = (index: number) => {
    const at = table + index * entrySize;
    return {
      name: file.readUInt32LE(at),
      type: file.readUInt32LE(at + 4),
      offset: Number(file.readBigUInt64LE(at + 0x18)),
      size: Number(file.readBigUInt64LE(at + 0x20)),
    };
  };
  const names = header(file.readUInt16LE(0x3e));
  for (let i = 0; i < count; i++) {
    const { name, type, offset, size } = header(i);
    const start = names.offset + name;
    if (file.toString('latin1', start, file.indexOf(0, start)) !== wanted) continue;
    return type === SHT_NOBITS ? Buffer.alloc(0) : file.subarray(offset, offset + size);
  }
  return undefined;
}

export interface ElfNote {
  readonly name: string;
  readonly type: number;
}

/** All notes of the program headers. */
export function elfNotes(file: Buffer): ElfNote[] {
  checkElf(file);
  const table = Number(file.readBigUInt64LE(0x20));
  const entrySize = file.readUInt16LE(0x36);
  const count = file.readUInt16LE(0x38);
  const notes: ElfNote[] = [];
  for (let i = 0; i < count; i++) {
    const at = table + i * entrySize;
    if (file.readUInt32LE(at) !== PT_NOTE) continue;
    const start = Number(file.readBigUInt64LE(at + 0x08));
    const end = start + Number(file.readBigUInt64LE(at + 0x20));
    for (let note = start; note + 12 <= end; ) {
      const nameSize = file.readUInt32LE(note);
      const dataSize = file.readUInt32LE(note + 4);
      notes.push({
        name: file.toString('latin1', note + 12, note + 12 + Math.max(0, nameSize - 1)),
        type: file.readUInt32LE(note + 8),
      });
      note += 12 + align4(nameSize) + align4(dataSize);
    }
  }
  return notes;
}

function align4(size: number): number {
  return (size + 3) & ~3;
}

function checkElf(file: Buffer): void {
  // EI_CLASS 2 = ELFCLASS64, EI_DATA 1 = ELFDATA2LSB (elf.h).
  if (file.length < 0x40 || file.toString('latin1', 0, 4) !== '\x7fELF' || file[4] !== 2 || file[5] !== 1) {
    throw new Error('not a 64-bit little-endian ELF file');
  }
}
