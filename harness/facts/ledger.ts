/**
 * The ground truth: what the load generator (`native/load`) writes about what it made, one JSON object a
 * line. The judge holds the subject's rows against it. 64-bit values are decimal strings; times are
 * CLOCK_REALTIME of the target in nanoseconds, the clock of the subject's `poll_id` and `timestamp_ns`.
 * A namespace's line comes before those of its sockets; a line is written within moments of its `at`.
 */
export type LedgerLine =
  | {
      readonly kind: 'netns';
      readonly name: string;
      readonly netns: string;
      readonly inode: number;
      /**
       * `brief`: of connections that are closed at once. `home`: the load's own, which is the subject's too and has sockets of others; `name` is empty,
       * since how a subject calls it is its own affair. Its sockets are steady ones.
       */
      readonly role: 'steady' | 'churn' | 'brief' | 'home';
      /** Id of the container that lives in it; then `name` is the same, since it has no other. */
      readonly container?: string;
      /** The kernel tells no cookie (before Linux 5.14): `netns` is a number of the load's own, which no row can carry. */
      readonly madeUp?: true;
      readonly at: string;
    }
  /**
   * One socket. Listeners have `dst` all-zero and `dport` 0. `sent`/`received` are bytes, all acknowledged by `at`; final but for
   * `pulse` sockets, which take part in every round whose line comes after theirs.
   */
  | {
      readonly kind: 'socket';
      readonly name: string;
      /** SO_NETNS_COOKIE of the namespace (Linux 5.14). */
      readonly netns: string;
      /** SO_COOKIE of the socket. */
      readonly cookie: string;
      /** `brief`: closed already when its line comes; its counts are final. */
      readonly role: 'steady' | 'pulse' | 'churn' | 'brief';
      readonly end: 'listener' | 'client' | 'server';
      /** net/tcp_states.h; absent: LISTEN of a listener, ESTABLISHED of the others. FIN_WAIT2 and CLOSE_WAIT of a connection that is half closed. */
      readonly state?: 5 | 8;
      readonly family: 4 | 6;
      readonly src: string;
      readonly sport: number;
      readonly dst: string;
      readonly dport: number;
      readonly sent: string;
      readonly received: string;
      /** Bytes in its receive queue that nobody reads; 0 for pulse sockets, whose queue moves. */
      readonly unread: number;
      /** Owner of the socket; different ones for the two ends of a connection. */
      readonly uid: number;
      /** Inode of the socket itself (fstat), 32 bits as the kernel tells it. */
      readonly inode: number;
      /** TCP_CONGESTION, tcp(7). */
      readonly congestion: string;
      /**
       * What TCP_INFO says of a steady connection, of all that it says what stays as it is while nothing is sent. Absent where a segment was sent
       * twice: its copy may arrive, and be counted, later.
       */
      readonly tcp?: TcpFigures;
      readonly at: string;
    }
  /** All steady and pulse sockets told so far are there until `steady-closing`. Once for each growth of the population. */
  | { readonly kind: 'steady-ready'; readonly namespaces: number; readonly sockets: number; readonly at: string }
  | { readonly kind: 'steady-closing'; readonly at: string }
  /** Every pulse connection's client sent `bytes` more bytes in this round; all were received by `doneAt`. */
  | { readonly kind: 'pulse'; readonly round: number; readonly bytes: number; readonly startedAt: string; readonly doneAt: string }
  /** The sockets of a churned namespace are all closed and its name is about to be unlinked. `closingAt`: just before the first was closed. */
  | { readonly kind: 'netns-deleted'; readonly name: string; readonly netns: string; readonly closingAt: string; readonly at: string }
  /**
   * The namespace's veth peer in the parent vanished: the kernel has really destroyed it. `heldSeconds`: since one that nobody could hold, let
   * go of later, had gone; 0 when none had.
   */
  | {
      readonly kind: 'netns-gone';
      readonly name: string;
      readonly netns: string;
      readonly afterSeconds: number;
      readonly heldSeconds: number;
    }
  /** Still alive so long after its deletion; repeated each second until gone. */
  | {
      readonly kind: 'netns-pinned';
      readonly name: string;
      readonly netns: string;
      readonly afterSeconds: number;
      /** Null as long as the kernel has not destroyed the other one either: it may be busy with those of other programs. */
      readonly heldSeconds: number | null;
    }
  /** Cumulative counts, once a second while the load runs. */
  | {
      readonly kind: 'count';
      readonly churnEvents: number;
      readonly adds: number;
      readonly deletes: number;
      readonly namespaces: number;
      readonly sockets: number;
      readonly lateEvents: number;
      readonly at: string;
    };

/** Of struct tcp_info (linux/tcp.h). */
export interface TcpFigures {
  /** Microseconds. */
  readonly rtt: number;
  /** Bytes. */
  readonly sndMss: number;
  /** Bytes. */
  readonly pmtu: number;
  /** Segments. */
  readonly sndCwnd: number;
  readonly dataSegsIn: number;
  readonly dataSegsOut: number;
}
