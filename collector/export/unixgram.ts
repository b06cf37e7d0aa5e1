/**
 * Datagrams to a Unix socket, each a whole small envelope. Unlike UDP none is lost on the way: one that the receiver has no room for
 * waits, and holds up those behind it. Nobody says what became of those that were taken.
 */
import fs from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { addon } from '../../native/addon.js';
import { reasonOf } from '../errors.js';
import { type Exporter, ExportFailure } from './exporter.js';
import { split } from './split.js';

/** What receivers have buffers for, and well below net.core.wmem_default (212,992), of which a datagram's bookkeeping is a part too. */
const TARGET_BYTES = 65_507;

/** Node can't poll such a socket. The receiver's queue (net.unix.max_dgram_qlen, 10 datagrams by default) is full: look again so soon, ... */
const AGAIN_MS = 1;
/** ... and take a receiver that reads nothing for so long for one that is not there. */
const SILENCE_MS = 10_000;

export class UnixgramExporter implements Exporter {
  private fd: number | undefined;
  private closed = false;
  private sending: Promise<void> = Promise.resolve();

  constructor(
    private readonly path: string,
    private readonly format: 'protobufList' | 'jsonl',
    private readonly silenceMs = SILENCE_MS,
  ) {}

  write(envelope: Buffer): Promise<void> {
    const sent = this.send(envelope);
    this.sending = sent.catch(() => {});
    return sent;
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.sending;
    this.drop();
  }

  private async send(envelope: Buffer): Promise<void> {
    const datagrams = split(envelope, this.format, TARGET_BYTES);
    for (const datagram of datagrams) {
      const errno = await this.sendOne(datagram);
      if (errno === 0) continue;
      // An envelope that was half sent is sent again from its first datagram.
      if (errno === constants.errno.EMSGSIZE) {
        throw new ExportFailure('refused', `a row of ${datagram.length} bytes fits in no datagram to unixgram ${this.path}`, false);
      }
      this.drop();
      throw new ExportFailure('unreachable', `cannot send to unixgram ${this.path}: ${reasonOf(errnoError(errno))}`, false);
    }
  }

  /** @returns 0 or an errno */
  private async sendOne(datagram: Buffer): Promise<number> {
    const until = performance.now() + this.silenceMs;
    for (;;) {
      if (this.closed) throw new ExportFailure('closed', `unixgram ${this.path} is closed`, true);
      if (this.fd === undefined) {
        const opened = addon().connectUnixDatagram(this.path);
        if (opened < 0) return -opened;
        this.fd = opened;
      }
      const errno = addon().sendDatagram(this.fd, datagram);
      if (errno !== constants.errno.EAGAIN) return errno;
      if (performance.now() >= until) return constants.errno.ETIMEDOUT;
      await sleep(AGAIN_MS);
    }
  }

  private drop(): void {
    if (this.fd !== undefined) fs.closeSync(this.fd);
    this.fd = undefined;
  }
}

function errnoError(errno: number): Error {
  const name = Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
  return Object.assign(new Error(name), { code: name });
}
