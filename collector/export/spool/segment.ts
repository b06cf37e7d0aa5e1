/** One file of the spool: records behind each other, read by their position. Knows nothing of what is acknowledged. */
import fs from 'node:fs';
import { promisify } from 'node:util';
import { decodeHeader, findHeader, HEADER_BYTES, isIntact, type RecordHeader } from './record.js';

const close = promisify(fs.close);
const fdatasync = promisify(fs.fdatasync);
const ftruncate = promisify(fs.ftruncate);
const open = promisify(fs.open);
const read = promisify(fs.read);
const writev = promisify(fs.writev);

/** A window of this size is searched at a time for the next header, behind one that can't be read. */
const WINDOW_BYTES = 1 << 20;

export interface Located {
  readonly header: RecordHeader;
  /** Where the header begins. */
  readonly at: number;
}

export class Segment {
  /** Bytes of whole records: what lies behind is torn. */
  end = 0;
  /** Bytes on disk. */
  bytes = 0;
  /** Rows of all records before this segment's first, since the spool was made. */
  rowsStart = 0;
  /** Its file is given up, perhaps while it is read. */
  dropped = false;

  private constructor(
    readonly number: number,
    readonly path: string,
    private fd: number,
  ) {}

  /** @throws Error of the system call */
  static async create(number: number, path: string, rowsStart: number): Promise<Segment> {
    const { O_APPEND, O_CREAT, O_EXCL, O_RDWR } = fs.constants;
    const segment = new Segment(number, path, await open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND, 0o600));
    segment.rowsStart = rowsStart;
    return segment;
  }

  /** One that an earlier run wrote. It is only read, and its file is opened only when it is. */
  static found(number: number, path: string): Segment {
    const segment = new Segment(number, path, -1);
    segment.bytes = fs.statSync(path).size;
    segment.end = segment.bytes;
    return segment;
  }

  /**
   * Appends a record whole, or leaves the segment as it was.
   * @throws Error of the system call that failed; TornSegment when its torn end could not be cut off
   */
  async append(header: Buffer, envelope: Buffer): Promise<void> {
    const whole = header.length + envelope.length;
    let written = 0;
    try {
      while (written < whole) {
        const rest = written < header.length ? [header.subarray(written), envelope] : [envelope.subarray(written - header.length)];
        written += (await writev(this.fd, rest)).bytesWritten;
      }
    } catch (error) {
      await ftruncate(this.fd, this.end).catch(() => {
        this.bytes = this.end + written;
        throw new TornSegment(error);
      });
      throw error;
    }
    this.end += written;
    this.bytes = this.end;
  }

  /** The record that begins at `at`, or the next one that can be read; undefined when there is none before the end. */
  async locate(at: number, end = this.end): Promise<Located | undefined> {
    const header = decodeHeader(await this.read(at, Math.min(HEADER_BYTES, end - at)));
    if (header !== undefined) return { header, at };
    for (let from = at + 1; from < end; from += WINDOW_BYTES) {
      // Windows overlap by a header less one byte, so that none falls between two.
      const window = await this.read(from, Math.min(WINDOW_BYTES + HEADER_BYTES - 1, end - from));
      const found = findHeader(window, 0);
      if (found !== undefined) return { header: decodeHeader(window, found) as RecordHeader, at: from + found };
    }
    return undefined;
  }

  /** The envelope of a record; undefined when it is not what was written. */
  async envelope({ header, at }: Located): Promise<Buffer | undefined> {
    const envelope = await this.read(at + HEADER_BYTES, header.length);
    return isIntact(envelope, header) ? envelope : undefined;
  }

  /** Has the disk take what was appended. */
  async sync(): Promise<void> {
    if (this.fd >= 0) await fdatasync(this.fd);
  }

  /** Gives its descriptor back. It can still be read. */
  async close(): Promise<void> {
    const { fd } = this;
    this.fd = -1;
    if (fd >= 0) await close(fd);
  }

  /** Shorter at the end of the file. What the disk can't read is as if it were not there: a hole in the spool must not stop it. */
  private async read(at: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(this.dropped ? 0 : Math.max(0, length));
    let done = 0;
    try {
      if (this.fd < 0) this.fd = await open(this.path, fs.constants.O_RDONLY);
      while (done < buffer.length) {
        const { bytesRead } = await read(this.fd, buffer, done, buffer.length - done, at + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
    } catch {
      // EIO, or somebody removed it.
    }
    return buffer.subarray(0, done);
  }
}

/** An append failed, and what it had written could not be cut off: nothing may be written behind it. */
export class TornSegment extends Error {
  constructor(override readonly cause: unknown) {
    super('torn');
  }
}
