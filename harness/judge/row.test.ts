import { join } from 'node:path';
import Long from 'long';
import { expect, test } from 'vitest';
import { PROJECT } from '../project.js';
import { addressKey } from './address.js';
import { loadSchema, RowDecoder } from './row.js';
import { u64FromText } from './u64.js';

const PROTO = join(PROJECT, 'collector/netsoak.proto');

/** An envelope as a collector would write it, by the whole schema. */
function envelope(rows: readonly Record<string, unknown>[]): Uint8Array {
  const { envelope: type, row } = loadSchema(PROTO, false);
  return type.encode({ row: rows.map((fields) => row.create(fields)) }).finish();
}

const u64 = (text: string) => Long.fromString(text, true);

test('a row keeps what is judged, exactly, and skips the rest', () => {
  const decoder = new RowDecoder(PROTO);
  const {
    polled: [row],
  } = decoder.decode(
    envelope([
      {
        timestamp_ns: Long.fromString('1795236864123456999'),
        poll_id: u64('1795236864123456789'),
        hostname: 'web1',
        location: 'skipped',
        netns: '/run/netns/st-1',
        netns_inode: u64('4026532001'),
        netns_cookie: u64('4111'),
        netns_generation: u64('1795236864000'),
        container_id: 'c0ffee',
        inet_diag_msg_family: 10,
        inet_diag_msg_state: 1,
        inet_diag_msg_socket_source_port: 40_000,
        inet_diag_msg_socket_destination_port: 443,
        inet_diag_msg_socket_source: Buffer.from(addressKey('fd00::1'), 'latin1'),
        inet_diag_msg_socket_destination: Buffer.from(addressKey('fd00::2'), 'latin1'),
        inet_diag_msg_socket_cookie: u64('18446744073709551615'),
        tcp_info_bytes_acked: u64('5000000001'),
        tcp_info_bytes_received: u64('7'),
        tcp_info_bytes_sent: u64('5000000132'),
        tcp_info_bytes_retrans: u64('132'),
        tcp_info_max_pacing_rate: u64('18446744073709551615'),
        tcp_info_state: 1,
        tcp_info_rtt: 21,
        tcp_info_rtt_var: 22,
        tcp_info_snd_mss: 23,
        tcp_info_pmtu: 24,
        tcp_info_snd_cwnd: 25,
        tcp_info_data_segs_in: 26,
        tcp_info_data_segs_out: 27,
        congestion_algorithm_string: 'bbr',
        inet_diag_msg_rqueue: 3,
        inet_diag_msg_wqueue: 4,
        inet_diag_msg_uid: 65_534,
        inet_diag_msg_inode: 4_294_967_295,
        ulp_info_name: 'skipped',
        kind: 1,
      },
    ]),
  );
  expect(row).toEqual({
    poll: '1795236864123456789',
    offsetNs: 210,
    cookie: '18446744073709551615',
    netns: 4111,
    generation: 1_795_236_864_000,
    inode: 4026532001,
    name: 'st-1',
    container: 'c0ffee',
    hostname: 'web1',
    family: 10,
    state: 1,
    infoState: 1,
    uid: 65_534,
    socketInode: 4_294_967_295,
    congestion: 'bbr',
    receiveQueue: 3,
    sendQueue: 4,
    sport: 40_000,
    dport: 443,
    src: addressKey('fd00::1'),
    dst: addressKey('fd00::2'),
    received: 7,
    acked: 5_000_000_001,
    sent: 5_000_000_000,
    rtt: 21,
    sndMss: 23,
    pmtu: 24,
    sndCwnd: 25,
    dataSegsIn: 26,
    dataSegsOut: 27,
  });
});

test('a cookie of the ledger and of a row make the same key below and above 2^53', () => {
  const decoder = new RowDecoder(PROTO);
  const cookies = ['1', '4294967296', '9007199254740991', '9007199254740993', '18446744073709551615'];
  const { polled: rows } = decoder.decode(envelope(cookies.map((cookie) => ({ inet_diag_msg_socket_cookie: u64(cookie), kind: 1 }))));
  expect(rows.map((row) => row.cookie)).toEqual(cookies.map(u64FromText));
});

test('final states of closed sockets are no rows of a poll', () => {
  const { polled, closed } = new RowDecoder(PROTO).decode(envelope([{ kind: 2 }, { kind: 1 }, {}]));
  expect([polled.length, closed.length]).toEqual([2, 1]);
});
