/**
 * Standard output, whatever it is: a file, a device, a pipe or a socket. Pipes and sockets are written through
 * epoll, since a thread of libuv's pool that is stuck in write(2) on a full pipe would hold up the process's exit for good.
 */
import fs from 'node:fs';
import net from 'node:net';
import tty from 'node:tty';
import { errnoOf, reasonOf, UsageError } from '../errors.js';
import { type Exporter, ExportFailure } from './exporter.js';
import { FdExporter } from './fd.js';

const NAME = 'standard output';

/**
 * @param fd to write to; 1 unless a test says otherwise
 */
export function openStdout(format: 'protobufList' | 'jsonl', fd = 1): Exporter {
  if (format === 'protobufList' && tty.isatty(fd)) {
    throw new UsageError(
      'export-terminal',
      'protobufList is no sight for a terminal',
      'redirect it, or use --format jsonl or --export file:PATH',
    );
  }
  const stat = fs.fstatSync(fd);
  if (stat.isFIFO()) return new StreamExporter(ownDescription(fd));
  if (stat.isSocket()) return new StreamExporter(fd);
  return new FdExporter(fd, { name: NAME, owned: false });
}

/**
 * A pipe opened anew: O_NONBLOCK, which epoll needs, belongs to the open file description, and that is shared with
 * whoever else was given this pipe (the rest of a shell's command list would fail with EAGAIN).
 */
function ownDescription(fd: number): number {
  try {
    return fs.openSync(`/proc/self/fd/${fd}`, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);
  } catch {
    // Another user's pipe may not be reopened; the inherited one still works.
    return fd;
  }
}

export class StreamExporter implements Exporter {
  private readonly socket: net.Socket;
  private failed: ExportFailure | undefined;

  constructor(fd: number) {
    this.socket = new net.Socket({ fd, readable: false, writable: true });
    // Each write reports its own failure; without a listener the event would end the process first.
    this.socket.on('error', () => {});
  }

  /** libuv goes on with short writes; the callback comes when the kernel has every byte. */
  write(envelope: Buffer): Promise<void> {
    const earlier = this.failed;
    if (earlier !== undefined) return Promise.reject(earlier);
    return new Promise((resolve, reject) => {
      this.socket.write(envelope, (error) => {
        if (error === undefined || error === null) resolve();
        else {
          const gone = ['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED'].includes(errnoOf(error));
          this.failed = new ExportFailure(gone ? 'closed' : 'io', `cannot write to ${NAME}: ${reasonOf(error)}`, true);
          reject(this.failed);
        }
      });
    });
  }

  async close(): Promise<void> {
    this.socket.destroy();
  }
}
