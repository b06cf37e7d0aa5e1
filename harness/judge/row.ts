/**
 * Decodes envelopes into what the judge looks at. The schema is the collector's own file, read as data, with every
 * field dropped that is not judged: protobufjs then skips those bytes instead of making an object of them.
 */
import { readFileSync } from 'node:fs';
import type Long from 'long';
import protobuf from 'protobufjs';
import type { TcpFigures } from '../facts/ledger.js';
import { numberFromLong, type U64, u64FromLong } from './u64.js';

/** One row; the sender's claims, nothing is verified yet. */
export interface JudgeRow extends TcpFigures {
  /** Start of its poll, nanoseconds since 1970 as decimal text. */
  readonly poll: string;
  /** `timestamp_ns` minus `poll_id`, exact while it is below 104 days. */
  readonly offsetNs: number;
  readonly cookie: U64;
  /** 0 where the kernel tells none. */
  readonly netns: U64;
  /** Takes the place of `netns` before Linux 5.14; 0 from there on. */
  readonly generation: U64;
  readonly inode: U64;
  /** Last component of the `netns` column. */
  readonly name: string;
  readonly container: string;
  readonly hostname: string;
  /** AF_INET 2, AF_INET6 10. */
  readonly family: number;
  /** net/tcp_states.h: 1 ESTABLISHED, 10 LISTEN. */
  readonly state: number;
  /** The same as tcp_info tells it. */
  readonly infoState: number;
  readonly sport: number;
  readonly dport: number;
  readonly uid: number;
  /** Of the socket. */
  readonly socketInode: number;
  readonly congestion: string;
  readonly receiveQueue: number;
  readonly sendQueue: number;
  /** See address.ts. */
  readonly src: string;
  readonly dst: string;
  /**
   * tcp_info: bytes_received, bytes_acked, and bytes_sent without bytes_retrans, which the kernel counts in it: a guest that is slow enough to
   * lose its own acknowledgements sends a segment twice.
   */
  readonly received: number;
  readonly acked: number;
  readonly sent: number;
}

export interface DecodedRows {
  readonly polled: JudgeRow[];
  readonly closed: JudgeRow[];
}

const FIELDS = {
  timestamp_ns: true,
  hostname: true,
  netns: true,
  netns_inode: true,
  container_id: true,
  inet_diag_msg_family: true,
  inet_diag_msg_state: true,
  inet_diag_msg_socket_source_port: true,
  inet_diag_msg_socket_destination_port: true,
  inet_diag_msg_socket_source: true,
  inet_diag_msg_socket_destination: true,
  inet_diag_msg_socket_cookie: true,
  inet_diag_msg_rqueue: true,
  inet_diag_msg_wqueue: true,
  inet_diag_msg_uid: true,
  inet_diag_msg_inode: true,
  congestion_algorithm_string: true,
  tcp_info_state: true,
  tcp_info_snd_mss: true,
  tcp_info_pmtu: true,
  tcp_info_rtt: true,
  tcp_info_snd_cwnd: true,
  tcp_info_data_segs_in: true,
  tcp_info_data_segs_out: true,
  tcp_info_bytes_acked: true,
  tcp_info_bytes_received: true,
  tcp_info_bytes_sent: true,
  tcp_info_bytes_retrans: true,
  netns_cookie: true,
  netns_generation: true,
  poll_id: true,
  kind: true,
} as const;

interface WireRow {
  readonly timestamp_ns: Long;
  readonly hostname: string;
  readonly netns: string;
  readonly netns_inode: Long;
  readonly container_id: string;
  readonly inet_diag_msg_family: number;
  readonly inet_diag_msg_state: number;
  readonly inet_diag_msg_socket_source_port: number;
  readonly inet_diag_msg_socket_destination_port: number;
  readonly inet_diag_msg_socket_source: Uint8Array;
  readonly inet_diag_msg_socket_destination: Uint8Array;
  readonly inet_diag_msg_socket_cookie: Long;
  readonly inet_diag_msg_rqueue: number;
  readonly inet_diag_msg_wqueue: number;
  readonly inet_diag_msg_uid: number;
  readonly inet_diag_msg_inode: number;
  readonly congestion_algorithm_string: string;
  readonly tcp_info_state: number;
  readonly tcp_info_snd_mss: number;
  readonly tcp_info_pmtu: number;
  readonly tcp_info_rtt: number;
  readonly tcp_info_snd_cwnd: number;
  readonly tcp_info_data_segs_in: number;
  readonly tcp_info_data_segs_out: number;
  readonly tcp_info_bytes_acked: Long;
  readonly tcp_info_bytes_received: Long;
  readonly tcp_info_bytes_sent: Long;
  readonly tcp_info_bytes_retrans: Long;
  readonly netns_cookie: Long;
  readonly netns_generation: Long;
  readonly poll_id: Long;
  readonly kind: number;
}

const ROW_KIND_CLOSED = 2;

/** The messages of the collector's schema; `judged` drops what the judge does not look at. */
export function loadSchema(protoFile: string, judged: boolean): { readonly envelope: protobuf.Type; readonly row: protobuf.Type } {
  const { root } = protobuf.parse(readFileSync(protoFile, 'utf8'), new protobuf.Root(), { keepCase: true });
  const row = root.lookupType('netsoak.v1.Row');
  for (const name of Object.keys(FIELDS)) {
    if (!row.fields[name]) throw new Error(`${protoFile} has no field ${name}`);
  }
  if (judged) {
    for (const field of row.fieldsArray) if (!(field.name in FIELDS)) row.remove(field);
  }
  root.resolveAll();
  return { envelope: root.lookupType('netsoak.v1.Envelope'), row };
}

export class RowDecoder {
  readonly #envelope: protobuf.Type;
  /** One string object a name, however many rows carry it. */
  readonly #names = new Map<string, string>();
  /** The same of all rows. */
  #hostname = '';
  #pollLow = 0;
  #pollHigh = 0;
  #poll = '0';

  constructor(protoFile: string) {
    this.#envelope = loadSchema(protoFile, true).envelope;
  }

  /** Rows seen by a poll, and final states of closed sockets, which are another kind. Throws on bytes that are no envelope. */
  decode(envelope: Uint8Array): DecodedRows {
    const { row } = this.#envelope.decode(envelope) as unknown as { row: WireRow[] };
    const polled: JudgeRow[] = [];
    const closed: JudgeRow[] = [];
    for (const wire of row) (wire.kind === ROW_KIND_CLOSED ? closed : polled).push(this.#judgeRow(wire));
    return { polled, closed };
  }

  #judgeRow(w: WireRow): JudgeRow {
    const { poll_id: poll, timestamp_ns: stamp } = w;
    if (poll.low !== this.#pollLow || poll.high !== this.#pollHigh) {
      this.#pollLow = poll.low;
      this.#pollHigh = poll.high;
      this.#poll = poll.toUnsigned().toString();
    }
    if (w.hostname !== this.#hostname) this.#hostname = w.hostname;
    return {
      poll: this.#poll,
      offsetNs: (stamp.high - poll.high) * 4_294_967_296 + ((stamp.low >>> 0) - (poll.low >>> 0)),
      cookie: u64FromLong(w.inet_diag_msg_socket_cookie),
      netns: u64FromLong(w.netns_cookie),
      generation: u64FromLong(w.netns_generation),
      inode: u64FromLong(w.netns_inode),
      name: this.#name(w.netns),
      container: w.container_id === '' ? '' : this.#name(w.container_id),
      hostname: this.#hostname,
      family: w.inet_diag_msg_family,
      state: w.inet_diag_msg_state,
      infoState: w.tcp_info_state,
      sport: w.inet_diag_msg_socket_source_port,
      uid: w.inet_diag_msg_uid,
      socketInode: w.inet_diag_msg_inode,
      congestion: w.congestion_algorithm_string,
      receiveQueue: w.inet_diag_msg_rqueue,
      sendQueue: w.inet_diag_msg_wqueue,
      dport: w.inet_diag_msg_socket_destination_port,
      src: latin1(w.inet_diag_msg_socket_source),
      dst: latin1(w.inet_diag_msg_socket_destination),
      received: numberFromLong(w.tcp_info_bytes_received),
      acked: numberFromLong(w.tcp_info_bytes_acked),
      sent: numberFromLong(w.tcp_info_bytes_sent) - numberFromLong(w.tcp_info_bytes_retrans),
      rtt: w.tcp_info_rtt,
      sndMss: w.tcp_info_snd_mss,
      pmtu: w.tcp_info_pmtu,
      sndCwnd: w.tcp_info_snd_cwnd,
      dataSegsIn: w.tcp_info_data_segs_in,
      dataSegsOut: w.tcp_info_data_segs_out,
    };
  }

  #name(text: string): string {
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    // Twelve hours of churn have hundreds of thousands of names; the living ones come back soon.
    if (this.#names.size > 10_000) this.#names.clear();
    const name = text.slice(text.lastIndexOf('/') + 1);
    this.#names.set(text, name);
    return name;
  }
}

function latin1(bytes: Uint8Array): string {
  return (bytes as Buffer).toString('latin1');
}
