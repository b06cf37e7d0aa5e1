/** Finds and loads the rtnetlink addon, and says in types what it hands out. Only `index.ts` uses it. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Complete netlink messages in host byte order, and where each begins. */
export interface RawMessages {
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
}

export interface RawFailure {
  /** 0 for none. */
  readonly errno: number;
  /** NLMSGERR_ATTR_MSG, '' for none. */
  readonly detail: string;
  /** NLMSGERR_ATTR_OFFS, 0 for none. */
  readonly offset: number;
}

export interface RawDump extends RawMessages, RawFailure {
  /** NLM_F_DUMP_INTR on any message. */
  readonly interrupted: boolean;
  /** NLM_F_DUMP_FILTERED. */
  readonly filtered: boolean;
}

export interface RawAnswer extends RawMessages, RawFailure {
  /** Why it was not sent, '' when it was. */
  readonly refused: string;
}

export interface RawSession {
  open(): Promise<{ readonly step: string; readonly errno: number; readonly cookie: bigint }>;
  /** @param unknown only messages that are not known from earlier looks */
  dump(message: Uint8Array, unknown: boolean): Promise<RawDump>;
  transact(messages: Uint8Array): Promise<readonly RawAnswer[]>;
  /** A look begins; what bears one of these tags is known no more. */
  beginLook(forget: Float64Array): Promise<unknown>;
  /** Unknown messages that this look has brought, counted from 0, are known from now on under their tags. */
  learn(indexes: Uint32Array, tags: Float64Array): Promise<unknown>;
  /** Tags of what was known and has not been seen since the look began. */
  lost(): Promise<Float64Array>;
  /** Ends the thread; waits for the job under way. */
  close(): void;
}

export interface RawReport extends RawMessages {
  /** Bits of native/rtnl/monitor.h, enum Loss. */
  readonly lost: number;
  readonly drops: number;
  readonly drains: number;
  readonly errno: number;
  readonly step: string;
  readonly receiveBuffer: number;
  readonly cookie: bigint;
}

export interface RawMonitor {
  poke(): void;
  close(): void;
}

export interface RtnlAddon {
  readonly Session: new (path: string, device: number, inode: number) => RawSession;
  readonly Monitor: new (
    path: string,
    device: number,
    inode: number,
    groups: Uint32Array,
    receiveBuffer: number,
    silentOverflow: boolean,
    report: (report: RawReport) => void,
  ) => RawMonitor;
  /** A descriptor, or -errno. */
  tryLock(path: string): number;
  unlock(descriptor: number): void;
  /** CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME in nanoseconds. */
  clocks(): BigInt64Array;
}

let loaded: RtnlAddon | undefined;

/**
 * The addon, loaded at the first call: beside the sources, or beside the sources of this file in dist/.
 * @throws Error when it is not built
 */
export function rtnlAddon(): RtnlAddon {
  if (loaded === undefined) {
    const places = ['../build/netsoak-rtnl.node', '../../../native/build/netsoak-rtnl.node'].map((at) =>
      fileURLToPath(new URL(at, import.meta.url)),
    );
    const found = places.find((place) => existsSync(place));
    if (found === undefined)
      throw new Error(`The rtnetlink addon is not built (looked for ${places.join(' and ')}): run \`npm run build\`.`);
    loaded = createRequire(import.meta.url)(found) as RtnlAddon;
  }
  return loaded;
}
