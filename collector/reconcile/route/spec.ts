/**
 * A route as people write it, and what it means. Checks and normalises: host bits are cleared, IPv6's metric 0 is the kernel's 1024,
 * IPv4-mapped addresses are IPv4, the scope follows from whether there is a gateway.
 */
import { z } from 'zod/v3';
import { type Address, formatAddress, parseAddress, parsePrefix } from '../../../native/rtnl/ip.js';
import { type NextHop, type Route, RTN_UNICAST, RTNH_F, RTPROT } from '../../../native/rtnl/route.js';

const address = z.string().transform((text, context): Address => {
  const bytes = parseAddress(text);
  if (bytes !== undefined) return formatAddress(bytes);
  context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} is no IP address` });
  return z.NEVER;
});
const prefix = z.string().transform((text, context) => {
  const parsed = parsePrefix(text === 'default' ? '0.0.0.0/0' : text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} is no prefix such as 203.0.113.0/24 or 2001:db8::/32` });
  return z.NEVER;
});
const PROTOCOLS: Readonly<Record<string, number>> = {
  ra: 9,
  boot: 3,
  static: RTPROT.STATIC,
  zebra: 11,
  bird: 12,
  dhcp: 16,
  bgp: RTPROT.BGP,
};
/** A name of /etc/iproute2/rt_protos or a number. */
export const protocol = z.union([
  z.enum(Object.keys(PROTOCOLS) as [string, ...string[]]).transform((name) => PROTOCOLS[name] as number),
  z.number().int().min(3).max(255),
]);
const TYPES = { unicast: RTN_UNICAST, blackhole: 6, unreachable: 7, prohibit: 8 } as const;
const number = (most: number) => z.number().int().min(0).max(most);

const hop = z
  .object({
    via: address.optional(),
    dev: z.string().min(1).max(15).optional(),
    weight: z.number().int().min(1).max(256).default(1),
    onlink: z.boolean().default(false),
  })
  .strict();

export const routeSpec = z
  .object({
    /** `203.0.113.0/24`, `default` (IPv4) or `::/0`. */
    to: prefix,
    via: address.optional(),
    dev: z.string().min(1).max(15).optional(),
    onlink: z.boolean().optional(),
    /** Instead of via and dev, for more than one. */
    nexthops: z.array(hop).min(1).max(64).optional(),
    /** Id of a nexthop object, instead of all of them. */
    nhid: number(0xffff_ffff).optional(),
    src: address.optional(),
    table: number(0xffff_ffff).default(254),
    metric: number(0xffff_ffff).default(0),
    tos: number(255).default(0),
    mtu: number(0xffff_ffff).default(0),
    protocol: protocol.default('bgp'),
    type: z.enum(['unicast', 'blackhole', 'unreachable', 'prohibit']).default('unicast'),
    /** Goes down and up with the others of its group. */
    group: z.string().default(''),
  })
  .strict()
  .superRefine((spec, context) => {
    const single = spec.via !== undefined || spec.dev !== undefined;
    const ways = [single, spec.nexthops !== undefined, spec.nhid !== undefined].filter(Boolean).length;
    const complain = (message: string) => context.addIssue({ code: 'custom', message });
    if (spec.type === 'unicast' && ways !== 1) complain('a route needs exactly one of via/dev, nexthops and nhid');
    if (spec.type !== 'unicast' && ways !== 0) complain(`a ${spec.type} route has no next hop`);
    if (spec.table === 0 || spec.table === 252) complain(`table ${spec.table} is reserved by the kernel`);
    if (spec.src !== undefined && spec.src.includes('.') !== (spec.to.family === 4))
      complain('src is of another family than the destination');
    if (spec.to.family === 6 && spec.tos !== 0) complain('IPv6 routes have no tos');
  });

export type RouteSpec = z.output<typeof routeSpec>;
/** As it is written in a file or a command. */
export type RouteSpecInput = z.input<typeof routeSpec>;

/** A route that is meant to be. Interfaces are known by name until the moment of writing: an index dies with its interface. */
export interface IntendedRoute {
  readonly key: string;
  readonly group: string;
  /** With oif 0 where `devices` has a name. */
  readonly route: Route;
  /** Name of the interface of each next hop, '' for any. */
  readonly devices: readonly string[];
}

/** The kernel's own key: two routes that differ in anything else replace each other. */
export function keyOf({ family, table, destination, prefixLength, tos, priority }: Route): string {
  return `${family}|${table}|${destination}/${prefixLength}|${tos}|${priority}`;
}

const SCOPE_LINK = 253;
const IPV6_DEFAULT_METRIC = 1024;

export function intend(spec: RouteSpec): IntendedRoute {
  const { family, address: destination, length: prefixLength } = spec.to;
  const single = spec.via !== undefined || spec.dev !== undefined;
  const written = spec.nexthops ?? (single ? [{ via: spec.via, dev: spec.dev, weight: 1, onlink: spec.onlink ?? false }] : []);
  const nexthops: NextHop[] = written.map(({ via = '', weight, onlink }) => ({
    gateway: via,
    oif: 0,
    weight,
    flags: onlink ? RTNH_F.ONLINK : 0,
  }));
  const onLink = family === 4 && spec.type === 'unicast' && nexthops.length > 0 && nexthops.every(({ gateway }) => gateway === '');
  const route: Route = {
    family,
    table: spec.table,
    destination,
    prefixLength,
    tos: spec.tos,
    priority: family === 6 && spec.metric === 0 ? IPV6_DEFAULT_METRIC : spec.metric,
    protocol: spec.protocol,
    type: TYPES[spec.type],
    scope: onLink ? SCOPE_LINK : 0,
    prefsrc: spec.src ?? '',
    mtu: spec.mtu,
    nexthopId: spec.nhid ?? 0,
    nexthops,
    flags: 0,
  };
  return { key: keyOf(route), group: spec.group, route, devices: written.map(({ dev = '' }) => dev) };
}

/** The route with the indexes of its interfaces; undefined when one of them is not there. */
export function resolve({ route, devices }: IntendedRoute, indexOf: (name: string) => number | undefined): Route | undefined {
  if (devices.every((name) => name === '')) return route;
  const nexthops: NextHop[] = [];
  for (const [at, hop] of route.nexthops.entries()) {
    const name = devices[at] ?? '';
    const oif = name === '' ? 0 : indexOf(name);
    if (oif === undefined) return undefined;
    nexthops.push({ ...hop, oif });
  }
  return { ...route, nexthops };
}

/**
 * Whether the kernel's route has the value that is wanted. What was not asked for (an interface that follows from the gateway, hop flags,
 * the hops behind a nexthop object) is the kernel's to choose.
 */
export function sameValue(want: Route, have: Route): boolean {
  return (
    want.protocol === have.protocol &&
    want.type === have.type &&
    (want.family === 6 || want.scope === have.scope) &&
    want.prefsrc === have.prefsrc &&
    want.mtu === have.mtu &&
    want.nexthopId === have.nexthopId &&
    (want.type !== RTN_UNICAST || want.nexthopId !== 0 || sameHops(want.nexthops, have.nexthops))
  );
}

function sameHops(want: readonly NextHop[], have: readonly NextHop[]): boolean {
  if (want.length !== have.length) return false;
  if (want.length === 1) return sameHop(want[0] as NextHop, have[0] as NextHop, false);
  // A set: the kernel may list them in another order, and a wanted hop without an interface fits any.
  const left = [...have];
  return [...want]
    .sort((a, b) => Number(a.oif === 0) - Number(b.oif === 0))
    .every((hop) => {
      const at = left.findIndex((other) => sameHop(hop, other, true));
      if (at >= 0) left.splice(at, 1);
      return at >= 0;
    });
}

const sameHop = (want: NextHop, have: NextHop, weighted: boolean) =>
  want.gateway === have.gateway && (want.oif === 0 || want.oif === have.oif) && (!weighted || want.weight === have.weight);
