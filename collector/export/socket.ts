/**
 * A stream socket, TCP or Unix: the same bytes as a file. Connects at the first envelope, and anew for the one after a failure, which
 * begins with the whole envelope again: a far end drops what is torn at the end of a connection.
 *
 * Nobody acknowledges on a bare stream. A write counts once the kernel has it, so what a far end that crashed had not yet read is lost
 * without a word; http knows better.
 */
import net from 'node:net';
import { reasonOf } from '../errors.js';
import { type Exporter, ExportFailure } from './exporter.js';

/** A far end that drops packets (a firewall) would otherwise hold a connect for two minutes (tcp_syn_retries). */
const CONNECT_MS = 10_000;

export type SocketAddress = { readonly host: string; readonly port: number } | { readonly path: string };

export class SocketExporter implements Exporter {
  private socket: net.Socket | undefined;
  private closed = false;

  /** @param name of the far end, for sentences */
  constructor(
    private readonly address: SocketAddress,
    private readonly name: string,
  ) {}

  async write(envelope: Buffer): Promise<void> {
    if (this.closed) throw new ExportFailure('closed', `${this.name} is closed`, true);
    // A far end that said goodbye between two envelopes has destroyed the socket by now.
    if (this.socket?.destroyed !== false) this.socket = await this.connect();
    const socket = this.socket;
    await new Promise<void>((resolve, reject) => {
      socket.write(envelope, (error) => {
        if (error === undefined || error === null) resolve();
        else {
          socket.destroy();
          reject(this.failure(error, 'write to'));
        }
      });
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    const socket = this.socket;
    if (socket === undefined || socket.destroyed) return;
    // What the kernel has is sent behind us; a connect or a write under way is given up.
    if (socket.connecting || socket.writableLength > 0) socket.destroy();
    else await new Promise<void>((resolve) => socket.once('close', () => resolve()).end(() => socket.destroy()));
  }

  private connect(): Promise<net.Socket> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ ...this.address, keepAlive: true });
      this.socket = socket;
      socket.setTimeout(CONNECT_MS, () => socket.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })));
      // Without a listener the event would end the process; each write reports its own failure.
      socket.on('error', (error) => reject(this.failure(error, 'connect to')));
      socket.once('close', () => reject(this.failure(new Error('the connection was closed'), 'connect to')));
      socket.once('connect', () => {
        socket.setTimeout(0);
        resolve(socket);
      });
      // Whatever it says is not for us, but its goodbye must be heard.
      socket.resume();
    });
  }

  private failure(error: unknown, verb: string): ExportFailure {
    if (this.closed) return new ExportFailure('closed', `${this.name} is closed`, true);
    return new ExportFailure('unreachable', `cannot ${verb} ${this.name}: ${reasonOf(error)}`, false);
  }
}
