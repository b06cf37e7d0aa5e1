/**
 * Finds and loads the native addon, and says in types what it hands out. Only `index.ts` uses it.
 *
 * The face is deliberately flat (one string, arrays of numbers): 10,000 namespaces as objects would cost
 * the JS thread 60,000 property reads through Node-API at every poll.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { NamespaceRef } from './namespaces.js';

/** Namespaces that the addon keeps: to be handed back, and nothing else. */
export type RawNamespaces = { readonly brand: unique symbol };

export interface RawUnread {
  readonly path: string;
  readonly errno: number;
}

/** See namespace_table.h. `now`: milliseconds since 1970. */
export interface RawNamespaceTable {
  scan(now: number): Promise<{
    /** errno of the look at our own namespace, 0. */
    readonly error: number;
    readonly denied: number;
    readonly unread: readonly RawUnread[];
    readonly questions: readonly (readonly [inode: number, ...cgroups: string[]])[];
  }>;
  contain(inode: number, id: string, runtime: string, first: boolean): void;
  list(): RawNamespaces;
  /** One that was not known, where it is wanted; else whether there is one. */
  look(path: string, now: number, wanted: boolean): RawNamespaces | boolean;
  forget(inode: number, path: string): void;
  someDied(except: readonly string[]): Promise<boolean>;
  size(): number;
}

/** What a poll left behind; `numbers` and `cookies` are used again at the next poll, and may be longer than `namespaces`. */
export interface RawPollResult {
  readonly namespaces: number;
  readonly pollId: bigint;
  readonly rows: number;
  readonly envelopes: number;
  readonly duplicates: number;
  readonly sampledOut: number;
  readonly skippedEmpty: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly durationSeconds: number;
  /** {@link RESULT_COLUMNS} values a namespace. */
  readonly numbers: Float64Array;
  readonly cookies: BigUint64Array;
  /** Index of a namespace -> what the kernel said (extended ack). */
  readonly details: Readonly<Record<string, string>>;
  readonly unknown: Readonly<Record<string, number>>;
}

/** status, step, errno, rows, bytes, interrupted. */
export const RESULT_COLUMNS = 6;

/** What the addon calls back with, always on the JS thread. */
export interface RawCallbacks {
  /** It stands from `start` to `end` of {@link RawReader.memory}, in a block to be released. `checksum`: CRC-32 of its bytes where that was asked for, else 0. */
  envelope(block: number, start: number, end: number, rows: number, pollId: bigint, checksum: number): void;
  pollDone(result: RawPollResult): void;
  /** All threads have ended; no other call follows. */
  closed(): void;
}

export interface RawReader {
  /** That of the pool: envelopes stand in it. */
  readonly memory: Buffer;
  /** `strings`: path, name, container id and runtime of each namespace, each ended by \0; `numbers`: device, inode, generation, 1 to ask first. */
  poll(strings: string, numbers: Float64Array): void;
  /** Those that are not known to have sockets are asked first. */
  poll(namespaces: RawNamespaces): void;
  release(block: number): void;
  close(): void;
}

/** What a destroy listener calls back with, always on the JS thread. */
export interface RawDestroyCallbacks {
  /** It listens, with so many bytes of receive buffer. */
  ready(receiveBuffer: number): void;
  envelope(block: number, start: number, end: number, rows: number): void;
  /** The oldest announcement was followed; index, step and errno of each namespace that could not be. */
  announced(failures: Float64Array): void;
  /** A namespace that nobody announced has closed a socket. */
  unknown(): void;
  /** It ends by itself. */
  failed(step: number, errno: number): void;
  /** Its thread has ended; no other call follows. */
  closed(): void;
}

/** Values of {@link RawDestroyListener.counters}, in order. */
export const DESTROY_COUNTERS = [
  'events',
  'lost',
  'rows',
  'filtered',
  'sampledOut',
  'unknownNamespace',
  'undecoded',
  'dropped',
  'waiting',
  'namespaces',
] as const;

export interface RawDestroyListener {
  /** As {@link RawReader.memory}. */
  readonly memory: Buffer;
  /** As {@link RawReader.poll}. */
  announce(strings: string, numbers: Float64Array): void;
  announce(namespaces: RawNamespaces): void;
  release(block: number): void;
  counters(): Float64Array;
  close(): void;
}

export interface RawDecoded {
  readonly output: Buffer;
  readonly rows: number;
  readonly unknown: Readonly<Record<string, number>>;
  readonly skipped: Readonly<Record<string, number>>;
}

export interface RawLines {
  readonly text: Buffer;
  readonly rows: number;
}

export interface RawField {
  readonly number: number;
  readonly name: string;
  readonly type: string;
  readonly source: string;
}

/** A program and what it asks of a socket, or what is wrong with the text. */
export type RawFilter =
  | { readonly program: Buffer; readonly mark: boolean; readonly cgroup: boolean; readonly autobound: boolean }
  | { readonly column: number; readonly message: string };

export interface Addon {
  /** `identity`: see identityColumns() in arguments.ts. */
  openReader(
    workers: number,
    blocks: number,
    jsonl: boolean,
    flushRows: number,
    flushBytes: number,
    states: number,
    identity: readonly string[],
    callbacks: RawCallbacks,
    filter?: Uint8Array,
    sample?: number,
    checksums?: boolean,
  ): RawReader;
  openDestroyListener(
    blocks: number,
    jsonl: boolean,
    flushRows: number,
    flushBytes: number,
    flushMilliseconds: number,
    receiveBuffer: number,
    filter: Uint8Array,
    sample: number,
    identity: readonly string[],
    callbacks: RawDestroyCallbacks,
  ): RawDestroyListener;
  decode(packets: readonly Uint8Array[], timestamps: BigInt64Array, jsonl: boolean, identity: readonly string[] | undefined): RawDecoded;
  compileFilter(text: string): RawFilter;
  /** Runs a program on the payload of one inet_diag message. */
  filterSelects(program: Uint8Array, message: Uint8Array): boolean;
  /** Lines of the rows that a program (empty: all) selects. @throws Error when the bytes are no envelope */
  envelopeLines(envelope: Uint8Array, jsonl: boolean, program: Uint8Array): RawLines;
  /** Bits of linux/capability.h. @returns 0 or an errno */
  keepCapabilities(keep: bigint): number;
  /** A descriptor connected to the receiver at this path, or -errno. Never waits. */
  connectUnixDatagram(path: string): number;
  /** 0, or an errno: EAGAIN when the receiver's queue is full. Never waits. */
  sendDatagram(descriptor: number, datagram: Uint8Array): number;
  namespaceTable(dirs: readonly string[], proc: string, own: string): RawNamespaceTable;
  namespacesLength(namespaces: RawNamespaces): number;
  namespaceAt(namespaces: RawNamespaces, index: number): NamespaceRef;
  /** -1: it is not there. */
  namespaceIndex(namespaces: RawNamespaces, inode: number): number;
  namespacesWithout(namespaces: RawNamespaces, indices: readonly number[]): RawNamespaces;
  fields(): readonly RawField[];
  steps(): readonly string[];
  /** Undefined where the driver does not say. */
  driverInfo(name: string): { readonly driver: string; readonly busInfo: string; readonly firmware: string } | undefined;
  /** Absent where the processor has no instruction for it. `narrow`: the way of processors without AVX-512. */
  crc32?(bytes: Uint8Array, before: number, narrow?: boolean): number;
  crc32Combine(first: number, second: number, length: number): number;
}

let loaded: Addon | undefined;

/**
 * The addon, loaded at the first call (so that `--help` works without it). NETSOAK_ADDON names another
 * build of it, as the planted-fault subjects do.
 * @throws Error when it is not built.
 */
export function addon(): Addon {
  loaded ??= createRequire(import.meta.url)(addonPath()) as Addon;
  return loaded;
}

/** Where the addon is: NETSOAK_ADDON, else beside this file (run from source), else beside the source of this file in dist/. */
export function addonPath(): string {
  const asked = process.env.NETSOAK_ADDON;
  const places = asked
    ? [asked]
    : ['./build/netsoak.node', '../../native/build/netsoak.node'].map((at) => fileURLToPath(new URL(at, import.meta.url)));
  const found = places.find((place) => existsSync(place));
  if (found === undefined) {
    throw new Error(
      asked
        ? `NETSOAK_ADDON names ${asked}, which is not there: run \`npm run build\`, or unset it.`
        : `The native addon is not built (looked for ${places.join(' and ')}): run \`npm run build\`.`,
    );
  }
  return found;
}
