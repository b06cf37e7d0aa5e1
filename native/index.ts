/**
 * The typed face of the addon (`native/*.cc`): what the collector may ask of the kernel. Nothing here
 * blocks the JS thread; dumps, decoding and encoding happen on the addon's own worker threads.
 */

import { addon, type RawPollResult, RESULT_COLUMNS } from './addon.js';
import { BLOCK_BYTES, checkRange, identityColumns, rawList } from './arguments.js';
import { compileFilter } from './filter.js';
import type { NamespaceList } from './namespaces.js';
import { readNetlinkPcap } from './pcap.js';
import { NamespaceResults } from './results.js';

export { addonPath } from './addon.js';
export { BLOCK_BYTES } from './arguments.js';
export * from './capabilities.js';
export { crc32, crc32Combine } from './checksum.js';
export * from './destroy.js';
export * from './ethtool.js';
export * from './filter.js';
export { type LineReader, lineReader } from './lines.js';
export * from './namespaces.js';
export { CaptureError } from './pcap.js';
export { NamespaceResults } from './results.js';

export type RowFormat = 'protobuf' | 'jsonl';

/** Constant columns of every row. Empty strings are not sent. */
export interface RowIdentity {
  readonly daemonVersion: string;
  readonly hostname: string;
  readonly location: string;
  readonly label: string;
  readonly tag: string;
  /** At most two network interfaces of the host; absent: none. */
  readonly uplinks?: readonly Uplink[];
}

/** A network interface as ethtool and sysfs describe it. '' and 0 are not known, and not sent. */
export interface Uplink {
  readonly name: string;
  readonly driver: string;
  readonly model: string;
  readonly pciVendor: number;
  readonly pciDevice: number;
  readonly busInfo: string;
  readonly speedMbps: number;
  readonly firmware: string;
}

export interface ReaderOptions {
  /** Worker threads; each reads one namespace at a time. */
  readonly workers: number;
  readonly format: RowFormat;
  readonly identity: RowIdentity;
  /** An envelope is finished when it holds so many rows ... */
  readonly flushRows: number;
  /** ... or so many bytes (at most the size of a pool block, 1 MiB). */
  readonly flushBytes: number;
  /** Blocks of 1 MiB that may be out at once; a worker waits when all are. Bounds memory. */
  readonly blocks: number;
  /** INET_DIAG state bits to ask for; 0x1fff is all but BOUND_INACTIVE (net/tcp_states.h). */
  readonly states: number;
  /** Only sockets that this expression selects, see {@link compileFilter}; the kernel sends no other. Absent or blank: all. */
  readonly filter?: string;
  /** Keep 1 in so many sockets, chosen by cookie: the same ones in every poll. Absent: 1, all. */
  readonly sample?: number;
  /** Have the workers take the checksum of each envelope, where the processor is quick at it. */
  readonly checksums?: boolean;
}

/**
 * A finished envelope. `bytes` is a view into pool memory, valid until `release()`, which must be called
 * exactly once when the bytes have been handed on.
 * protobuf: `varint(length) || Envelope`; jsonl: lines with their newlines.
 */
export interface Envelope {
  readonly bytes: Buffer;
  readonly rows: number;
  readonly pollId: bigint;
  /** CRC-32 of `bytes`; undefined: nobody took it. */
  readonly checksum?: number | undefined;
  release(): void;
}

/** Where reading a namespace ended. `ok` may still be `interrupted`. */
export type ReadStatus =
  | 'ok'
  /** Deleted, or its name now stands for another namespace: nothing was read, nothing is wrong. */
  | 'gone'
  /** setns or the proof (SIOCGSKNS) failed: nothing was read. */
  | 'unenterable'
  | 'denied'
  | 'error';

export interface NamespaceResult {
  /** Index into the poll's list. */
  readonly index: number;
  readonly status: ReadStatus;
  /** The step that failed: `open`, `setns`, `socket`, `proof`, `send`, `recv`, `netlink`; '' when ok. */
  readonly step: string;
  /** errno of that step, 0 when ok. */
  readonly errno: number;
  readonly rows: number;
  readonly bytes: number;
  /** NLM_F_DUMP_INTR stood even after one retry. */
  readonly interrupted: boolean;
  readonly netnsCookie: bigint;
  /** What the kernel said of a netlink error (extended ack); absent when it said nothing. */
  readonly detail?: string;
}

export interface PollResult {
  readonly pollId: bigint;
  readonly rows: number;
  readonly envelopes: number;
  readonly durationSeconds: number;
  readonly namespaces: NamespaceResults;
  /** Sockets that the kernel sent twice in one dump (the table moved under it); the second is left out. */
  readonly duplicates: number;
  /** Namespaces that were not dumped because their statistics know no TCP socket; `ok` without rows in `namespaces`, their cookie 0. */
  readonly skippedEmpty: number;
  /**
   * What went wrong with dumps, with a count, also when a second one made it good: `interrupted` (NLM_F_DUMP_INTR), `lost` (ENOBUFS),
   * `truncated`, `malformed`, `silent` (no answer), `refused` (NLMSG_ERROR), `send`, `receive`, `closed`; `late` messages of another sequence number and
   * receives from a `stranger` were passed over.
   */
  readonly faults: Readonly<Record<string, number>>;
  /** Sockets that were read and left out by `sample`; absent without one. */
  readonly sampledOut?: number;
  /**
   * What this version does not know, with a count: `attr:23:8` an attribute of type 23 and 8 bytes, `tail:2:288` attribute 2
   * (tcp_info) longer than known, `short:5:0` too short to hold a value.
   */
  readonly unknown: Readonly<Record<string, number>>;
}

export interface Reader {
  /**
   * Reads every namespace of the list once. Envelopes arrive by the callback given to {@link openReader}
   * while it runs; all of them have arrived when the promise resolves. One poll at a time (rejects otherwise).
   * Those of a list that the addon keeps are asked for their statistics before they are dumped, unless they had sockets the last time.
   * `namespaces` of the result stands until the next poll ends.
   * `pollId` is chosen natively: CLOCK_REALTIME at the start in nanoseconds, raised if needed so that it never repeats.
   */
  poll(namespaces: NamespaceList): Promise<PollResult>;
  /**
   * Ends the workers after the poll under way and frees the pool. Idempotent. Release envelopes meanwhile: a worker that
   * finds no block for a second gives up, and what it could not read ends as `error` at step `closed`.
   */
  close(): Promise<void>;
}

const STATUSES: readonly ReadStatus[] = ['ok', 'gone', 'unenterable', 'denied', 'error'];

/**
 * Starts the workers. `onEnvelope` is called on the JS thread; when it throws, the envelope is released and
 * the poll under way rejects with what was thrown.
 * @throws RangeError when an option is out of its range; FilterError; Error when the addon is not built.
 */
export function openReader(options: ReaderOptions, onEnvelope: (envelope: Envelope) => void): Reader {
  checkOptions(options);
  const { steps, openReader: open, crc32: fast } = addon();
  const checksums = options.checksums === true && fast !== undefined;
  const stepNames = steps();
  let pending: { resolve(result: PollResult): void; reject(error: unknown): void; failure?: { error: unknown } } | undefined;
  let markClosed: () => void = () => {};
  const closed = new Promise<void>((resolve) => {
    markClosed = resolve;
  });
  let closing = false;

  const raw = open(
    options.workers,
    options.blocks,
    options.format === 'jsonl',
    options.flushRows,
    options.flushBytes,
    options.states,
    identityColumns(options.identity),
    {
      envelope(block, start, end, rows, pollId, checksum) {
        let released = false;
        const release = () => {
          if (released) throw new Error('An envelope was released twice; its memory may already hold another one.');
          released = true;
          raw.release(block);
        };
        try {
          onEnvelope({ bytes: memory.subarray(start, end), rows, pollId, checksum: checksums ? checksum : undefined, release });
        } catch (error) {
          if (!released) release();
          if (pending) pending.failure ??= { error };
        }
      },
      pollDone(result) {
        const poll = pending;
        pending = undefined;
        if (poll?.failure) poll.reject(poll.failure.error);
        else
          poll?.resolve({ ...pollResult(result, stepNames), ...(options.sample === undefined ? {} : { sampledOut: result.sampledOut }) });
      },
      closed: () => markClosed(),
    },
    compileFilter(options.filter ?? '').program,
    options.sample ?? 1,
    checksums,
  );
  const { memory } = raw;

  return {
    poll(namespaces) {
      if (closing) return Promise.reject(new Error('The reader is closed.'));
      if (pending) return Promise.reject(new Error('A poll is under way; wait for it before the next one.'));
      return new Promise((resolve, reject) => {
        raw.poll(...(rawList(namespaces) as [string, Float64Array]));
        pending = { resolve, reject };
      });
    },
    close() {
      if (!closing) {
        closing = true;
        raw.close();
      }
      return closed;
    },
  };
}

function checkOptions(options: ReaderOptions): void {
  const range = (name: keyof ReaderOptions, least: number, most: number) => checkRange(name, options[name], least, most);
  range('workers', 1, 64);
  range('blocks', 1, 4096);
  range('flushRows', 1, 1_000_000);
  range('flushBytes', 1, BLOCK_BYTES);
  range('states', 1, 0xffff_ffff);
  if (options.sample !== undefined) range('sample', 1, 0xffff_ffff);
}

function pollResult(raw: RawPollResult, stepNames: readonly string[]): PollResult {
  const { pollId, rows, envelopes, duplicates, durationSeconds, unknown, skippedEmpty, faults, numbers } = raw;
  const column = (index: number, number: number) => numbers[RESULT_COLUMNS * index + number] as number;
  const at = (index: number): NamespaceResult => {
    const detail = raw.details[index];
    return {
      index,
      status: STATUSES[column(index, 0)] as ReadStatus,
      step: stepNames[column(index, 1)] as string,
      errno: column(index, 2),
      rows: column(index, 3),
      bytes: column(index, 4),
      interrupted: column(index, 5) !== 0,
      netnsCookie: raw.cookies[index] as bigint,
      ...(detail === undefined ? {} : { detail }),
    };
  };
  const namespaces = new NamespaceResults(
    raw.namespaces,
    at,
    (index) => column(index, 3),
    (index) => column(index, 0) !== 0 || column(index, 5) !== 0,
  );
  return { pollId, rows, envelopes, duplicates, durationSeconds, namespaces, unknown, skippedEmpty, faults };
}

/** Rows made from bytes instead of from a live kernel. */
export interface Decoded {
  /** protobuf: frames `varint(length) || Envelope`; jsonl: lines. */
  readonly output: Buffer;
  readonly rows: number;
  /** As {@link PollResult.unknown}. */
  readonly unknown: Readonly<Record<string, number>>;
  /**
   * What was no socket, by reason: `request`, `done`, `error`, `protocol:N` (a socket of a dump of that
   * protocol, such as 17, UDP), `type:N` (another message type), `family:N` (another address family), `cut`
   * (ends inside a message), `junk` (bytes that are no message); from a capture also those of {@link readNetlinkPcap}.
   */
  readonly skipped: Readonly<Record<string, number>>;
}

/**
 * Decodes a stream of netlink messages (nlmsghdr after nlmsghdr, host byte order) as a socket would receive it.
 * Rows hold what the messages tell; with `identity` its columns too, with `timestampNs` that.
 * Never throws on what the bytes hold.
 */
export function decodeMessages(bytes: Uint8Array, format: RowFormat, identity?: RowIdentity, timestampNs?: bigint): Decoded {
  return addon().decode(
    [bytes],
    new BigInt64Array([timestampNs ?? 0n]),
    format === 'jsonl',
    identity === undefined ? undefined : identityColumns(identity),
  );
}

/**
 * Decodes a netlink capture (pcap or pcapng, link type 253, also within gzip). `timestamp_ns` is the time of the packet.
 * @throws CaptureError when the file is no such capture.
 */
export function decodePcap(file: Uint8Array, format: RowFormat): Decoded {
  const capture = readNetlinkPcap(file);
  const decoded = addon().decode(
    capture.packets.map((packet) => packet.bytes),
    new BigInt64Array(capture.packets.map((packet) => packet.timestampNs)),
    format === 'jsonl',
    undefined,
  );
  const skipped: Record<string, number> = { ...decoded.skipped };
  for (const [reason, count] of Object.entries(capture.skipped)) skipped[reason] = (skipped[reason] ?? 0) + count;
  return { ...decoded, skipped };
}

/** A column that the native encoder fills. */
export interface WireField {
  /** Field number and name in `collector/netsoak.proto`. */
  readonly number: number;
  readonly name: string;
  readonly type: 'uint32' | 'uint64' | 'int64' | 'string' | 'bytes' | 'enum';
  /** Where it comes from: a block of `native/fields.def`, or `own`. */
  readonly source: string;
}

/** Every column that the native encoder fills, ascending by number. */
export function wireFields(): readonly WireField[] {
  return addon().fields() as readonly WireField[];
}
