/**
 * IP addresses as canonical text: two addresses are the same exactly when their texts are. IPv4-mapped IPv6 is folded into IPv4, so that
 * it does not matter in which of its two lengths an address was written.
 */

/** `203.0.113.7`, `2001:db8::1` (RFC 5952). */
export type Address = string;
export type Family = 4 | 6;

export interface Prefix {
  readonly family: Family;
  /** With the host bits cleared. */
  readonly address: Address;
  readonly length: number;
}

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** @param bytes 4 or 16 of them, network order */
export function formatAddress(bytes: Uint8Array): Address {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  if (MAPPED.every((byte, index) => bytes[index] === byte)) return formatAddress(bytes.subarray(12, 16));
  const groups: number[] = [];
  for (let at = 0; at < 16; at += 2) groups.push(((bytes[at] as number) << 8) | (bytes[at + 1] as number));
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (best.length < 2) return text(groups);
  return `${text(groups.slice(0, best.start))}::${text(groups.slice(best.start + best.length))}`;
}

/** The bytes (4, or 16 for IPv6) of an address in any usual spelling; undefined when it is none. Mapped addresses become 4 bytes. */
export function parseAddress(text: string): Uint8Array | undefined {
  const v4 = parseV4(text);
  if (v4 !== undefined) return v4;
  const halves = text.split('::');
  if (halves.length > 2 || !/^[0-9a-fA-F:.]+$/.test(text)) return undefined;
  const [head, tail] = halves.map(parseGroups);
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const missing = 16 - head.length - (tail?.length ?? 0);
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined;
  const bytes = Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...(tail ?? [])]);
  return MAPPED.every((byte, index) => bytes[index] === byte) ? bytes.subarray(12) : bytes;
}

function parseV4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) return undefined;
  return Uint8Array.from(parts, Number);
}

/** `db8:0:1` as bytes; the last part may be dotted IPv4. */
function parseGroups(text: string): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    const v4 = index === parts.length - 1 ? parseV4(part) : undefined;
    if (v4 !== undefined) bytes.push(...v4);
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) bytes.push(Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 0xff);
    else return undefined;
  }
  return bytes;
}

/** `10.1.2.3/8` as 10.0.0.0/8, a bare address as /32 or /128; undefined when it is none. The kernel refuses host bits (EINVAL). */
export function parsePrefix(text: string): Prefix | undefined {
  const [address = '', size, more] = text.split('/');
  const bytes = parseAddress(address);
  if (bytes === undefined || more !== undefined || (size !== undefined && !/^\d{1,3}$/.test(size))) return undefined;
  const bits = bytes.length * 8;
  let length = size === undefined ? bits : Number(size);
  // A mapped prefix counts 96 bits that the IPv4 one has not.
  if (bits === 32 && address.includes(':') && size !== undefined) length -= 96;
  if (length < 0 || length > bits) return undefined;
  return { family: bits === 32 ? 4 : 6, address: formatAddress(mask(bytes, length)), length };
}

/** A copy with all but the first `length` bits cleared. */
export function mask(bytes: Uint8Array, length: number): Uint8Array {
  return bytes.map((byte, index) => {
    const keep = Math.min(8, Math.max(0, length - 8 * index));
    return byte & (0xff00 >> keep);
  });
}

/** Whether `inner` lies in `outer` (or is it). */
export function contains(outer: Prefix, inner: Prefix): boolean {
  if (outer.family !== inner.family || inner.length < outer.length) return false;
  const bytes = parseAddress(inner.address);
  return bytes !== undefined && formatAddress(mask(bytes, outer.length)) === outer.address;
}
