/**
 * Envelopes on disk, for as long as the far end does not take them. Records are appended to segments, `NUMBER.spool`, and read back in
 * order; `cursor` says how far they are acknowledged. A segment goes when its last record is.
 *
 * - **Bounded** by the bytes of all its files. What does not fit any more pushes out the oldest segment, a sixteenth of the bound at most
 *   (or one record), and its rows are counted.
 * - **Killed** (SIGKILL, OOM): an append that returned is in the kernel, so it is there at the next start; a torn last record is left out.
 * - **Power loss**: the disk is told to take what was appended within a second of it (fdatasync), so the last second may be missing or
 *   torn. To wait for the disk with each append would make polls as slow as the disk.
 * - **Damage** costs the records that it hit, and no other: their rows are counted as corrupt.
 * - **Full disk**: what can't be written is refused, and the next append tries again. The oldest records stay: to give them up would
 *   make room for whoever else fills the disk.
 */
import fs from 'node:fs';
import { promisify } from 'node:util';
import { type FileLock, tryLock } from '../../../native/rtnl/index.js';
import { errnoOf, Fault, MissingRight, reasonOf, UsageError } from '../../errors.js';
import { ExportFailure } from '../exporter.js';
import { CURSOR_BYTES, Cursor } from './cursor.js';
import { encodeHeader, HEADER_BYTES } from './record.js';
import { Segment, TornSegment } from './segment.js';

const fsync = promisify(fs.fsync);
const mkdir = promisify(fs.mkdir);
const readdir = promisify(fs.readdir);
const unlink = promisify(fs.unlink);

/** Parts of the bound that a segment is: what is dropped at once when the bound is reached. */
const SEGMENTS = 16;
const LONGEST_SEGMENT = 64 << 20;

/** How long the disk may take its time, so that a burst of appends is one flush. */
const SYNC_MS = 1_000;

const NAME = /^(\d{16})\.spool$/;

export interface SpoolRecord {
  /** What {@link Spool.append} called it, if that was in this process. */
  readonly name: string;
  readonly envelope: Buffer;
  readonly rows: number;
}

export interface SpoolEvents {
  /** Rows that will never be read back: pushed out by newer ones, or damaged. */
  readonly lost: (reason: 'spool_full' | 'corrupt', rows: number) => void;
  /** Something that costs no rows by itself, as a sentence. */
  readonly noticed: (sentence: string) => void;
}

export class Spool {
  /** Oldest first; the last one may be `tail`. */
  private readonly segments: Segment[] = [];
  /** The one that is appended to. */
  private tail: Segment | undefined;
  private appending = false;
  /** Of the oldest record, in the first segment. */
  private offset = 0;
  private taken: (SpoolRecord & { readonly next: number; detached: boolean }) | undefined;
  /** Rows appended, and rows behind us, since the spool was made: what is between them is here. */
  private rowsAppended = 0;
  private rowsDone = 0;
  private nextNumber = 1;
  private syncing: NodeJS.Timeout | undefined;

  private constructor(
    private readonly dir: string,
    private readonly limit: number,
    private readonly events: SpoolEvents,
    private readonly lock: FileLock,
    private readonly cursor: Cursor,
  ) {}

  /**
   * Makes the folder (mode 0700) when it is not there, and finds what an earlier run left.
   * @param limit bytes of all files together
   * @throws UsageError, MissingRight, Fault
   */
  static async open(dir: string, limit: number, events: SpoolEvents): Promise<Spool> {
    try {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      fs.accessSync(dir, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
      const lock = tryLock(`${dir}/lock`);
      if (lock === undefined) {
        throw new UsageError('spool-locked', `another process holds the spool ${dir}`, 'give each netsoakd a spool of its own');
      }
      const { cursor, position } = await Cursor.open(`${dir}/cursor`);
      const spool = new Spool(dir, limit, events, lock, cursor);
      await spool.find(position);
      return spool;
    } catch (error) {
      throw error instanceof UsageError ? error : openFailure(dir, error);
    }
  }

  /** Rows in it. */
  get rows(): number {
    return this.rowsAppended - this.rowsDone + (this.taken?.detached === true ? this.taken.rows : 0);
  }

  /** Bytes of its files. */
  get bytes(): number {
    return this.segments.reduce((sum, { bytes }) => sum + bytes, CURSOR_BYTES);
  }

  /** Whether every record is acknowledged. */
  get empty(): boolean {
    return this.taken === undefined && (this.segments.length === 0 || (this.segments.length === 1 && this.offset >= this.first.end));
  }

  /**
   * Puts an envelope behind all others. One append at a time.
   * @param envelope may be used again once this settles
   * @param checksum its CRC-32, when somebody took it already
   * @returns a name for the record, which no other one ever has
   * @throws ExportFailure `full` or `io` when it could not be written, `spool_full` when it is longer than the bound
   */
  async append(envelope: Buffer, rows: number, checksum?: number): Promise<string> {
    const need = HEADER_BYTES + envelope.length;
    if (need + CURSOR_BYTES > this.limit) {
      throw new ExportFailure('spool_full', `an envelope of ${envelope.length} bytes is more than the spool ${this.dir} may hold`, false);
    }
    this.appending = true;
    try {
      while (this.bytes + need > this.limit) await this.pushOut();
      if (this.tail !== undefined && this.tail.end > 0 && this.tail.end + need > this.limit / SEGMENTS) await this.seal();
      if (this.tail !== undefined && this.tail.end + need > LONGEST_SEGMENT) await this.seal();
      const tail = this.tail ?? (await this.begin());
      const name = nameOf(tail, tail.end);
      await tail.append(encodeHeader(envelope, rows, this.rowsAppended, checksum), envelope);
      this.rowsAppended += rows;
      this.syncSoon();
      return name;
    } catch (error) {
      if (error instanceof TornSegment) await this.seal();
      throw appendFailure(this.dir, error instanceof TornSegment ? error.cause : error);
    } finally {
      this.appending = false;
    }
  }

  /**
   * The oldest record. The same one until {@link done}; undefined when there is none. Damaged ones are left out and counted.
   */
  async head(): Promise<SpoolRecord | undefined> {
    while (this.taken === undefined) {
      const segment = this.segments[0];
      if (segment === undefined) return undefined;
      if (this.offset >= segment.end) {
        if (segment === this.tail && this.appending) return undefined;
        await this.retire();
        continue;
      }
      const located = await segment.locate(this.offset);
      // Pushed out, and its rows counted, while it was read.
      if (segment.dropped) continue;
      if (located === undefined) {
        this.lose(this.rowsEnd(0) - this.rowsDone);
        this.offset = segment.end;
        continue;
      }
      const { header, at } = located;
      if (header.rowsBefore > this.rowsDone) this.lose(header.rowsBefore - this.rowsDone);
      this.offset = at;
      const envelope = await segment.envelope(located);
      if (segment.dropped) continue;
      const next = at + HEADER_BYTES + header.length;
      if (envelope !== undefined) {
        this.taken = { name: nameOf(segment, at), envelope, rows: header.rows, next, detached: false };
        break;
      }
      // A record that was torn while it was written was never counted: the rows of this segment end before it.
      this.lose(Math.min(header.rows, this.rowsEnd(0) - this.rowsDone));
      this.offset = next;
    }
    return this.taken;
  }

  /** The record that {@link head} gave is acknowledged, or given up by who asked for it: never to be seen again. */
  async done(): Promise<void> {
    const { taken } = this;
    if (taken === undefined) return;
    this.taken = undefined;
    if (taken.detached) return;
    this.rowsDone += taken.rows;
    this.offset = taken.next;
    const first = this.first;
    if (this.offset >= first.end && !(first === this.tail && this.appending)) await this.retire();
    await this.remember();
  }

  /** What is in it stays for the next start. */
  async close(): Promise<void> {
    clearTimeout(this.syncing);
    // Pushed out while it was on its way, and not taken by anybody.
    if (this.taken?.detached === true) this.events.lost('spool_full', this.taken.rows);
    this.taken = undefined;
    await this.sync();
    await Promise.all(this.segments.map((segment) => segment.close()));
    await this.cursor.close();
    this.lock.release();
  }

  private get first(): Segment {
    return this.segments[0] as Segment;
  }

  /** Rows of all records up to the end of the segment at this index. */
  private rowsEnd(index: number): number {
    return this.segments[index + 1]?.rowsStart ?? this.rowsAppended;
  }

  private lose(rows: number): void {
    if (rows <= 0) return;
    this.rowsDone += rows;
    this.events.lost('corrupt', rows);
  }

  private async begin(): Promise<Segment> {
    const number = this.nextNumber++;
    const segment = await Segment.create(number, this.pathOf(number), this.rowsAppended);
    this.segments.push(segment);
    this.tail = segment;
    return segment;
  }

  /** Nothing is appended to the tail any more. */
  private async seal(): Promise<void> {
    const { tail } = this;
    this.tail = undefined;
    await tail?.sync().catch(this.syncFailed);
    // The head is read through the same descriptor, perhaps right now.
    if (tail !== undefined && tail !== this.segments[0]) await tail.close();
  }

  /** The first segment, of which everything is done. */
  private async retire(): Promise<void> {
    // A segment between this one and the next is gone.
    this.lose(this.rowsEnd(0) - this.rowsDone);
    const segment = this.segments.shift() as Segment;
    if (segment === this.tail) this.tail = undefined;
    this.offset = 0;
    await this.remove(segment);
  }

  /** The first segment, of which not everything is done. */
  private async pushOut(): Promise<void> {
    const segment = this.first;
    const end = this.rowsEnd(0);
    const { taken } = this;
    let rows = end - this.rowsDone;
    if (taken !== undefined && !taken.detached) {
      taken.detached = true;
      rows -= taken.rows;
    }
    segment.dropped = true;
    this.segments.shift();
    if (segment === this.tail) this.tail = undefined;
    this.rowsDone = end;
    this.offset = 0;
    if (rows > 0) this.events.lost('spool_full', rows);
    await this.remove(segment);
    await this.remember();
  }

  private async remove(segment: Segment): Promise<void> {
    await segment.close();
    await unlink(segment.path).catch((error: unknown) => this.events.noticed(`cannot remove ${segment.path}: ${reasonOf(error)}`));
  }

  private async remember(): Promise<void> {
    const segment = this.segments[0]?.number ?? this.nextNumber;
    await this.cursor
      .write({ segment, offset: this.offset, rows: this.rowsDone })
      .catch((error: unknown) => this.events.noticed(`cannot note in ${this.dir} what is acknowledged: ${reasonOf(error)}`));
  }

  private syncSoon(): void {
    this.syncing ??= setTimeout(() => {
      this.syncing = undefined;
      void this.sync();
    }, SYNC_MS).unref();
  }

  private async sync(): Promise<void> {
    await this.tail?.sync().catch(this.syncFailed);
    // The names of new segments.
    const dir = await fs.promises.open(this.dir).catch(() => undefined);
    if (dir !== undefined) await fsync(dir.fd).catch(this.syncFailed);
    await dir?.close();
  }

  private readonly syncFailed = (error: unknown) => {
    if (errnoOf(error) !== 'EBADF') this.events.noticed(`the disk does not take the spool ${this.dir}: ${reasonOf(error)}`);
  };

  private pathOf(number: number): string {
    return `${this.dir}/${String(number).padStart(16, '0')}.spool`;
  }

  /** What an earlier run left: segments from `position` on. Reads headers alone. */
  private async find(position: { readonly segment: number; readonly offset: number; readonly rows: number } | undefined): Promise<void> {
    const numbers = (await readdir(this.dir)).flatMap((name) => (NAME.test(name) ? [Number(name.slice(0, 16))] : [])).sort((a, b) => a - b);
    this.rowsDone = position?.rows ?? 0;
    this.rowsAppended = this.rowsDone;
    this.nextNumber = Math.max(position?.segment ?? 0, numbers.at(-1) ?? 0) + 1;
    for (const number of numbers) {
      const segment = Segment.found(number, this.pathOf(number));
      // Acknowledged to its end; the run that did it was killed before it could remove the file.
      const behind = number < (position?.segment ?? 0);
      const first = behind ? undefined : await segment.locate(0);
      if (first === undefined) {
        if (!behind && segment.bytes > 0) this.events.noticed(`${segment.path} holds no record that can be read: it is removed`);
        await this.remove(segment);
        continue;
      }
      segment.rowsStart = first.header.rowsBefore;
      this.segments.push(segment);
      await segment.close();
    }
    const last = this.segments.at(-1);
    if (last === undefined) {
      await this.remember();
      return;
    }
    if (position?.segment === this.first.number) this.offset = position.offset;
    else this.rowsDone = this.first.rowsStart;
    await this.findEnd(last);
    await last.close();
    await this.remember();
  }

  /** Where the last segment's last whole record ends. */
  private async findEnd(last: Segment): Promise<void> {
    let end = 0;
    this.rowsAppended = Math.max(this.rowsDone, last.rowsStart);
    for (;;) {
      const located = await last.locate(end);
      if (located === undefined) break;
      const { at, header } = located;
      const behind = at + HEADER_BYTES + header.length;
      if (behind > last.bytes) break;
      end = behind;
      this.rowsAppended = Math.max(this.rowsDone, header.rowsBefore + header.rows);
    }
    if (end < last.bytes) this.events.noticed(`${last.path} ends in a torn record of ${last.bytes - end} bytes, which is left out`);
    last.end = end;
  }
}

function nameOf(segment: Segment, at: number): string {
  return `${segment.number}:${at}`;
}

function openFailure(dir: string, error: unknown): Error {
  const sentence = `cannot open the spool ${dir}: ${reasonOf(error)}`;
  switch (errnoOf(error)) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new MissingRight('spool-open', sentence);
    case 'EDQUOT':
    case 'EIO':
    case 'EMFILE':
    case 'ENOSPC':
      return new Fault('spool-open', sentence, '', 'infra');
    default:
      return new UsageError('spool-open', sentence, 'name a folder of its own');
  }
}

function appendFailure(dir: string, error: unknown): ExportFailure {
  const errno = errnoOf(error);
  const reason = errno === 'ENOSPC' || errno === 'EDQUOT' || errno === 'EFBIG' ? 'full' : 'io';
  return new ExportFailure(reason, `cannot write to the spool ${dir}: ${reasonOf(error)}`, false);
}
