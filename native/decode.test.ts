import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { CaptureError, decodeMessages, decodePcap } from './index.js';
import type { JsonRow } from './ss-text.js';
import { ATTRIBUTE, attribute, message, nested, netlink, Random, SOCK_DIAG_BY_FAMILY } from './test-messages.js';

const folder = fileURLToPath(new URL('./fixtures/captures/', import.meta.url));
const random = new Random(1);

function rowOf(attributes: readonly Uint8Array[]): JsonRow {
  const { output, rows } = decodeMessages(message(random, attributes), 'jsonl');
  expect(rows).toBe(1);
  return JSON.parse(output.toString()) as JsonRow;
}

const u32 = (...values: number[]) => new Uint8Array(Uint32Array.from(values).buffer);

/** tcp_info of this length in which each byte holds its own offset (mod 256). */
const tcpInfo = (length: number) =>
  attribute(
    ATTRIBUTE.INFO,
    Uint8Array.from({ length }, (_, at) => at),
  );
const wordAt = (offset: number) => Buffer.from([0, 1, 2, 3].map((i) => offset + i)).readUInt32LE();

describe('tcp_info', () => {
  // What a kernel of that time sends, the last column it has, and the first it has not.
  test.each([
    [192, 'tcp_info_sndbuf_limited', 'tcp_info_delivered'],
    [224, 'tcp_info_reord_seen', 'tcp_info_rcv_ooopack'],
    [232, 'tcp_info_snd_wnd', 'tcp_info_rcv_wnd'],
    [240, 'tcp_info_rehash', 'tcp_info_total_rto'],
    [248, 'tcp_info_total_rto_time', 'tcp_info_received_ce'],
  ])('of %i bytes ends with %s', (length, last, beyond) => {
    const row = rowOf([tcpInfo(length)]);
    expect(row[last]).toBeDefined();
    expect(row[beyond]).toBeUndefined();
  });

  test('of 280 bytes brings the AccECN counters', () => {
    expect(rowOf([tcpInfo(280)])).toMatchObject({
      tcp_info_received_ce: wordAt(248),
      tcp_info_delivered_e1_bytes: wordAt(252),
      tcp_info_received_ce_bytes: wordAt(272),
      tcp_info_accecn_state: wordAt(276),
    });
  });

  test('longer than known is decoded as far as known, and its tail counted by length', () => {
    const { output, unknown } = decodeMessages(Buffer.concat([message(random, [tcpInfo(288)]), message(random, [tcpInfo(288)])]), 'jsonl');
    expect(JSON.parse(output.toString().split('\n')[0] as string).tcp_info_accecn_state).toBe(wordAt(276));
    expect(unknown).toEqual({ 'tail:2:288': 2 });
  });

  test('cut inside a value ends before it', () => {
    const row = rowOf([tcpInfo(106)]);
    expect(row.tcp_info_total_retrans).toBeDefined();
    expect(row.tcp_info_pacing_rate).toBeUndefined();
    const { output } = decodeMessages(message(new Random(5), [tcpInfo(106)]), 'protobuf');
    const whole = decodeMessages(message(new Random(5), [tcpInfo(104)]), 'protobuf');
    expect(output.equals(whole.output)).toBe(true);
  });

  test('splits its bit fields', () => {
    const info = new Uint8Array(8);
    info[6] = 0xa7;
    info[7] = 0b101;
    expect(rowOf([attribute(ATTRIBUTE.INFO, info)])).toMatchObject({
      tcp_info_send_scale: 7,
      tcp_info_rcv_scale: 10,
      tcp_info_delivery_rate_app_limited: 1,
      tcp_info_fast_open_client_failed: 2,
    });
  });
});

test('a zero that the kernel sent is there, what it did not send is absent', () => {
  const row = rowOf([attribute(ATTRIBUTE.TOS, new Uint8Array(1)), attribute(ATTRIBUTE.CGROUP_ID, new Uint8Array(8))]);
  expect(row.type_of_service).toBe(0);
  expect(row.c_group).toBe('0');
  expect(Object.keys(row).filter((name) => /^(traffic_class|mark|tcp_info|mem_info|hostname|kind|record_counter)/.test(name))).toEqual([]);
});

test('64-bit values keep every bit', () => {
  expect(rowOf([attribute(ATTRIBUTE.CGROUP_ID, new Uint8Array(8).fill(0xff))]).c_group).toBe('18446744073709551615');
});

test('kTLS and MPTCP are read out of the ULP attribute', () => {
  const row = rowOf([
    nested(ATTRIBUTE.ULP_INFO, [
      attribute(1, Buffer.from('tls\0')),
      nested(2, [attribute(1, Uint8Array.of(4, 3)), attribute(2, Uint8Array.of(51, 0)), attribute(5, new Uint8Array(0))]),
      nested(3, [
        attribute(2, u32(0xdeadbeef)),
        attribute(4, new Uint8Array(8).fill(1)),
        attribute(10, Uint8Array.of(3)),
        attribute(11, u32(0)),
      ]),
    ]),
  ]);
  expect(row).toMatchObject({
    ulp_name: 'tls',
    tls_version: 0x304,
    tls_cipher: 51,
    tls_zero_copy_tx: 1,
    mptcp_token_local: 0xdeadbeef,
    mptcp_map_seq: '72340172838076673',
    mptcp_id_local: 3,
  });
  expect(row.tls_rx_no_pad).toBeUndefined();
});

test.each([
  ['cubic', 1],
  ['dctcp', 2],
  ['vegas', 3],
  ['prague', 4],
  ['bbr', 5],
  ['bbr2', 6],
  ['bbr3', 7],
  ['reno', 0],
  ['cubicle', 0],
])('congestion control %s is number %i', (name, number) => {
  const row = rowOf([attribute(ATTRIBUTE.CONG, Buffer.from(`${name}\0`))]);
  expect(row).toMatchObject({ congestion_algorithm_string: name, congestion_algorithm_enum: number });
});

test('what is unknown is counted by type and length, padding is not', () => {
  const { unknown } = decodeMessages(
    message(random, [
      attribute(99, u32(1, 2)),
      attribute(99, u32(1, 2)),
      attribute(ATTRIBUTE.PAD, u32()),
      attribute(ATTRIBUTE.TOS, u32()),
      attribute(18, u32(1)),
    ]),
    'jsonl',
  );
  expect(unknown).toEqual({ 'attr:99:8': 2, 'attr:18:4': 1, 'short:5:0': 1 });
});

test('what is no socket is skipped and counted by reason', () => {
  const socket = message(random, []);
  const unix = Buffer.from(message(random, []));
  unix[16] = 1;
  const { rows, skipped } = decodeMessages(
    Buffer.concat([
      netlink(20, 0x301, [u32(0)]),
      socket,
      netlink(3, 2, [u32(0)]),
      netlink(2, 0, [u32(0)]),
      netlink(16, 0, [u32(0)]),
      unix,
      socket.subarray(0, 40),
    ]),
    'jsonl',
  );
  expect(rows).toBe(1);
  expect(skipped).toEqual({ request: 1, done: 1, error: 1, 'type:16': 1, 'family:1': 1, cut: 1 });
  expect(decodeMessages(new Uint8Array(20), 'jsonl').skipped).toEqual({ junk: 1 });
  expect(decodeMessages(netlink(SOCK_DIAG_BY_FAMILY, 2, [Uint8Array.of(2, 1)]), 'jsonl').skipped).toEqual({ cut: 1 });
});

test('garbled captures give rows or counts, never an exception, and lines that are JSON', () => {
  const files = readdirSync(folder).filter((name) => name.endsWith('-10.pcap'));
  const noise = new Random(42);
  for (let round = 0; round < 600; round++) {
    const bytes = Buffer.from(readFileSync(folder + noise.pick(files)));
    for (let i = noise.below(200); i >= 0; i--)
      bytes[24 + noise.below(bytes.length - 24)] = noise.pick([0, 1, 4, 0x7f, 0xff, noise.below(256)]);
    const cut = bytes.subarray(0, 24 + noise.below(bytes.length - 24));
    const { output, rows } = decodePcap(cut, 'jsonl');
    const lines = output.toString().split('\n').slice(0, -1);
    expect(lines).toHaveLength(rows);
    for (const line of lines) JSON.parse(line);
    expect(decodePcap(cut, 'protobuf').rows).toBe(rows);
  }
});

describe('a capture', () => {
  const name = 'linux-6.8.12-10.pcap';
  const file = () => Buffer.from(readFileSync(folder + name));

  test('stamps its rows with the time of their packet', () => {
    const rows = decodePcap(file(), 'jsonl').output.toString().split('\n').slice(0, -1);
    const seconds = file().readUInt32LE(24);
    for (const row of rows) expect(String(JSON.parse(row).timestamp_ns)).toMatch(new RegExp(`^${String(seconds).slice(0, -2)}\\d{11}$`));
  });

  test('tells rtnetlink, whose message types have the same numbers, from sockets', () => {
    const { skipped } = decodePcap(readFileSync(`${folder}linux-6.6.44-100-bbr.pcap`), 'jsonl');
    expect(skipped).toMatchObject({ 'family:0': 16 });
  });

  test('cut off at the end gives what is before', () => {
    const whole = decodePcap(file(), 'jsonl');
    const cut = decodePcap(file().subarray(0, -1000), 'jsonl');
    expect(cut.skipped['cut-file']).toBe(1);
    expect(whole.output.toString().startsWith(cut.output.toString())).toBe(true);
    expect(cut.rows).toBeGreaterThan(0);
    expect(cut.rows).toBeLessThan(whole.rows);
  });

  test.each([
    ['empty', Buffer.alloc(0), 'magic number'],
    ['a text', Buffer.from('hello world'), 'magic number'],
    ['pcapng, cut in its header', Buffer.from([0x0a, 0x0d, 0x0d, 0x0a]), 'cut off'],
    ['no gzip inside', Buffer.from([0x1f, 0x8b, 1, 2, 3]), 'gzip'],
    ['of Ethernet', Buffer.concat([readFileSync(folder + name).subarray(0, 20), u32(1)]), 'link type 1'],
    ['cut in its header', readFileSync(folder + name).subarray(0, 10), 'cut off'],
  ])('that is %s is refused with a sentence', (_, bytes, text) => {
    expect(() => decodePcap(bytes, 'jsonl')).toThrow(CaptureError);
    expect(() => decodePcap(bytes, 'jsonl')).toThrow(text);
  });
});
