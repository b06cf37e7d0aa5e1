import { describe, expect, it } from 'vitest';
import { payloadOf, releaseOf, releaseOfVmlinux, startsByPvh } from './bzimage.js';
import { elfFile } from './testing/elf-file.js';

/** A bzImage with two setup sectors and the payload 16 bytes into the protected-mode part. */
function bzImage(payload: Buffer, version = 0x020f): Buffer {
  const image = Buffer.alloc(3 * 512 + 16 + payload.length + 100);
  image[0x1f1] = 2;
  image.write('HdrS', 0x202);
  image.writeUInt16LE(version, 0x206);
  image.writeUInt32LE(16, 0x248);
  image.writeUInt32LE(payload.length, 0x24c);
  payload.copy(image, 3 * 512 + 16);
  return image;
}
const size = Buffer.from([0x78, 0x56, 0x34, 0x12]);

describe('the kernel in a bzImage', () => {
  it.each([
    ['xz', 'fd377a585a0000'],
    ['zstd', '28b52ffd000000'],
    ['gzip', '1f8b0800000000'],
  ])('is found, compressed with %s, without the size behind it', (compression, hex) => {
    const bytes = Buffer.from(hex, 'hex');
    expect(payloadOf(bzImage(Buffer.concat([bytes, size])))).toEqual({ compression, bytes, unpackedSize: 0x12345678 });
  });
  it('is left as it is when we have no program for its compression', () => {
    expect(payloadOf(bzImage(Buffer.from('LZ4?....1234')))).toMatchObject({ compression: 'other' });
  });
  it('is refused with a reason', () => {
    expect(() => payloadOf(Buffer.alloc(1000))).toThrow('not a bzImage');
    expect(() => payloadOf(bzImage(size, 0x0207))).toThrow('older than 2.08');
  });
});

describe('a kernel that QEMU can start', () => {
  it('has the PVH note, wherever it stands among others', () => {
    expect(
      startsByPvh(
        elfFile({}, [
          { name: 'GNU', type: 18 },
          { name: 'Linux', type: 0 },
          { name: 'Xen', type: 18 },
        ]),
      ),
    ).toBe(true);
  });
  it('is not one with other notes only', () => {
    expect(
      startsByPvh(
        elfFile({}, [
          { name: 'Xen', type: 6 },
          { name: 'GNU', type: 18 },
        ]),
      ),
    ).toBe(false);
  });
});

describe('the release of a kernel', () => {
  it('is the first word of what the header of a bzImage points to', () => {
    const image = bzImage(Buffer.concat([Buffer.from('1f8b0800', 'hex'), size]));
    expect(() => releaseOf(image)).toThrow('names no version');
    image.writeUInt16LE(0x300, 0x20e);
    image.write('6.12.1-mine (me@home) #1 SMP\0', 0x500);
    expect(releaseOf(image)).toBe('6.12.1-mine');
    expect(() => releaseOf(Buffer.alloc(1000))).toThrow('not a bzImage');
  });
  it('stands in the banner of a vmlinux, not in the pattern of one', () => {
    expect(releaseOfVmlinux(Buffer.from('\0Linux version %s (%s)\0..Linux version 5.10.0-46-amd64 (debian-kernel) (gcc)'))).toBe(
      '5.10.0-46-amd64',
    );
    expect(() => releaseOfVmlinux(Buffer.from('Linux version'))).toThrow('no banner');
  });
});
