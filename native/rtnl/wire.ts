/**
 * The grammar of rtnetlink: messages, fixed headers, attributes. Numbers and offsets are those of linux/netlink.h and linux/rtnetlink.h.
 * Everything is in host byte order unless it says otherwise.
 */
import { endianness } from 'node:os';

export const LITTLE = endianness() === 'LE';

/** linux/netlink.h */
export const NLM_F = { REQUEST: 1, ACK: 4, ECHO: 8, REPLACE: 0x100, EXCL: 0x200, CREATE: 0x400, APPEND: 0x800 } as const;

/** linux/rtnetlink.h */
export const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
  NEWRULE: 32,
  DELRULE: 33,
  GETRULE: 34,
  NEWQDISC: 36,
  DELQDISC: 37,
  GETQDISC: 38,
  NEWTCLASS: 40,
  DELTCLASS: 41,
  GETTCLASS: 42,
  NEWTFILTER: 44,
  DELTFILTER: 45,
  GETTFILTER: 46,
  NEWNEXTHOP: 104,
  DELNEXTHOP: 105,
  GETNEXTHOP: 106,
} as const;

/** enum rtnetlink_groups, for NETLINK_ADD_MEMBERSHIP. */
export const GROUP = {
  LINK: 1,
  TC: 4,
  IPV4_IFADDR: 5,
  IPV4_ROUTE: 7,
  IPV4_RULE: 8,
  IPV6_IFADDR: 9,
  IPV6_ROUTE: 11,
  IPV6_RULE: 19,
  NEXTHOP: 32,
} as const;

const HEADER = 16;
const NLA_TYPE_MASK = 0x3fff;
const NLA_F_NESTED = 0x8000;

export const align4 = (length: number): number => (length + 3) & ~3;

/** A message within a larger run of bytes. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  /** Port of the process whose request caused a notification; 0 when the kernel acted by itself. */
  readonly port: number;
  readonly view: DataView;
  /** Where the fixed header of its type begins, and where the message ends. */
  readonly start: number;
  readonly end: number;
}

/** @throws RangeError when the message does not lie within the bytes */
export function messageAt(view: DataView, offset: number): Message {
  const length = view.getUint32(offset, LITTLE);
  if (length < HEADER || offset + length > view.byteLength)
    throw new RangeError(`A netlink message at ${offset} claims ${length} bytes, ${view.byteLength - offset} are left.`);
  return {
    type: view.getUint16(offset + 4, LITTLE),
    flags: view.getUint16(offset + 6, LITTLE),
    port: view.getUint32(offset + 12, LITTLE),
    view,
    start: offset + HEADER,
    end: offset + length,
  };
}

/** One attribute: `at` is where its value begins. */
export type Visit = (type: number, at: number, length: number) => void;

/** Visits the attributes between two offsets; stops without a word at one that does not fit, as the kernel's own parsers do. */
export function eachAttribute(view: DataView, start: number, end: number, visit: Visit): void {
  let at = start;
  while (at + 4 <= end) {
    const length = view.getUint16(at, LITTLE);
    if (length < 4 || at + length > end) return;
    visit(view.getUint16(at + 2, LITTLE) & NLA_TYPE_MASK, at + 4, length - 4);
    at += align4(length);
  }
}

export function bytesAt(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}

/** Text up to the NUL that ends it. */
export function textAt(view: DataView, at: number, length: number): string {
  let text = '';
  for (let index = 0; index < length; index++) {
    const byte = view.getUint8(at + index);
    if (byte === 0) break;
    text += String.fromCharCode(byte);
  }
  return text;
}

export const u32At = (view: DataView, at: number, length: number): number => (length >= 4 ? view.getUint32(at, LITTLE) : 0);

/** Builds one message: fixed header, then attributes. Sequence and port are the addon's to fill. */
export class Builder {
  private bytes = new Uint8Array(256);
  private view = new DataView(this.bytes.buffer);
  private length: number = HEADER;
  private readonly open: number[] = [];

  constructor(type: number, flags = 0) {
    this.view.setUint16(4, type, LITTLE);
    this.view.setUint16(6, flags | NLM_F.REQUEST, LITTLE);
  }

  u8(...values: readonly number[]): this {
    for (const value of values) this.view.setUint8(this.take(1), value);
    return this;
  }

  u16(value: number): this {
    this.view.setUint16(this.take(2), value, LITTLE);
    return this;
  }

  u32(value: number): this {
    this.view.setUint32(this.take(4), value >>> 0, LITTLE);
    return this;
  }

  u64(value: bigint): this {
    this.view.setBigUint64(this.take(8), value, LITTLE);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const at = this.take(bytes.length);
    this.bytes.set(bytes, at);
    return this;
  }

  attribute(type: number, value: Uint8Array): this {
    return this.begin(type).raw(value).close();
  }

  attributeU32(type: number, value: number): this {
    return this.begin(type).u32(value).close();
  }

  attributeText(type: number, text: string): this {
    return this.attribute(type, Buffer.from(`${text}\0`, 'latin1'));
  }

  /** Opens an attribute that {@link close} ends; nests freely. */
  begin(type: number): this {
    const at = this.take(4);
    this.open.push(at);
    this.view.setUint16(at + 2, type, LITTLE);
    return this;
  }

  nest(type: number): this {
    return this.begin(type | NLA_F_NESTED);
  }

  close(): this {
    const at = this.open.pop();
    if (at === undefined) throw new Error('No attribute is open.');
    this.view.setUint16(at, this.length - at, LITTLE);
    this.take(align4(this.length) - this.length);
    return this;
  }

  done(): Uint8Array {
    if (this.open.length > 0) throw new Error('An attribute is still open.');
    this.view.setUint32(0, this.length, LITTLE);
    return this.bytes.slice(0, this.length);
  }

  /** Reserves zeroed bytes and says where they begin. */
  private take(count: number): number {
    const at = this.length;
    if (at + count > this.bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.bytes.length, at + count));
      grown.set(this.bytes);
      this.bytes = grown;
      this.view = new DataView(grown.buffer);
    }
    this.length += count;
    return at;
  }
}

/** Messages one after the other, as a batch wants them. */
export function concatenate(messages: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(messages.reduce((sum, message) => sum + align4(message.length), 0));
  let at = 0;
  for (const message of messages) {
    bytes.set(message, at);
    at += align4(message.length);
  }
  return bytes;
}
