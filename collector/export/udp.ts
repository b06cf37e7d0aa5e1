/**
 * Datagrams, each a whole small envelope. Nobody acknowledges them: an envelope counts once its last datagram is sent. One that
 * was half sent when it failed is sent again from its first datagram.
 */
import dgram from 'node:dgram';
import { reasonOf } from '../errors.js';
import { type Exporter, ExportFailure } from './exporter.js';
import { split } from './split.js';

/** What an Ethernet frame of 1,500 bytes leaves after an IPv6 and a UDP header. A row that is longer travels alone, in fragments. */
const TARGET_BYTES = 1_452;
/** Largest payload of UDP over IPv4 (RFC 768: 65,535 less 20 and 8). */
const MOST_BYTES = 65_507;

export class UdpExporter implements Exporter {
  private socket: Promise<dgram.Socket> | undefined;
  private refusal: Error | undefined;
  private closed = false;

  constructor(
    private readonly address: { readonly host: string; readonly port: number },
    private readonly name: string,
    private readonly format: 'protobufList' | 'jsonl',
  ) {}

  async write(envelope: Buffer): Promise<void> {
    if (this.closed) throw new ExportFailure('closed', `${this.name} is closed`, true);
    const datagrams = split(envelope, this.format, TARGET_BYTES);
    const longest = datagrams.reduce((most, { length }) => Math.max(most, length), 0);
    if (longest > MOST_BYTES) throw new ExportFailure('refused', `a row of ${longest} bytes fits in no datagram to ${this.name}`, false);
    try {
      // A refusal (ICMP) comes when the envelope that it answers is gone; it tells at least that nobody listens.
      if (this.refusal !== undefined) throw this.refusal;
      this.socket ??= this.connect();
      const socket = await this.socket;
      for (const datagram of datagrams) await send(socket, datagram);
    } catch (error) {
      await this.drop();
      if (this.closed) throw new ExportFailure('closed', `${this.name} is closed`, true);
      throw new ExportFailure('unreachable', `cannot send to ${this.name}: ${reasonOf(error)}`, false);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.drop();
  }

  /** Connected, so that the name is looked up once and a refusal comes back. */
  private connect(): Promise<dgram.Socket> {
    const socket = dgram.createSocket(this.address.host.includes(':') ? 'udp6' : 'udp4');
    return new Promise((resolve, reject) => {
      socket.on('error', (error) => {
        this.refusal = error;
        reject(error);
      });
      socket.connect(this.address.port, this.address.host, () => resolve(socket));
    });
  }

  private async drop(): Promise<void> {
    const socket = await this.socket?.catch(() => undefined);
    this.socket = undefined;
    this.refusal = undefined;
    if (socket !== undefined) await new Promise<void>((resolve) => socket.close(resolve));
  }
}

function send(socket: dgram.Socket, datagram: Buffer): Promise<void> {
  return new Promise((resolve, reject) => socket.send(datagram, (error) => (error === null ? resolve() : reject(error))));
}
