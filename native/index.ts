/**
 * The typed face of the addon (`native/*.cc`): what the collector may ask of the kernel. Nothing here
 * blocks the JS thread; dumps, decoding and encoding happen on the addon's own worker threads.
 */

export type RowFormat = 'protobuf' | 'jsonl';

/** Constant columns of every row. Empty strings are not sent. */
export interface RowIdentity {
  readonly daemonVersion: string;
  readonly hostname: string;
  readonly location: string;
  readonly label: string;
  readonly tag: string;
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
}

/** A network namespace to read, as discovery found it. */
export interface NamespaceRef {
  /** What to open: a bind mount or /proc/PID/ns/net. */
  readonly path: string;
  /** st_dev and st_ino that `path` must have when opened, else it is another namespace by now. */
  readonly device: number;
  readonly inode: number;
  /** `netns` column of its rows. */
  readonly name: string;
  readonly containerId: string;
  readonly containerRuntime: string;
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
}

export interface PollResult {
  readonly pollId: bigint;
  readonly rows: number;
  readonly envelopes: number;
  readonly durationSeconds: number;
  readonly namespaces: readonly NamespaceResult[];
  /** Attributes and tcp_info tails that this version does not know: `attr:23` -> count. */
  readonly unknown: Readonly<Record<string, number>>;
}

export interface Reader {
  /**
   * Reads every namespace of the list once. Envelopes arrive by the callback given to {@link openReader}
   * while it runs; all of them have arrived when the promise resolves. One poll at a time (rejects otherwise).
   * `pollId` is chosen natively: CLOCK_REALTIME at the start in nanoseconds, raised if needed so that it never repeats.
   */
  poll(namespaces: readonly NamespaceRef[]): Promise<PollResult>;
  /** Ends the workers (after the poll under way) and frees the pool. Idempotent. */
  close(): Promise<void>;
}
