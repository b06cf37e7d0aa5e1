/**
 * Rows as JSON lines: one object a line, keys as in collector/netsoak.proto, 64-bit values as decimal strings, addresses as text, what the kernel
 * did not send absent. Lines of another `kind` than `poll` and `closed` (records of polls) are no rows.
 */
import { addressKey } from './address.js';
import type { DecodedRows, JudgeRow } from './row.js';
import { u64FromText } from './u64.js';

/** Longer is no row: the stream is something else. */
const MAX_LINE = 1 << 20;

/** Splits the output of one start into whole lines. */
export class LineSplitter {
  #rest = '';
  readonly #decoder = new TextDecoder();

  /** @throws when a line is too long to be a row. */
  push(chunk: Buffer): string[] {
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > MAX_LINE) throw new Error(`the subject's output is no JSON lines: none ends within ${MAX_LINE} characters`);
    return lines.filter((line) => line !== '');
  }

  /** Characters of a line that never ended. */
  get pending(): number {
    return this.#rest.length;
  }
}

type Wire = Readonly<Record<string, unknown>>;

/** @throws naming the line that is no row. */
export function rowsOfLines(lines: readonly string[]): DecodedRows {
  const polled: JudgeRow[] = [];
  const closed: JudgeRow[] = [];
  for (const line of lines) {
    let wire: Wire;
    try {
      wire = JSON.parse(line) as Wire;
    } catch {
      throw new Error(`the subject wrote a line that is no JSON: ${line.slice(0, 200)}`);
    }
    const kind = wire.kind ?? 'poll';
    if (kind === 'poll') polled.push(asRow(wire));
    else if (kind === 'closed') closed.push(asRow(wire));
  }
  return { polled, closed };
}

function asRow(w: Wire): JudgeRow {
  const text = (name: string): string => (typeof w[name] === 'string' ? w[name] : '');
  const digits = (name: string): string => (w[name] === undefined ? '0' : String(w[name]));
  const number = (name: string): number => Number(w[name] ?? 0);
  const address = (name: string): string => (w[name] === undefined ? '' : addressKey(text(name)));
  const path = text('netns');
  return {
    poll: digits('poll_id'),
    offsetNs: Number(BigInt(digits('timestamp_ns')) - BigInt(digits('poll_id'))),
    cookie: u64FromText(digits('inet_diag_msg_socket_cookie')),
    netns: u64FromText(digits('netns_cookie')),
    generation: u64FromText(digits('netns_generation')),
    inode: u64FromText(digits('netns_inode')),
    name: path.slice(path.lastIndexOf('/') + 1),
    container: text('container_id'),
    hostname: text('hostname'),
    family: number('inet_diag_msg_family'),
    state: number('inet_diag_msg_state'),
    infoState: number('tcp_info_state'),
    sport: number('inet_diag_msg_socket_source_port'),
    uid: number('inet_diag_msg_uid'),
    socketInode: number('inet_diag_msg_inode'),
    congestion: text('congestion_algorithm_string'),
    receiveQueue: number('inet_diag_msg_rqueue'),
    sendQueue: number('inet_diag_msg_wqueue'),
    dport: number('inet_diag_msg_socket_destination_port'),
    src: address('inet_diag_msg_socket_source'),
    dst: address('inet_diag_msg_socket_destination'),
    received: number('tcp_info_bytes_received'),
    acked: number('tcp_info_bytes_acked'),
    sent: number('tcp_info_bytes_sent') - number('tcp_info_bytes_retrans'),
    rtt: number('tcp_info_rtt'),
    sndMss: number('tcp_info_snd_mss'),
    pmtu: number('tcp_info_pmtu'),
    sndCwnd: number('tcp_info_snd_cwnd'),
    dataSegsIn: number('tcp_info_data_segs_in'),
    dataSegsOut: number('tcp_info_data_segs_out'),
  };
}
