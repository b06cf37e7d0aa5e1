/** What a kernel says of its sockets, as many as are wanted, for benchmarks of the addon. */
import { readFileSync } from 'node:fs';
import { addonPath, decodeMessages } from './index.js';
import { readNetlinkPcap } from './pcap.js';

/** A file of the source, from source and from dist/ alike. */
export function source(path: string): Buffer {
  const here = import.meta.url.includes('/dist/native/') ? '../../' : '../';
  return readFileSync(new URL(here + path, import.meta.url));
}

/** Exactly `rows` socket messages, one behind the other, as a receive buffer holds them; of a real host under Linux 6.8, with all it sends. */
export function messages(rows: number): Buffer {
  const sockets = readNetlinkPcap(source('native/fixtures/captures/linux-6.8.12-100.pcap')).packets.flatMap(({ bytes }) => split(bytes));
  return Buffer.concat(Array.from({ length: rows }, (_, i) => sockets[i % sockets.length] as Uint8Array));
}

/** The messages of a packet that tell of a socket (SOCK_DIAG_BY_FAMILY, and not a request: those are shorter). */
function split(packet: Uint8Array): Uint8Array[] {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const found: Uint8Array[] = [];
  for (let at = 0; at + 16 <= packet.length; ) {
    const length = view.getUint32(at, true);
    if (length < 16) break;
    const aligned = (length + 3) & ~3;
    const message = packet.subarray(at, at + aligned);
    if (message.length === aligned && decodeMessages(message, 'protobuf').rows === 1) found.push(message);
    at += aligned;
  }
  return found;
}

export function addonUnavailable(): string | undefined {
  try {
    addonPath();
    return undefined;
  } catch (error) {
    return String(error);
  }
}
