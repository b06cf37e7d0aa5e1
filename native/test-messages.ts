/** Builds netlink messages as the kernel would send them, for the tests of decoder and encoders. */

/** INET_DIAG_* of linux/inet_diag.h. */
export const ATTRIBUTE = {
  MEMINFO: 1,
  INFO: 2,
  VEGASINFO: 3,
  CONG: 4,
  TOS: 5,
  TCLASS: 6,
  SKMEMINFO: 7,
  SHUTDOWN: 8,
  DCTCPINFO: 9,
  PROTOCOL: 10,
  SKV6ONLY: 11,
  PAD: 14,
  MARK: 15,
  BBRINFO: 16,
  CLASS_ID: 17,
  ULP_INFO: 19,
  CGROUP_ID: 21,
  SOCKOPT: 22,
} as const;

export const SOCK_DIAG_BY_FAMILY = 20;
const NLM_F_MULTI = 2;
const NLA_F_NESTED = 0x8000;
const AF_INET = 2;
const AF_INET6 = 10;
const MESSAGE_BYTES = 72;

/** xorshift32: the same bytes in every run. Zeros, small and extreme values are as frequent as others. */
export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed | 1;
  }
  next(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return this.#state >>> 0;
  }
  below(bound: number): number {
    return this.next() % bound;
  }
  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }
  bytes(length: number): Uint8Array {
    const style = this.below(4);
    return Uint8Array.from({ length }, () =>
      style === 0 ? 0 : style === 1 ? 0xff : style === 2 ? this.below(2) * this.below(256) : this.below(256),
    );
  }
}

export function attribute(type: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array((4 + payload.length + 3) & ~3);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 4 + payload.length, true);
  view.setUint16(2, type, true);
  bytes.set(payload, 4);
  return bytes;
}

export function nested(type: number, parts: readonly Uint8Array[]): Uint8Array {
  return attribute(type | NLA_F_NESTED, Buffer.concat(parts));
}

/** A reply of one socket, IPv4 or IPv6, with random values in struct inet_diag_msg. */
export function message(random: Random, attributes: readonly Uint8Array[], type: number = SOCK_DIAG_BY_FAMILY): Uint8Array {
  const socket = random.bytes(MESSAGE_BYTES);
  socket[0] = random.pick([AF_INET, AF_INET6]);
  return netlink(type, NLM_F_MULTI, [socket, ...attributes]);
}

/** struct nlmsghdr and its payload. */
export function netlink(type: number, flags: number, payload: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(payload);
  const bytes = new Uint8Array((16 + body.length + 3) & ~3);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 16 + body.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, 1, true);
  bytes.set(body, 16);
  return bytes;
}
