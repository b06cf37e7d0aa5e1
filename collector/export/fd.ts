/** Writing to a descriptor by libuv's thread pool: regular files and character devices, which epoll does not know. */
import fs from 'node:fs';
import { promisify } from 'node:util';
import { errnoOf, reasonOf } from '../errors.js';
import { type Exporter, ExportFailure } from './exporter.js';

export type WriteCall = (fd: number, bytes: Buffer, offset: number, length: number) => Promise<{ readonly bytesWritten: number }>;

const write: WriteCall = promisify(fs.write);
const ftruncate = promisify(fs.ftruncate);
const close = promisify(fs.close);

/** How long to wait for a device that was opened non-blocking by whoever gave it to us. */
const AGAIN_MS = 5;

export interface FdOptions {
  /** What the descriptor is, for sentences. */
  readonly name: string;
  /**
   * Length of the stream so far, when the descriptor is a regular file opened with O_APPEND: a write that failed
   * half-way is then cut off again, and the exporter lives on. Undefined: such a failure is final.
   */
  readonly length?: number;
  readonly owned: boolean;
}

export class FdExporter implements Exporter {
  private length: number | undefined;
  private gone = false;

  constructor(
    private readonly fd: number,
    private readonly options: FdOptions,
    private readonly system: { write: WriteCall; ftruncate: (fd: number, length: number) => Promise<void> } = { write, ftruncate },
  ) {
    this.length = options.length;
  }

  async write(envelope: Buffer): Promise<void> {
    if (this.gone) throw new ExportFailure('closed', `${this.options.name} is closed`, true);
    let done = 0;
    while (done < envelope.length) {
      try {
        done += (await this.system.write(this.fd, envelope, done, envelope.length - done)).bytesWritten;
      } catch (error) {
        if (errnoOf(error) === 'EAGAIN' && !this.gone) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
        else throw await this.failure(error, done);
      }
    }
    if (this.length !== undefined) this.length += envelope.length;
  }

  async close(): Promise<void> {
    if (this.gone) return;
    this.gone = true;
    if (this.options.owned) await close(this.fd);
  }

  private async failure(error: unknown, done: number): Promise<ExportFailure> {
    const errno = errnoOf(error);
    const reason = errno === 'ENOSPC' || errno === 'EDQUOT' || errno === 'EFBIG' ? 'full' : errno === 'EPIPE' ? 'closed' : 'io';
    const sentence = `cannot write to ${this.options.name}: ${reasonOf(error)}`;
    if (this.length === undefined) return new ExportFailure(reason, sentence, true);
    if (done > 0) {
      const cut = await this.system.ftruncate(this.fd, this.length).then(
        () => true,
        () => false,
      );
      if (!cut) return new ExportFailure(reason, `${sentence}, and its torn end could not be cut off`, true);
    }
    return new ExportFailure(reason, sentence, false);
  }
}
