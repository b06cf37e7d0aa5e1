/**
 * How far the spool is acknowledged, in a file of 32 bytes that is written in place: behind it a restart goes on. One that can't be
 * read costs nothing but duplicates: everything that is still there is delivered again.
 */
import fs from 'node:fs';
import { promisify } from 'node:util';
import zlib from 'node:zlib';

const close = promisify(fs.close);
const open = promisify(fs.open);
const read = promisify(fs.read);
const write = promisify(fs.write);

export const CURSOR_BYTES = 32;
const MAGIC = Buffer.from('NSC1');

export interface Position {
  /** Number of the segment ... */
  readonly segment: number;
  /** ... and the byte in it of the first record that is not acknowledged. */
  readonly offset: number;
  /** Rows before it, since the spool was made. */
  readonly rows: number;
}

export class Cursor {
  private constructor(private fd: number) {}

  /** @throws Error of the system call */
  static async open(path: string): Promise<{ readonly cursor: Cursor; readonly position: Position | undefined }> {
    const { O_CREAT, O_RDWR } = fs.constants;
    const fd = await open(path, O_RDWR | O_CREAT, 0o600);
    const bytes = Buffer.alloc(CURSOR_BYTES);
    await read(fd, bytes, 0, CURSOR_BYTES, 0);
    const cursor = new Cursor(fd);
    const position = decode(bytes);
    // Now, so that no full disk can keep it from being written later.
    if (position === undefined) await cursor.write({ segment: 0, offset: 0, rows: 0 });
    return { cursor, position };
  }

  /** @throws Error of the system call */
  async write(position: Position): Promise<void> {
    await write(this.fd, encode(position), 0, CURSOR_BYTES, 0);
  }

  /** From now on a write fails, and does not go to whatever the descriptor's number stands for by then. */
  async close(): Promise<void> {
    const { fd } = this;
    this.fd = -1;
    await close(fd);
  }
}

function encode({ segment, offset, rows }: Position): Buffer {
  const bytes = Buffer.alloc(CURSOR_BYTES);
  MAGIC.copy(bytes);
  bytes.writeBigUInt64LE(BigInt(segment), 4);
  bytes.writeBigUInt64LE(BigInt(offset), 12);
  bytes.writeBigUInt64LE(BigInt(rows), 20);
  bytes.writeUInt32LE(zlib.crc32(bytes.subarray(0, 28)), 28);
  return bytes;
}

function decode(bytes: Buffer): Position | undefined {
  if (!bytes.subarray(0, 4).equals(MAGIC) || zlib.crc32(bytes.subarray(0, 28)) !== bytes.readUInt32LE(28)) return undefined;
  const [segment, offset, rows] = [4, 12, 20].map((at) => Number(bytes.readBigUInt64LE(at)));
  return { segment: segment as number, offset: offset as number, rows: rows as number };
}
