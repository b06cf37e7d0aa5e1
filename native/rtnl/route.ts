/** Routes, nexthop objects and rules: records out of rtnetlink messages (linux/rtnetlink.h, nexthop.h, fib_rules.h), and requests. */
import { type Address, type Family, formatAddress, parseAddress } from './ip.js';
import { Builder, bytesAt, eachAttribute, LITTLE, type Message, NLM_F, RTM, textAt, u32At } from './wire.js';

export interface NextHop {
  /** '' when the destination is on the link. */
  readonly gateway: Address;
  /** 0 when not given. */
  readonly oif: number;
  /** 1 to 256. */
  readonly weight: number;
  /** RTNH_F_*: 1 dead, 4 onlink, 16 linkdown. */
  readonly flags: number;
}

/** family, table, destination, tos and priority make the kernel's key; the rest is the value. */
export interface Route {
  readonly family: Family;
  readonly table: number;
  readonly destination: Address;
  readonly prefixLength: number;
  readonly tos: number;
  readonly priority: number;
  /** RTPROT_*: 2 kernel, 3 boot, 4 static, 186 bgp. */
  readonly protocol: number;
  /** RTN_*: 1 unicast, 6 blackhole. */
  readonly type: number;
  /** RT_SCOPE_*: 0 universe, 253 link. Always 0 for IPv6. */
  readonly scope: number;
  /** '' for none. */
  readonly prefsrc: Address;
  /** 0 for none. */
  readonly mtu: number;
  /** Nexthop object, 0 for none. */
  readonly nexthopId: number;
  /** Empty for blackholes and the like; with an object the kernel sends what it resolves to. */
  readonly nexthops: readonly NextHop[];
  /** RTM_F_*: 0x200 cloned. */
  readonly flags: number;
}

export interface RouteFilter {
  readonly family: Family;
  readonly table?: number;
  readonly protocol?: number;
  /** Only routes to everywhere. The kernel can't filter by it: the others are thrown away undecoded. */
  readonly defaultOnly?: boolean;
}

export const RTNH_F = { DEAD: 1, ONLINK: 4, LINKDOWN: 16 } as const;
export const RTPROT = { KERNEL: 2, STATIC: 4, BGP: 186 } as const;
export const RTN_UNICAST = 1;
export const RTM_F_CLONED = 0x200;

const AF = { 4: 2, 6: 10 } as const;
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PRIORITY: 6, PREFSRC: 7, METRICS: 8, MULTIPATH: 9, TABLE: 15, VIA: 18, NH_ID: 30 } as const;
const RTAX_MTU = 2;
const RT_TABLE_COMPAT = 252;
const RT_SCOPE_NOWHERE = 255;
const UNSPECIFIED = { 4: '0.0.0.0', 6: '::' } as const;

/** RTA_VIA: family (u16, host order), then the address. */
const viaAt = (view: DataView, at: number, length: number) => formatAddress(bytesAt(view, at + 2, length - 2));

export function decodeRoute({ view, start, end }: Message): Route {
  const family: Family = view.getUint8(start) === AF[4] ? 4 : 6;
  let table = view.getUint8(start + 4);
  let destination: Address = UNSPECIFIED[family];
  let [prefsrc, gateway] = ['', ''];
  let [priority, oif, mtu, nexthopId] = [0, 0, 0, 0];
  const several: NextHop[] = [];
  const flags = view.getUint32(start + 8, LITTLE);
  eachAttribute(view, start + 12, end, (type, at, length) => {
    switch (type) {
      case RTA.DST:
        destination = formatAddress(bytesAt(view, at, length));
        break;
      case RTA.OIF:
        oif = u32At(view, at, length);
        break;
      case RTA.GATEWAY:
        gateway = formatAddress(bytesAt(view, at, length));
        break;
      case RTA.VIA:
        gateway = viaAt(view, at, length);
        break;
      case RTA.PRIORITY:
        priority = u32At(view, at, length);
        break;
      case RTA.PREFSRC:
        prefsrc = formatAddress(bytesAt(view, at, length));
        break;
      case RTA.TABLE:
        table = u32At(view, at, length);
        break;
      case RTA.NH_ID:
        nexthopId = u32At(view, at, length);
        break;
      case RTA.METRICS:
        eachAttribute(view, at, at + length, (metric, metricAt, metricLength) => {
          if (metric === RTAX_MTU) mtu = u32At(view, metricAt, metricLength);
        });
        break;
      case RTA.MULTIPATH:
        decodeHops(view, at, at + length, several);
        break;
    }
  });
  const single = gateway !== '' || oif !== 0;
  return {
    family,
    table,
    destination,
    prefixLength: view.getUint8(start + 1),
    tos: view.getUint8(start + 3),
    priority,
    protocol: view.getUint8(start + 5),
    type: view.getUint8(start + 7),
    scope: view.getUint8(start + 6),
    prefsrc,
    mtu,
    nexthopId,
    nexthops: several.length > 0 ? several : single ? [{ gateway, oif, weight: 1, flags: flags & 0xff }] : [],
    flags,
  };
}

/** struct rtnexthop: u16 length, u8 flags, u8 hops (weight - 1), i32 ifindex, attributes. */
function decodeHops(view: DataView, start: number, end: number, into: NextHop[]): void {
  for (let at = start; at + 8 <= end; ) {
    const length = view.getUint16(at, LITTLE);
    if (length < 8 || at + length > end) return;
    let gateway = '';
    eachAttribute(view, at + 8, at + length, (type, valueAt, valueLength) => {
      if (type === RTA.GATEWAY) gateway = formatAddress(bytesAt(view, valueAt, valueLength));
      else if (type === RTA.VIA) gateway = viaAt(view, valueAt, valueLength);
    });
    into.push({ gateway, oif: view.getInt32(at + 4, LITTLE), weight: view.getUint8(at + 3) + 1, flags: view.getUint8(at + 2) });
    at += (length + 3) & ~3;
  }
}

/**
 * A strict dump request: all but table and protocol must be 0 in the header, or the kernel refuses it. RTA_TABLE carries every table;
 * the header has room for the first 256 only.
 */
export function dumpRoutes({ family, table, protocol = 0 }: RouteFilter): Uint8Array {
  const builder = new Builder(RTM.GETROUTE).u8(AF[family], 0, 0, 0, 0, protocol, 0, 0).u32(0);
  if (table !== undefined) builder.attributeU32(RTA.TABLE, table);
  return builder.done();
}

/** How a route is to be written: only if its key is free, over the one that has it, or away. */
export type RouteVerb = 'create' | 'replace' | 'delete';

/**
 * One route as a change. A deletion names protocol, hops and priority, so that it takes this route and no other of its prefix.
 * @throws RangeError when an address is none
 */
export function changeRoute(route: Route, verb: RouteVerb): Uint8Array {
  const remove = verb === 'delete';
  const flags = remove ? NLM_F.ECHO : NLM_F.CREATE | NLM_F.ECHO | (verb === 'create' ? NLM_F.EXCL : NLM_F.REPLACE);
  const { family, table } = route;
  const builder = new Builder(remove ? RTM.DELROUTE : RTM.NEWROUTE, flags)
    .u8(AF[family], route.prefixLength, 0, route.tos, table < 256 ? table : RT_TABLE_COMPAT, route.protocol)
    .u8(remove && route.scope === 0 ? RT_SCOPE_NOWHERE : route.scope, route.type)
    // Of the hop flags only ONLINK is ours to give; the others are the kernel's to tell.
    .u32(route.nexthops.length === 1 ? (route.nexthops[0] as NextHop).flags & RTNH_F.ONLINK : 0)
    .attributeU32(RTA.TABLE, table);
  if (route.prefixLength > 0) builder.attribute(RTA.DST, bytesOf(route.destination));
  if (route.priority !== 0) builder.attributeU32(RTA.PRIORITY, route.priority);
  if (route.prefsrc !== '') builder.attribute(RTA.PREFSRC, bytesOf(route.prefsrc));
  if (route.mtu !== 0 && !remove) builder.nest(RTA.METRICS).attributeU32(RTAX_MTU, route.mtu).close();
  if (route.nexthopId !== 0) return builder.attributeU32(RTA.NH_ID, route.nexthopId).done();
  if (route.nexthops.length === 1) {
    const [hop] = route.nexthops as readonly [NextHop];
    addGateway(builder, family, hop.gateway);
    if (hop.oif !== 0) builder.attributeU32(RTA.OIF, hop.oif);
  } else if (route.nexthops.length > 1) {
    builder.begin(RTA.MULTIPATH);
    for (const hop of route.nexthops) builder.raw(encodeHop(family, hop));
    builder.close();
  }
  return builder.done();
}

function encodeHop(family: Family, hop: NextHop): Uint8Array {
  // A message of its own, of which only what follows the header is used.
  const inner = addGateway(
    new Builder(0)
      .u16(0)
      .u8(hop.flags & RTNH_F.ONLINK, hop.weight - 1)
      .u32(hop.oif),
    family,
    hop.gateway,
  )
    .done()
    .slice(16);
  new DataView(inner.buffer).setUint16(0, inner.length, LITTLE);
  return inner;
}

function addGateway(builder: Builder, family: Family, gateway: Address): Builder {
  if (gateway === '') return builder;
  const bytes = bytesOf(gateway);
  const same = (bytes.length === 4) === (family === 4);
  if (same) return builder.attribute(RTA.GATEWAY, bytes);
  return builder
    .begin(RTA.VIA)
    .u16(bytes.length === 4 ? AF[4] : AF[6])
    .raw(bytes)
    .close();
}

function bytesOf(address: Address): Uint8Array {
  const bytes = parseAddress(address);
  if (bytes === undefined) throw new RangeError(`${JSON.stringify(address)} is no IP address.`);
  return bytes;
}

/** A nexthop object (linux/nexthop.h). */
export interface NextHopObject {
  readonly id: number;
  readonly family: Family | 0;
  readonly protocol: number;
  readonly gateway: Address;
  readonly oif: number;
  readonly blackhole: boolean;
}

const NHA = { ID: 1, BLACKHOLE: 4, OIF: 5, GATEWAY: 6 } as const;

export function decodeNextHop({ view, start, end }: Message): NextHopObject {
  const family = view.getUint8(start);
  let [id, oif, gateway, blackhole] = [0, 0, '', false];
  eachAttribute(view, start + 8, end, (type, at, length) => {
    if (type === NHA.ID) id = u32At(view, at, length);
    else if (type === NHA.OIF) oif = u32At(view, at, length);
    else if (type === NHA.GATEWAY) gateway = formatAddress(bytesAt(view, at, length));
    else if (type === NHA.BLACKHOLE) blackhole = true;
  });
  return { id, family: family === AF[4] ? 4 : family === AF[6] ? 6 : 0, protocol: view.getUint8(start + 2), gateway, oif, blackhole };
}

export function dumpNextHops(): Uint8Array {
  return new Builder(RTM.GETNEXTHOP).u8(0, 0, 0, 0).u32(0).done();
}

/** A routing rule (linux/fib_rules.h). */
export interface Rule {
  readonly family: Family;
  readonly priority: number;
  readonly table: number;
  readonly action: number;
  /** '' for any; with their prefix lengths. */
  readonly source: string;
  readonly destination: string;
  readonly inputInterface: string;
  readonly mark: number;
}

const FRA = { DST: 1, SRC: 2, IIFNAME: 3, PRIORITY: 6, FWMARK: 10, TABLE: 15 } as const;

export function decodeRule({ view, start, end }: Message): Rule {
  let [source, destination, inputInterface] = ['', '', ''];
  let [priority, mark] = [0, 0];
  let table = view.getUint8(start + 4);
  eachAttribute(view, start + 12, end, (type, at, length) => {
    if (type === FRA.SRC) source = `${formatAddress(bytesAt(view, at, length))}/${view.getUint8(start + 2)}`;
    else if (type === FRA.DST) destination = `${formatAddress(bytesAt(view, at, length))}/${view.getUint8(start + 1)}`;
    else if (type === FRA.IIFNAME) inputInterface = textAt(view, at, length);
    else if (type === FRA.PRIORITY) priority = u32At(view, at, length);
    else if (type === FRA.FWMARK) mark = u32At(view, at, length);
    else if (type === FRA.TABLE) table = u32At(view, at, length);
  });
  const family: Family = view.getUint8(start) === AF[4] ? 4 : 6;
  return { family, priority, table, action: view.getUint8(start + 7), source, destination, inputInterface, mark };
}

export function dumpRules(family: Family): Uint8Array {
  return new Builder(RTM.GETRULE).u8(AF[family], 0, 0, 0, 0, 0, 0, 0).u32(0).done();
}
