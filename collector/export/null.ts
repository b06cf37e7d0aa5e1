/**
 * Nowhere. Every byte is read all the same, as a disk would (by the worker that wrote it, where the envelope comes with its checksum), so that a
 * figure measured with it includes finished envelopes.
 */
import { crc32, crc32Combine } from '../../native/index.js';
import { type Exporter, ExportFailure } from './exporter.js';

export class NullExporter implements Exporter {
  /** CRC-32 of the stream so far: what `crc32` says of the file that the `file` exporter would have written. */
  checksum = 0;
  private closed = false;

  async write(envelope: Buffer, _rows: number, checksum?: number): Promise<void> {
    if (this.closed) throw new ExportFailure('closed', 'null is closed', true);
    this.checksum = checksum === undefined ? crc32(envelope, this.checksum) : crc32Combine(this.checksum, checksum, envelope.length);
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}
