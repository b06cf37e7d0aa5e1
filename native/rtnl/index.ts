/**
 * The typed face of the rtnetlink addon: dumps with a verdict, targeted gets, changes with their acknowledgement, and a monitor, in any
 * network namespace. Sockets belong to the addon's own threads, one a session and one a monitor; the JS thread makes no netlink call.
 * `native/rtnl/refuse.cc` refuses, whoever asks, what could delete more than one object by accident.
 */
import { constants } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type RawAnswer, type RawDump, type RawReport, rtnlAddon } from './addon.js';
import type { Family } from './ip.js';
import { decodeAddress, decodeLink, dumpAddresses, dumpLinks, getLink, type InterfaceAddress, type Link } from './link.js';
import {
  decodeNextHop,
  decodeRoute,
  decodeRule,
  dumpNextHops,
  dumpRoutes,
  dumpRules,
  type NextHopObject,
  type Route,
  type RouteFilter,
  type Rule,
} from './route.js';
import {
  decodeClass,
  decodeFilter,
  decodeQdisc,
  dumpClasses,
  dumpFilters,
  dumpQdiscs,
  type Filter,
  type FilterRef,
  getClass,
  getFilter,
  type Qdisc,
  type TcClass,
} from './tc.js';
import { concatenate, type Message, messageAt, RTM } from './wire.js';

/** What to open, and the st_dev and st_ino it must have, else it is another namespace by now. */
export interface NamespacePlace {
  readonly path: string;
  readonly device: number;
  readonly inode: number;
}

/** What the kernel said no to. `errno` is positive; `detail` its own words (extended ack), '' for none. */
export class NetlinkError extends Error {
  readonly code: string;
  constructor(
    what: string,
    readonly errno: number,
    readonly detail: string,
  ) {
    const code = errnoName(errno);
    super(`${what}: ${code}${detail === '' ? '' : ` (${detail})`}`);
    this.name = 'NetlinkError';
    this.code = code;
  }
}

/** The request was never sent: it could have hit more than the object meant. A fault of the caller. */
export class RefusedRequest extends Error {
  constructor(reason: string) {
    super(`A netlink request was refused before it was sent: ${reason}.`);
    this.name = 'RefusedRequest';
  }
}

export interface Dump<T> {
  readonly items: readonly T[];
  /**
   * False: NLM_F_DUMP_INTR stood even after five tries. The items are what the last try brought. True proves consistency for links,
   * addresses and nexthops only: the kernel never sets the flag for routes, rules and tc, whose dumps do tear.
   */
  readonly consistent: boolean;
  /** Dumps that it took. */
  readonly passes: number;
}

export interface Answer {
  /** 0 when done. */
  readonly errno: number;
  /** `ENOENT`; '' when done. */
  readonly code: string;
  readonly detail: string;
  /** What a get asked for, or the echo of a change. */
  readonly reply: readonly Message[];
}

/** Routes that an earlier look found right and that have not changed since are compared by the addon, and not brought again. */
export interface RouteLook {
  readonly filters: readonly RouteFilter[];
  /** Tags of routes that are to be brought again, changed or not. */
  readonly forget: readonly number[];
  /** Called for every route that is not known; tells its tag when it is right and need not be brought again, else undefined. */
  visit(route: Route): number | undefined;
  /** Called last, with the tags of routes that were right and are gone or changed. Without it this look says nothing about absence. */
  lost?(tags: Float64Array): void | Promise<void>;
}

export interface Rtnl {
  /** SO_NETNS_COOKIE: never reused, unlike the inode. */
  readonly cookie: bigint;
  links(): Promise<Dump<Link>>;
  addresses(family?: Family): Promise<Dump<InterfaceAddress>>;
  /** Routes of one table and protocol if given; cloned ones (exceptions) are left out. A table that does not exist is empty. */
  routes(filter: RouteFilter): Promise<Dump<Route>>;
  /** A look at routes by one who looks again and again. */
  lookAtRoutes(look: RouteLook): Promise<void>;
  qdiscs(index: number): Promise<Dump<Qdisc>>;
  /** Classes of the qdisc with this handle. */
  classes(index: number, parent: number): Promise<Dump<TcClass>>;
  /** Filters of every chain attached to this parent; the heads of priorities (handle 0) are left out. */
  filters(index: number, parent: number): Promise<Dump<Filter>>;
  rules(family: Family): Promise<Dump<Rule>>;
  nexthops(): Promise<Dump<NextHopObject>>;
  /** One object, asked for by its own name; undefined when the kernel says that it is not there. */
  link(index: number): Promise<Link | undefined>;
  tcClass(index: number, handle: number): Promise<TcClass | undefined>;
  filter(ref: FilterRef): Promise<Filter | undefined>;
  /** As link and filter, many at once, in the order asked for. */
  linksAt(indexes: readonly number[]): Promise<readonly (Link | undefined)[]>;
  filtersAt(refs: readonly FilterRef[]): Promise<readonly (Filter | undefined)[]>;
  /**
   * Sends changes in order, at most 128 to a system call, each with its own acknowledgement.
   * @throws RefusedRequest when one of them may not be sent; those before and after it have been
   */
  change(messages: readonly Uint8Array[]): Promise<readonly Answer[]>;
  /** Waits for what was asked already, then ends the thread and closes the sockets. Idempotent. */
  close(): Promise<void>;
}

/** Tries of a dump that the kernel called inconsistent, 1, 2, 4 ... ms apart. */
const TRIES = 5;
/** How long decoding may hold the event loop. */
const TURN_MS = 3;

const errnoNames = new Map(Object.entries(constants.errno).map(([name, number]) => [number as number, name]));

/** `ENOENT` for 2; `errno 524` for one that has no name here. */
export function errnoName(errno: number): string {
  return errno === 0 ? '' : (errnoNames.get(errno) ?? `errno ${errno}`);
}

/**
 * Opens a session in a namespace.
 * @throws NetlinkError naming the step: ENOENT or ESTALE of `open` when the namespace is gone or replaced, EPERM of `setns` without the right
 */
export async function openRtnl(place: NamespacePlace): Promise<Rtnl> {
  const raw = new (rtnlAddon().Session)(place.path, place.device, place.inode);
  const opened = await raw.open();
  if (opened.errno !== 0) {
    raw.close();
    throw new NetlinkError(`cannot open rtnetlink in ${place.path} (${opened.step})`, opened.errno, '');
  }
  const pending = new Set<Promise<unknown>>();
  let closed: Promise<void> | undefined;

  function track<T>(work: () => Promise<T>): Promise<T> {
    if (closed !== undefined) return Promise.reject(new Error('The rtnetlink session is closed.'));
    const promise = work();
    pending.add(promise);
    const forget = () => pending.delete(promise);
    promise.then(forget, forget);
    return promise;
  }

  async function dump<T>(what: string, request: Uint8Array, decode: (message: Message) => T | undefined): Promise<Dump<T>> {
    const { answer, passes } = await dumpRaw(what, request, [], false);
    return { items: await decodeAll(answer, decode), consistent: !answer.interrupted, passes };
  }

  /** `before`: messages of tries that were thrown away. */
  async function dumpRaw(what: string, request: Uint8Array, absent: readonly string[], unknown: boolean) {
    let before = 0;
    for (let passes = 1; ; passes++) {
      const answer = await track(() => raw.dump(request, unknown));
      if (answer.errno !== 0 && !absent.includes(errnoName(answer.errno)))
        throw new NetlinkError(`cannot list ${what}`, answer.errno, answer.detail);
      if (!answer.interrupted || passes === TRIES) return { answer, passes, before };
      before += answer.offsets.length;
      await new Promise((resolve) => setTimeout(resolve, 2 ** (passes - 1)));
    }
  }

  async function getAll<T>(
    what: string,
    requests: readonly Uint8Array[],
    decode: (message: Message) => T,
    absent: string,
  ): Promise<readonly (T | undefined)[]> {
    return (await change(requests)).map((answer) => {
      if (answer.code === absent) return undefined;
      if (answer.errno !== 0) throw new NetlinkError(`cannot look up ${what}`, answer.errno, answer.detail);
      const [message] = answer.reply;
      return message === undefined ? undefined : decode(message);
    });
  }

  const linksAt = (indexes: readonly number[]) => getAll('a link', indexes.map(getLink), decodeLink, 'ENODEV');
  const filtersAt = (refs: readonly FilterRef[]) => getAll('a tc filter', refs.map(getFilter), decodeFilter, 'ENOENT');

  async function change(messages: readonly Uint8Array[]): Promise<readonly Answer[]> {
    const answers = await track(() => raw.transact(concatenate(messages)));
    const refused = answers.find((answer) => answer.refused !== '');
    if (refused !== undefined) throw new RefusedRequest(refused.refused);
    return answers.map(readAnswer);
  }

  return {
    cookie: opened.cookie,
    links: () => dump('links', dumpLinks(), only(RTM.NEWLINK, decodeLink)),
    addresses: (family) => dump('addresses', dumpAddresses(family), only(RTM.NEWADDR, decodeAddress)),
    async routes(filter) {
      const { answer, passes } = await dumpRaw('routes', dumpRoutes(filter), ['ENOENT'], false);
      return { items: await decodeAll(answer, only(RTM.NEWROUTE, wantedRoute(filter))), consistent: !answer.interrupted, passes };
    },
    async lookAtRoutes({ filters, forget, visit, lost }) {
      await track(() => raw.beginLook(new Float64Array(forget)));
      const brought: { readonly filter: RouteFilter; readonly answer: RawDump; readonly first: number }[] = [];
      let first = 0;
      for (const filter of filters) {
        const { answer, before } = await dumpRaw('routes', dumpRoutes(filter), ['ENOENT'], true);
        brought.push({ filter, answer, first: first + before });
        first += before + answer.offsets.length;
      }
      // What is gone first: a route that has changed is both gone and brought.
      await lost?.(await track(() => raw.lost()));
      const [indexes, tags]: [number[], number[]] = [[], []];
      for (const { filter, answer, first } of brought) {
        const decode = wantedRoute(filter);
        await decodeAll(answer, (message, at) => {
          const route = message.type === RTM.NEWROUTE ? decode(message) : undefined;
          const tag = route === undefined ? undefined : visit(route);
          if (tag === undefined) return undefined;
          indexes.push(first + at);
          tags.push(tag);
          return undefined;
        });
      }
      if (tags.length > 0) await track(() => raw.learn(new Uint32Array(indexes), new Float64Array(tags)));
    },
    // Kernels before 6.1 filter by nothing here: leave out other interfaces ourselves.
    qdiscs: (index) =>
      dump(
        'qdiscs',
        dumpQdiscs(),
        only(RTM.NEWQDISC, (message) => keep(decodeQdisc(message), (qdisc) => qdisc.index === index)),
      ),
    classes: (index, parent) => dump('tc classes', dumpClasses(index, parent), only(RTM.NEWTCLASS, decodeClass)),
    filters: (index, parent) =>
      dump(
        'tc filters',
        dumpFilters(index, parent),
        only(RTM.NEWTFILTER, (message) => keep(decodeFilter(message), (filter) => filter.handle !== 0)),
      ),
    rules: (family) => dump('rules', dumpRules(family), only(RTM.NEWRULE, decodeRule)),
    nexthops: () => dump('nexthop objects', dumpNextHops(), only(RTM.NEWNEXTHOP, decodeNextHop)),
    link: async (index) => (await linksAt([index]))[0],
    tcClass: async (index, handle) => (await getAll('a tc class', [getClass(index, handle)], decodeClass, 'ENOENT'))[0],
    filter: async (ref) => (await filtersAt([ref]))[0],
    linksAt,
    filtersAt,
    change,
    close() {
      closed ??= Promise.allSettled([...pending]).then(() => raw.close());
      return closed;
    },
  };
}

const only =
  <T>(type: number, decode: (message: Message) => T | undefined) =>
  (message: Message): T | undefined =>
    message.type === type ? decode(message) : undefined;

const keep = <T>(item: T, wanted: (item: T) => boolean): T | undefined => (wanted(item) ? item : undefined);

/** RTM_F_CLONED */
const CLONED = 0x200;

/** The kernel's filter again: one that it did not apply (no NLM_F_DUMP_FILTERED) must not show foreign routes. */
function wantedRoute({ table, protocol, defaultOnly = false }: RouteFilter): (message: Message) => Route | undefined {
  return (message) => {
    // rtm_dst_len, the second byte of struct rtmsg.
    if (defaultOnly && message.view.getUint8(message.start + 1) !== 0) return undefined;
    const route = decodeRoute(message);
    const wanted = (table === undefined || route.table === table) && (protocol === undefined || route.protocol === protocol);
    return wanted && (route.flags & CLONED) === 0 ? route : undefined;
  };
}

/** Decodes in turns, so that 100,000 routes do not hold up the event loop. */
async function decodeAll<T>({ bytes, offsets }: RawDump, decode: (message: Message, index: number) => T | undefined): Promise<T[]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const items: T[] = [];
  let turnEnds = performance.now() + TURN_MS;
  for (let index = 0; index < offsets.length; index++) {
    const item = decode(messageAt(view, offsets[index] as number), index);
    if (item !== undefined) items.push(item);
    if ((index & 63) === 63 && performance.now() > turnEnds) {
      await nextTurn();
      turnEnds = performance.now() + TURN_MS;
    }
  }
  return items;
}

function readAnswer({ errno, detail, bytes, offsets }: RawAnswer): Answer {
  return { errno, code: errnoName(errno), detail, reply: messagesOf(bytes, offsets) };
}

function messagesOf(bytes: Uint8Array, offsets: Uint32Array): readonly Message[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from(offsets, (offset) => messageAt(view, offset));
}

/** How a loss of events was noticed; see native/rtnl/monitor.h. */
export type LossSource = 'enobufs' | 'meminfo' | 'pollerr' | 'backlog' | 'mangled';

const LOSSES: readonly (readonly [number, LossSource])[] = [
  [1, 'enobufs'],
  [2, 'meminfo'],
  [4, 'pollerr'],
  [8, 'backlog'],
  [16, 'mangled'],
];

export interface MonitorReport {
  readonly events: readonly Message[];
  /** Not empty: events were lost since the last report. The socket has been drained since, so a dump made now is not stale. */
  readonly lost: readonly LossSource[];
  /** Events that the kernel dropped on this socket so far (SO_MEMINFO). */
  readonly drops: number;
  /** Times that the socket was drained so far. */
  readonly drains: number;
  /** The monitor has ended. */
  readonly fatal: NetlinkError | undefined;
}

export interface MonitorOptions {
  /** enum rtnetlink_groups, see GROUP in wire.ts. */
  readonly groups: readonly number[];
  /** Bytes of SO_RCVBUF to ask for (the kernel grants twice as much), 0 for its default. No size is safe from overflow. */
  readonly receiveBuffer: number;
  /** NETLINK_NO_ENOBUFS: the kernel keeps silent about overflow; only the drop counter tells. */
  readonly silentOverflow?: boolean;
}

export interface Monitor {
  readonly cookie: bigint;
  /** What was granted, in bytes as the kernel counts them. Less than twice what was asked: it was clamped by net.core.rmem_max. */
  readonly receiveBuffer: number;
  /** Asks for a report now, even if there is nothing to tell; the drop counter is looked at. */
  poke(): void;
  /** Ends the thread. No report comes after it. Idempotent. */
  close(): void;
}

/**
 * Subscribes to groups of a namespace. Resolves when subscribed: every later event is reported, or its loss is.
 * @param report called on the JS thread
 * @throws NetlinkError as {@link openRtnl}
 */
export function openMonitor(place: NamespacePlace, options: MonitorOptions, report: (report: MonitorReport) => void): Promise<Monitor> {
  return new Promise((resolve, reject) => {
    let first = true;
    const raw = new (rtnlAddon().Monitor)(
      place.path,
      place.device,
      place.inode,
      Uint32Array.from(options.groups),
      options.receiveBuffer,
      options.silentOverflow ?? false,
      (told) => {
        const fatal = told.errno === 0 ? undefined : new NetlinkError(`cannot watch ${place.path} (${told.step})`, told.errno, '');
        if (first) {
          first = false;
          if (fatal !== undefined) {
            raw.close();
            reject(fatal);
            return;
          }
          resolve({ cookie: told.cookie, receiveBuffer: told.receiveBuffer, poke: () => raw.poke(), close: () => raw.close() });
        }
        if (told.offsets.length > 0 || told.lost !== 0 || fatal !== undefined || told.drains > 0) report(readReport(told, fatal));
      },
    );
  });
}

function readReport(told: RawReport, fatal: NetlinkError | undefined): MonitorReport {
  return {
    events: messagesOf(told.bytes, told.offsets),
    lost: LOSSES.filter(([bit]) => (told.lost & bit) !== 0).map(([, source]) => source),
    drops: told.drops,
    drains: told.drains,
    fatal,
  };
}

/** A held file lock. */
export interface FileLock {
  release(): void;
}

/**
 * Takes an exclusive flock(2) on a file, made with mode 0600 if it is not there. Never waits.
 * @returns undefined when another process holds it
 * @throws NetlinkError when the file cannot be opened
 */
export function tryLock(path: string): FileLock | undefined {
  const descriptor = rtnlAddon().tryLock(path);
  if (descriptor === -constants.errno.EWOULDBLOCK) return undefined;
  if (descriptor < 0) throw new NetlinkError(`cannot lock ${path}`, -descriptor, '');
  let held = true;
  return {
    release() {
      if (held) rtnlAddon().unlock(descriptor);
      held = false;
    },
  };
}

/** Nanoseconds of three clocks, read together. Boottime runs on while the machine sleeps, monotonic does not. */
export function readClocks(): { readonly monotonic: bigint; readonly boottime: bigint; readonly realtime: bigint } {
  const [monotonic, boottime, realtime] = rtnlAddon().clocks() as unknown as readonly [bigint, bigint, bigint];
  return { monotonic, boottime, realtime };
}
