/**
 * Reads captures of netlink: classic pcap and pcapng, of either byte order and any resolution of time, also within gzip. Hands out the netlink
 * messages of NETLINK_SOCK_DIAG with the time they were seen, and counts everything it had to leave out. Pure; never throws on what a
 * packet holds, only on a file that is no such capture.
 *
 * Formats: pcap-savefile(5); pcapng as in draft-ietf-opsawg-pcapng; the cooked headers before each packet as in
 * https://www.tcpdump.org/linktypes/LINKTYPE_NETLINK.html (tcpdump -i nlmon0), LINKTYPE_LINUX_SLL.html and LINKTYPE_LINUX_SLL2.html (-i any).
 */
import { gunzipSync, constants as zlib } from 'node:zlib';

/** Where a cooked header has the hardware type and the netlink family (both big-endian 16), and its length. */
const LINK_TYPES: Readonly<Record<number, { readonly hardware: number; readonly family: number; readonly length: number }>> = {
  // NETLINK, LINUX_SLL, LINUX_SLL2
  253: { hardware: 2, family: 14, length: 16 },
  113: { hardware: 2, family: 14, length: 16 },
  276: { hardware: 8, family: 0, length: 20 },
};
const ARPHRD_NETLINK = 824;
/** linux/netlink.h */
const NETLINK_SOCK_DIAG = 4;
const FILE_HEADER = 24;
const PACKET_HEADER = 16;
const MESSAGE_HEADER = 16;
/** Longer than any snapshot length in use: what claims more is no packet. */
const MOST_CAPTURED = 1 << 28;

export interface NetlinkPacket {
  /** The nlmsghdr stream of one packet, a view into the file. */
  readonly bytes: Uint8Array;
  /** Nanoseconds since 1970. */
  readonly timestampNs: bigint;
}

export interface NetlinkCapture {
  readonly packets: readonly NetlinkPacket[];
  /**
   * Packets left out, by reason: `not-netlink`, `family:N`, `link-type:N` (another interface of a pcapng file), `byte-order` (the messages of
   * a host of the other byte order); and places where something is missing: `cut-file` (the file ends inside a packet, or goes on with
   * what is no packet), `cut-packet` (snap length).
   */
  readonly skipped: Readonly<Record<string, number>>;
}

export class CaptureError extends Error {
  override readonly name = 'CaptureError';
}

/** @throws CaptureError when the file is no capture, or none of netlink */
export function readNetlinkPcap(file: Uint8Array): NetlinkCapture {
  const bytes = unzipped(file);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const packets = new Packets();
  switch (view.byteLength >= 4 ? view.getUint32(0) : 0) {
    case 0xd4c3b2a1:
      readClassic(view, true, 1_000n, packets);
      break;
    case 0x4d3cb2a1:
      readClassic(view, true, 1n, packets);
      break;
    case 0xa1b2c3d4:
      readClassic(view, false, 1_000n, packets);
      break;
    case 0xa1b23c4d:
      readClassic(view, false, 1n, packets);
      break;
    case 0x0a0d0d0a:
      readNextGeneration(view, packets);
      break;
    default:
      throw new CaptureError('The file is no pcap capture: its first four bytes are not a pcap magic number.');
  }
  return packets;
}

/** What is kept of a capture. */
class Packets implements NetlinkCapture {
  readonly packets: NetlinkPacket[] = [];
  readonly skipped: Record<string, number> = {};

  skip(reason: string): void {
    this.skipped[reason] = (this.skipped[reason] ?? 0) + 1;
  }

  add(linkType: number, packet: Uint8Array, timestampNs: bigint): void {
    const cooked = LINK_TYPES[linkType];
    if (cooked === undefined) {
      this.skip(`link-type:${linkType}`);
      return;
    }
    const big16 = (at: number) => ((packet[at] ?? 0) << 8) | (packet[at + 1] ?? 0);
    if (packet.length < cooked.length || big16(cooked.hardware) !== ARPHRD_NETLINK) {
      this.skip('not-netlink');
      return;
    }
    const family = big16(cooked.family);
    if (family !== NETLINK_SOCK_DIAG) {
      this.skip(`family:${family}`);
      return;
    }
    const bytes = packet.subarray(cooked.length);
    if (isSwapped(bytes)) {
      this.skip('byte-order');
      return;
    }
    this.packets.push({ bytes, timestampNs });
  }
}

function readClassic(view: DataView, little: boolean, fraction: bigint, packets: Packets): void {
  if (view.byteLength < FILE_HEADER) throw cutInHeader();
  const linkType = view.getUint32(20, little) & 0xffff;
  if (LINK_TYPES[linkType] === undefined) throw otherLinkType(linkType);
  for (let at = FILE_HEADER; at < view.byteLength; ) {
    if (at + PACKET_HEADER > view.byteLength) {
      packets.skip('cut-file');
      return;
    }
    const captured = view.getUint32(at + 8, little);
    if (captured > MOST_CAPTURED) {
      packets.skip('cut-file');
      return;
    }
    const start = at + PACKET_HEADER;
    const timestampNs = BigInt(view.getUint32(at, little)) * 1_000_000_000n + BigInt(view.getUint32(at + 4, little)) * fraction;
    at = start + captured;
    if (at > view.byteLength) packets.skip('cut-file');
    else if (captured < view.getUint32(start - 4, little)) packets.skip('cut-packet');
    packets.add(linkType, part(view, start, at), timestampNs);
  }
}

/** An interface of a pcapng section. */
interface Interface {
  readonly linkType: number;
  /** Units of its time stamps in a second. */
  readonly resolution: bigint;
  /** Seconds to add. */
  readonly offset: bigint;
}

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const LEAST_BLOCK = 12;

function readNextGeneration(view: DataView, packets: Packets): void {
  if (view.byteLength < 28) throw cutInHeader();
  let little = true;
  let interfaces: Interface[] = [];
  const seen = new Set<number>();
  for (let at = 0; at < view.byteLength; ) {
    if (at + LEAST_BLOCK > view.byteLength) {
      packets.skip('cut-file');
      break;
    }
    if (view.getUint32(at) === SECTION_HEADER) {
      little = view.getUint32(at + 8) === 0x4d3c2b1a;
      interfaces = [];
    }
    const type = view.getUint32(at, little);
    const length = view.getUint32(at + 4, little);
    if (length < LEAST_BLOCK || length % 4 !== 0 || at + length > view.byteLength) {
      // A packet that is cut is of use up to there.
      packets.skip('cut-file');
      if (type !== ENHANCED_PACKET || length < LEAST_BLOCK) break;
    }
    const end = Math.min(at + length - 4, view.byteLength);
    if (type === INTERFACE_DESCRIPTION && end - at >= 16) {
      const described = describe(view, at, end, little);
      interfaces.push(described);
      seen.add(described.linkType);
    } else if (type === ENHANCED_PACKET && end - at >= 28) {
      const from = interfaces[view.getUint32(at + 8, little)];
      const captured = Math.min(view.getUint32(at + 20, little), end - at - 28);
      if (captured < view.getUint32(at + 24, little) && at + length <= view.byteLength) packets.skip('cut-packet');
      const units = (BigInt(view.getUint32(at + 12, little)) << 32n) | BigInt(view.getUint32(at + 16, little));
      if (from === undefined) packets.skip('not-netlink');
      else
        packets.add(
          from.linkType,
          part(view, at + 28, at + 28 + captured),
          from.offset * 1_000_000_000n + (units * 1_000_000_000n) / from.resolution,
        );
    } else if (type === SIMPLE_PACKET && end - at >= 12) {
      // Without a time, and of the first interface.
      const captured = Math.min(view.getUint32(at + 8, little), end - at - 12);
      packets.add(interfaces[0]?.linkType ?? -1, part(view, at + 12, at + 12 + captured), 0n);
    }
    at += length;
  }
  const other = [...seen].find((linkType) => LINK_TYPES[linkType] === undefined);
  if (other !== undefined && [...seen].every((linkType) => LINK_TYPES[linkType] === undefined)) throw otherLinkType(other);
}

function describe(view: DataView, at: number, end: number, little: boolean): Interface {
  let resolution = 1_000_000n;
  let offset = 0n;
  for (let option = at + 16; option + 4 <= end; ) {
    const code = view.getUint16(option, little);
    const size = view.getUint16(option + 2, little);
    // if_tsresol: a power of ten, or of two with the upper bit. if_tsoffset.
    if (code === 9 && size >= 1 && option + 5 <= end) {
      const power = view.getUint8(option + 4);
      resolution = (power & 0x80 ? 2n : 10n) ** BigInt(Math.min(power & 0x7f, 30));
    } else if (code === 14 && size === 8 && option + 12 <= end) {
      offset = view.getBigInt64(option + 4, little);
    } else if (code === 0) break;
    option += 4 + Math.ceil(size / 4) * 4;
  }
  return { linkType: view.getUint16(at + 8, little), resolution, offset };
}

/** The length that messages begin with makes sense only the other way round. */
function isSwapped(bytes: Uint8Array): boolean {
  if (bytes.length < MESSAGE_HEADER) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const swapped = view.getUint32(0);
  return view.getUint32(0, true) > 0xffff && swapped >= MESSAGE_HEADER && swapped <= bytes.length;
}

/** A capture within gzip, as far as it goes. */
function unzipped(file: Uint8Array): Uint8Array {
  if (file[0] !== 0x1f || file[1] !== 0x8b) return file;
  try {
    return gunzipSync(file, { finishFlush: zlib.Z_SYNC_FLUSH });
  } catch (error) {
    throw new CaptureError(`The file begins as gzip and is none: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

function part(view: DataView, start: number, end: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + start, Math.max(0, Math.min(end, view.byteLength) - start));
}

function cutInHeader(): CaptureError {
  return new CaptureError('The capture ends inside its file header: it is cut off or empty.');
}

function otherLinkType(linkType: number): CaptureError {
  return new CaptureError(
    `The capture has link type ${linkType}; only netlink captures (253) hold sockets. Take one on an nlmon interface: tcpdump -i nlmon0 -w FILE.`,
  );
}
