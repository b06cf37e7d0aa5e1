/**
 * Reads classic pcap files of netlink captures (LINKTYPE_NETLINK, 253): hands out the netlink messages of
 * NETLINK_SOCK_DIAG with the time they were seen, and counts everything it had to leave out. Pure; never throws on what a
 * packet holds, only on a file that is no such capture.
 *
 * Formats: pcap-savefile(5); the 16 bytes before each packet are the cooked header of
 * https://www.tcpdump.org/linktypes/LINKTYPE_NETLINK.html: packet type, ARPHRD_NETLINK (824), 10 unused bytes, netlink family, big-endian.
 */

const LINKTYPE_NETLINK = 253;
const ARPHRD_NETLINK = 824;
/** linux/netlink.h */
const NETLINK_SOCK_DIAG = 4;
const FILE_HEADER = 24;
const PACKET_HEADER = 16;
const COOKED_HEADER = 16;

export interface NetlinkPacket {
  /** The nlmsghdr stream of one packet, a view into the file. */
  readonly bytes: Uint8Array;
  /** Nanoseconds since 1970. */
  readonly timestampNs: bigint;
}

export interface NetlinkCapture {
  readonly packets: readonly NetlinkPacket[];
  /** Packets left out, by reason: `not-netlink`, `family:N`, `cut-file` (the file ends inside a packet), `cut-packet` (snap length). */
  readonly skipped: Readonly<Record<string, number>>;
}

export class CaptureError extends Error {
  override readonly name = 'CaptureError';
}

/** @throws CaptureError when the file is no pcap of link type 253. */
export function readNetlinkPcap(file: Uint8Array): NetlinkCapture {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const { little, nanoseconds } = byteOrder(view);
  if (file.byteLength < FILE_HEADER) throw new CaptureError('The capture ends inside its file header: it is cut off or empty.');
  const linkType = view.getUint32(20, little) & 0xffff;
  if (linkType !== LINKTYPE_NETLINK) {
    throw new CaptureError(
      `The capture has link type ${linkType}; only netlink captures (253) hold sockets. Take one on an nlmon interface: tcpdump -i nlmon0 -w FILE.`,
    );
  }

  const packets: NetlinkPacket[] = [];
  const skipped: Record<string, number> = {};
  const skip = (reason: string) => {
    skipped[reason] = (skipped[reason] ?? 0) + 1;
  };
  let at = FILE_HEADER;
  while (at < file.byteLength) {
    if (at + PACKET_HEADER > file.byteLength) {
      skip('cut-file');
      break;
    }
    const fraction = BigInt(view.getUint32(at + 4, little)) * (nanoseconds ? 1n : 1000n);
    const timestampNs = BigInt(view.getUint32(at, little)) * 1_000_000_000n + fraction;
    const captured = view.getUint32(at + 8, little);
    const original = view.getUint32(at + 12, little);
    const start = at + PACKET_HEADER;
    const end = Math.min(start + captured, file.byteLength);
    if (start + captured > file.byteLength) skip('cut-file');
    else if (captured < original) skip('cut-packet');
    at = start + captured;
    if (end - start < COOKED_HEADER || view.getUint16(start + 2) !== ARPHRD_NETLINK) {
      skip('not-netlink');
      continue;
    }
    const family = view.getUint16(start + 14);
    if (family !== NETLINK_SOCK_DIAG) {
      skip(`family:${family}`);
      continue;
    }
    packets.push({ bytes: file.subarray(start + COOKED_HEADER, end), timestampNs });
  }
  return { packets, skipped };
}

function byteOrder(view: DataView): { little: boolean; nanoseconds: boolean } {
  const magic = view.byteLength >= 4 ? view.getUint32(0) : 0;
  switch (magic) {
    case 0xd4c3b2a1:
      return { little: true, nanoseconds: false };
    case 0x4d3cb2a1:
      return { little: true, nanoseconds: true };
    case 0xa1b2c3d4:
      return { little: false, nanoseconds: false };
    case 0xa1b23c4d:
      return { little: false, nanoseconds: true };
    case 0x0a0d0d0a:
      throw new CaptureError('The capture is a pcapng file; convert it first: editcap -F pcap FILE OUT.');
    default:
      throw new CaptureError('The file is no pcap capture: its first four bytes are not a pcap magic number.');
  }
}
