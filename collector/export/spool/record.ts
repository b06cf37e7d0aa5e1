/**
 * What a record of the spool looks like on disk. Pure. A header, then the envelope as the exporter will get it:
 *
 * | bytes | little-endian | |
 * | --- | --- | --- |
 * | 0 | u32 | `NSR1` |
 * | 4 | u32 | bytes of the envelope |
 * | 8 | u32 | rows in it |
 * | 12 | u32 | CRC-32 of the envelope |
 * | 16 | u64 | rows of all records before it, since the spool was made |
 * | 24 | u32 | CRC-32 of the 24 bytes before |
 *
 * The running count of rows is what keeps the books right where a record can't be read: the next one that can tells how many were lost.
 */
import zlib from 'node:zlib';

export const HEADER_BYTES = 28;

/** No envelope comes near it (a pool block is 1 MiB): a header that claims more is none. */
export const LONGEST_BYTES = 64 << 20;

const MAGIC = Buffer.from('NSR1');

export interface RecordHeader {
  /** Bytes of the envelope. */
  readonly length: number;
  readonly rows: number;
  readonly checksum: number;
  readonly rowsBefore: number;
}

/** @param checksum CRC-32 of the envelope */
export function encodeHeader(envelope: Buffer, rows: number, rowsBefore: number, checksum = zlib.crc32(envelope)): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32LE(envelope.length, 4);
  header.writeUInt32LE(rows, 8);
  header.writeUInt32LE(checksum, 12);
  header.writeBigUInt64LE(BigInt(rowsBefore), 16);
  header.writeUInt32LE(zlib.crc32(header.subarray(0, 24)), 24);
  return header;
}

/** The header that begins at `at`; undefined when none does. */
export function decodeHeader(bytes: Buffer, at = 0): RecordHeader | undefined {
  if (bytes.length - at < HEADER_BYTES || bytes.compare(MAGIC, 0, MAGIC.length, at, at + MAGIC.length) !== 0) return undefined;
  if (zlib.crc32(bytes.subarray(at, at + 24)) !== bytes.readUInt32LE(at + 24)) return undefined;
  const length = bytes.readUInt32LE(at + 4);
  if (length > LONGEST_BYTES) return undefined;
  return {
    length,
    rows: bytes.readUInt32LE(at + 8),
    checksum: bytes.readUInt32LE(at + 12),
    rowsBefore: Number(bytes.readBigUInt64LE(at + 16)),
  };
}

/** Where the first header at or behind `from` begins; undefined when there is none. */
export function findHeader(bytes: Buffer, from: number): number | undefined {
  for (let at = bytes.indexOf(MAGIC, from); at >= 0; at = bytes.indexOf(MAGIC, at + 1)) {
    if (decodeHeader(bytes, at) !== undefined) return at;
  }
  return undefined;
}

export function isIntact(envelope: Buffer, header: RecordHeader): boolean {
  return envelope.length === header.length && zlib.crc32(envelope) === header.checksum;
}
