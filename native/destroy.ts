/**
 * The final state of every TCP socket, at the moment the kernel destroys it: what a poll can't see of a connection that lives shorter than its
 * interval. One socket and one thread for all namespaces (`destroy.h`); the JS thread makes no netlink call.
 *
 * Rows have `kind` closed and no poll (`poll_id` 0): (host, netns cookie, socket cookie, kind) names one. They tell addresses, ports,
 * cookie, state (CLOSE) and the whole tcp_info; uid, inode and memory are gone by then. A socket that turns to TIME_WAIT is told of when it does.
 * One closed with SO_LINGER 0 has port 0 and no counters: its peer's row has them.
 */
import { addon, DESTROY_COUNTERS } from './addon.js';
import { BLOCK_BYTES, checkRange, identityColumns, rawList } from './arguments.js';
import { compileFilter } from './filter.js';
import type { Envelope, RowFormat, RowIdentity } from './index.js';
import type { NamespaceList } from './namespaces.js';

export interface DestroyListenerOptions {
  /** Blocks of 1 MiB that may be out at once. When all are, the thread waits and the kernel's buffer takes what comes: see `lost`. */
  readonly blocks: number;
  /** As {@link ReaderOptions.filter}; mark, cgroup and autobound can't be asked of a closed socket. */
  readonly filter?: string;
  readonly flushBytes: number;
  /** An envelope is finished when its first row is so old. */
  readonly flushMilliseconds: number;
  readonly flushRows: number;
  readonly format: RowFormat;
  readonly identity: RowIdentity;
  /**
   * Receive buffer to ask for, in bytes. Absent: 8 MiB, which took a reader stalled for 0.25 s at 14,000 events a second; net.core.rmem_max
   * bounds it without CAP_NET_ADMIN.
   */
  readonly receiveBuffer?: number;
  /** As {@link ReaderOptions.sample}, and the same sockets. */
  readonly sample?: number;
}

/** Of the listener's whole life. events = rows + filtered + sampledOut + unknownNamespace + undecoded + dropped + waiting, once it is idle. */
export interface DestroyCounters {
  /** Notifications received. */
  readonly events: number;
  /** Notifications that the kernel dropped because the buffer was full: nothing brings them back. */
  readonly lost: number;
  readonly rows: number;
  readonly filtered: number;
  readonly sampledOut: number;
  /** Of a namespace that was not announced within two seconds or died before, or whose number changed hands meanwhile. */
  readonly unknownNamespace: number;
  /** Not an inet_diag message of IPv4 or IPv6, or cut. */
  readonly undecoded: number;
  /** No block came back while closing. */
  readonly dropped: number;
  /** Kept for now, until their namespace is announced. */
  readonly waiting: number;
  /** Namespaces listened to. */
  readonly namespaces: number;
}

export interface AnnounceFailure {
  /** Index into the announced list. */
  readonly index: number;
  /** `open`, `setns`, `socket`, `proof`, `nsid`. */
  readonly step: string;
  readonly errno: number;
}

/** Listening could not begin, or can't go on. */
export class DestroyListenerError extends Error {
  override readonly name = 'DestroyListenerError';
  constructor(
    /** `open`, `socket`, `listen` (no CAP_NET_BROADCAST, or no INET_DIAG_DESTROY groups), `nsid`, `recv`, `setns` (no way home). */
    readonly step: string,
    readonly errno: number,
  ) {
    super(`Listening to closed sockets failed at ${step} (errno ${errno}).`);
  }
}

export interface DestroyListenerEvents {
  /** As the callback of {@link openReader}, but must not throw; `pollId` is 0. */
  envelope(envelope: Envelope): void;
  /** A socket was closed in a namespace that has a number and was not announced: look for new namespaces, and announce them. */
  unknownNamespace(): void;
  /** It ended by itself; `close()` is still to be called. */
  failed(error: DestroyListenerError): void;
}

export interface DestroyListener {
  /** Bytes of receive buffer that the kernel granted (twice what was asked for, for its own overhead). */
  readonly receiveBuffer: number;
  /**
   * Tells which namespaces there are: after each discovery, the whole list. New ones are entered once, for their cookie, and listened to from
   * then on; a renamed one's later rows have the new name; those that are missing in the list are listened to until they die.
   * Resolves to those that could not be followed (one that is gone is none).
   */
  announce(namespaces: NamespaceList): Promise<readonly AnnounceFailure[]>;
  counters(): DestroyCounters;
  /** Reads what is queued, hands it on and ends the thread. Idempotent. Release envelopes meanwhile, as with {@link Reader.close}. */
  close(): Promise<void>;
}

const RECEIVE_BUFFER = 8 << 20;

/**
 * Starts to listen; no namespace is followed before it is announced.
 * Needs CAP_NET_BROADCAST to begin; CAP_NET_ADMIN and CAP_SYS_ADMIN to announce namespaces.
 * @throws RangeError, FilterError @returns rejects with DestroyListenerError
 */
export async function openDestroyListener(options: DestroyListenerOptions, events: DestroyListenerEvents): Promise<DestroyListener> {
  checkRange('blocks', options.blocks, 1, 4096);
  checkRange('flushRows', options.flushRows, 1, 1_000_000);
  checkRange('flushBytes', options.flushBytes, 1, BLOCK_BYTES);
  checkRange('flushMilliseconds', options.flushMilliseconds, 1, 3_600_000);
  checkRange('receiveBuffer', options.receiveBuffer ?? RECEIVE_BUFFER, 1, 1 << 29);
  checkRange('sample', options.sample ?? 1, 1, 0xffff_ffff);
  const filter = compileFilter(options.filter ?? '');
  if (filter.unknownOfClosed.length > 0) {
    throw new RangeError(`filter asks for ${filter.unknownOfClosed.join(' and ')}, which the kernel does not tell of a closed socket.`);
  }

  const { steps, openDestroyListener: open } = addon();
  const stepNames = steps();
  const announcing: { resolve(failures: readonly AnnounceFailure[]): void; reject(error: unknown): void }[] = [];
  let failure: DestroyListenerError | undefined;
  let ended = false;
  let closing = false;
  let markClosed: () => void = () => {};
  const closed = new Promise<void>((resolve) => {
    markClosed = resolve;
  });
  let began: { resolve(receiveBuffer: number): void; reject(error: unknown): void } | undefined;
  const ready = new Promise<number>((resolve, reject) => {
    began = { resolve, reject };
  });

  const raw = open(
    options.blocks,
    options.format === 'jsonl',
    options.flushRows,
    options.flushBytes,
    options.flushMilliseconds,
    options.receiveBuffer ?? RECEIVE_BUFFER,
    filter.program,
    options.sample ?? 1,
    identityColumns(options.identity),
    {
      ready(receiveBuffer) {
        began?.resolve(receiveBuffer);
        began = undefined;
      },
      envelope(block, start, end, rows) {
        let released = false;
        const release = () => {
          if (released) throw new Error('An envelope was released twice; its memory may already hold another one.');
          released = true;
          raw.release(block);
        };
        events.envelope({ bytes: raw.memory.subarray(start, end), rows, pollId: 0n, release });
      },
      announced(failures) {
        const list: AnnounceFailure[] = [];
        for (let at = 0; at < failures.length; at += 3) {
          const [index, step, errno] = [...failures.subarray(at, at + 3)] as [number, number, number];
          list.push({ index, step: stepNames[step] as string, errno });
        }
        announcing.shift()?.resolve(list);
      },
      unknown: () => events.unknownNamespace(),
      failed(step, errno) {
        failure = new DestroyListenerError(stepNames[step] as string, errno);
        if (began === undefined) events.failed(failure);
      },
      closed() {
        ended = true;
        began?.reject(failure);
        for (const one of announcing.splice(0)) one.reject(failure ?? new Error('The destroy listener was closed.'));
        markClosed();
      },
    },
  );
  const receiveBuffer = await ready;

  return {
    receiveBuffer,
    announce(namespaces) {
      if (ended || closing) return Promise.reject(failure ?? new Error('The destroy listener is closed.'));
      return new Promise((resolve, reject) => {
        announcing.push({ resolve, reject });
        raw.announce(...(rawList(namespaces) as [string, Float64Array]));
      });
    },
    counters() {
      const values = raw.counters();
      return Object.fromEntries(DESTROY_COUNTERS.map((name, index) => [name, values[index]])) as unknown as DestroyCounters;
    },
    close() {
      if (!closing && !ended) raw.close();
      closing = true;
      return closed;
    },
  };
}
