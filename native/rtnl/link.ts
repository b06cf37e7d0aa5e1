/** Links and addresses: records out of RTM_NEWLINK and RTM_NEWADDR (linux/if_link.h, linux/if_addr.h), and the requests for them. */
import { type Address, type Family, formatAddress } from './ip.js';
import { Builder, bytesAt, eachAttribute, LITTLE, type Message, RTM, textAt, u32At } from './wire.js';

export interface Link {
  readonly index: number;
  readonly name: string;
  /** IFF_* of linux/if.h. */
  readonly flags: number;
  /** `02:00:00:00:00:01`, '' without one. */
  readonly mac: string;
  /** IF_OPER_*: 0 unknown, 2 down, 3 lower layer down, 6 up. */
  readonly operstate: number;
  /** Index of the bridge or bond it belongs to, 0 for none. */
  readonly master: number;
  readonly mtu: number;
  /** `veth`, `bridge`, `tun`; '' for hardware and loopback. */
  readonly kind: string;
  readonly carrierChanges: number;
}

export interface InterfaceAddress {
  readonly family: Family;
  readonly index: number;
  readonly address: Address;
  readonly prefixLength: number;
  readonly scope: number;
  /** IFA_F_*: 0x40 tentative, 0x08 duplicate. */
  readonly flags: number;
}

export const IFF_UP = 1;
export const IF_OPER_UP = 6;
export const IFA_F_TENTATIVE = 0x40;

const AF_INET = 2;
const AF_INET6 = 10;
const IFLA = { ADDRESS: 1, IFNAME: 3, MTU: 4, MASTER: 10, OPERSTATE: 16, LINKINFO: 18, EXT_MASK: 29, CARRIER_CHANGES: 35 } as const;
const IFLA_INFO_KIND = 1;
/** Leaves out the counters, most of a link's bytes. */
const RTEXT_FILTER_SKIP_STATS = 8;
const IFA = { ADDRESS: 1, LOCAL: 2, FLAGS: 8 } as const;

export function decodeLink({ view, start, end }: Message): Link {
  let [name, mac, kind] = ['', '', ''];
  let [operstate, master, mtu, carrierChanges] = [0, 0, 0, 0];
  eachAttribute(view, start + 16, end, (type, at, length) => {
    if (type === IFLA.IFNAME) name = textAt(view, at, length);
    else if (type === IFLA.ADDRESS)
      mac = Buffer.from(bytesAt(view, at, length))
        .toString('hex')
        .replace(/(..)(?=.)/g, '$1:');
    else if (type === IFLA.MTU) mtu = u32At(view, at, length);
    else if (type === IFLA.MASTER) master = u32At(view, at, length);
    else if (type === IFLA.OPERSTATE) operstate = view.getUint8(at);
    else if (type === IFLA.CARRIER_CHANGES) carrierChanges = u32At(view, at, length);
    else if (type === IFLA.LINKINFO) {
      eachAttribute(view, at, at + length, (inner, innerAt, innerLength) => {
        if (inner === IFLA_INFO_KIND) kind = textAt(view, innerAt, innerLength);
      });
    }
  });
  return {
    index: view.getInt32(start + 4, LITTLE),
    name,
    flags: view.getUint32(start + 8, LITTLE),
    mac,
    operstate,
    master,
    mtu,
    kind,
    carrierChanges,
  };
}

export function decodeAddress({ view, start, end }: Message): InterfaceAddress {
  const family = view.getUint8(start) === AF_INET ? 4 : 6;
  let [address, local] = ['', ''];
  let flags = view.getUint8(start + 2);
  eachAttribute(view, start + 8, end, (type, at, length) => {
    if (type === IFA.ADDRESS) address = formatAddress(bytesAt(view, at, length));
    else if (type === IFA.LOCAL) local = formatAddress(bytesAt(view, at, length));
    else if (type === IFA.FLAGS) flags = u32At(view, at, length);
  });
  return {
    family,
    index: view.getUint32(start + 4, LITTLE),
    // On a point-to-point link ADDRESS is the peer's.
    address: local === '' ? address : local,
    prefixLength: view.getUint8(start + 1),
    scope: view.getUint8(start + 3),
    flags,
  };
}

const linkHeader = (builder: Builder, index: number) => builder.u8(0, 0).u16(0).u32(index).u32(0).u32(0);

export function dumpLinks(): Uint8Array {
  return linkHeader(new Builder(RTM.GETLINK), 0).attributeU32(IFLA.EXT_MASK, RTEXT_FILTER_SKIP_STATS).done();
}

/** By index; ENODEV when there is none. */
export function getLink(index: number): Uint8Array {
  return linkHeader(new Builder(RTM.GETLINK), index).attributeU32(IFLA.EXT_MASK, RTEXT_FILTER_SKIP_STATS).done();
}

export function deleteLink(index: number): Uint8Array {
  return linkHeader(new Builder(RTM.DELLINK), index).done();
}

/** @param family undefined for both */
export function dumpAddresses(family?: Family): Uint8Array {
  return new Builder(RTM.GETADDR)
    .u8(family === undefined ? 0 : family === 4 ? AF_INET : AF_INET6, 0, 0, 0)
    .u32(0)
    .done();
}
