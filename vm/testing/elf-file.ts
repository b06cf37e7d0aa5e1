/** Builds small 64-bit ELF files for tests: named sections, and notes in one program header. */

export function elfFile(sections: Readonly<Record<string, string>>, notes: readonly { name: string; type: number }[] = []): Buffer {
  const named = [...Object.entries(sections), ['.shstrtab', ''] as const];
  const names = `\0${named.map(([name]) => `${name}\0`).join('')}`;
  const bodies = named.map(([name, body]) => Buffer.from(name === '.shstrtab' ? names : body, 'latin1'));
  const note = Buffer.concat(notes.map(noteBytes));
  const bodiesAt = 64 + 56;
  const noteAt = bodiesAt + bodies.reduce((sum, body) => sum + body.length, 0);
  const tableAt = noteAt + note.length;
  const header = Buffer.alloc(64);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  header.writeBigUInt64LE(64n, 0x20);
  header.writeBigUInt64LE(BigInt(tableAt), 0x28);
  header.writeUInt16LE(56, 0x36);
  header.writeUInt16LE(1, 0x38);
  header.writeUInt16LE(64, 0x3a);
  header.writeUInt16LE(named.length, 0x3c);
  header.writeUInt16LE(named.length - 1, 0x3e);
  const program = Buffer.alloc(56);
  program.writeUInt32LE(4, 0);
  program.writeBigUInt64LE(BigInt(noteAt), 8);
  program.writeBigUInt64LE(BigInt(note.length), 0x20);
  let at = bodiesAt;
  const table = named.map(([name], i) => {
    const entry = Buffer.alloc(64);
    const body = bodies[i] as Buffer;
    entry.writeUInt32LE(names.indexOf(`\0${name}\0`) + 1, 0);
    entry.writeUInt32LE(1, 4);
    entry.writeBigUInt64LE(BigInt(at), 0x18);
    entry.writeBigUInt64LE(BigInt(body.length), 0x20);
    at += body.length;
    return entry;
  });
  return Buffer.concat([header, program, ...bodies, note, ...table]);
}

function noteBytes({ name, type }: { name: string; type: number }): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt32LE(name.length + 1, 0);
  header.writeUInt32LE(8, 4);
  header.writeUInt32LE(type, 8);
  const text = Buffer.alloc((name.length + 4) & ~3);
  text.write(name);
  return Buffer.concat([header, text, Buffer.alloc(8)]);
}
