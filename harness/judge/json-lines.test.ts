import { expect, test } from 'vitest';
import { addressKey } from './address.js';
import { LineSplitter, rowsOfLines } from './json-lines.js';

const LINE = JSON.stringify({
  poll_id: '1795236864123456789',
  timestamp_ns: '1795236864123456999',
  netns: '/run/netns/st-1',
  netns_inode: '4026532001',
  netns_cookie: '4111',
  inet_diag_msg_family: 10,
  inet_diag_msg_state: 1,
  inet_diag_msg_socket_cookie: '18446744073709551615',
  inet_diag_msg_socket_source: 'fd00::1',
  inet_diag_msg_socket_source_port: 40_000,
  inet_diag_msg_socket_destination: 'fd00::2',
  inet_diag_msg_socket_destination_port: 443,
  hostname: 'web1',
  tcp_info_state: 1,
  tcp_info_rtt: 21,
  tcp_info_snd_mss: 23,
  tcp_info_pmtu: 24,
  tcp_info_snd_cwnd: 25,
  tcp_info_data_segs_in: 26,
  tcp_info_data_segs_out: 27,
  tcp_info_bytes_sent: '5000000001',
  tcp_info_bytes_retrans: '1',
  something_new: {},
});

test('a row keeps what is judged, exactly; what was not sent is nothing', () => {
  const { polled, closed } = rowsOfLines([LINE, LINE.replace('{', '{"kind":"closed",'), '{"kind":"poll_end"}']);
  expect([polled.length, closed.length]).toEqual([1, 1]);
  expect(polled[0]).toMatchObject({
    poll: '1795236864123456789',
    offsetNs: 210,
    cookie: '18446744073709551615',
    netns: 4111,
    name: 'st-1',
    container: '',
    src: addressKey('fd00::1'),
    sent: 5_000_000_000,
    hostname: 'web1',
    infoState: 1,
    rtt: 21,
    sndMss: 23,
    pmtu: 24,
    sndCwnd: 25,
    dataSegsIn: 26,
    dataSegsOut: 27,
    uid: 0,
    received: 0,
  });
});

test('lines come whole however the bytes are cut, in the middle of a character too', () => {
  const bytes = Buffer.from('{"netns":"ü"}\n\n{"netns":"b"}\n{"ne');
  for (let cut = 0; cut <= bytes.length; cut++) {
    const splitter = new LineSplitter();
    expect([...splitter.push(bytes.subarray(0, cut)), ...splitter.push(bytes.subarray(cut))]).toEqual(['{"netns":"ü"}', '{"netns":"b"}']);
    expect(splitter.pending).toBe(4);
  }
});

test.each([
  ['no JSON', ['{]'], 'no JSON: {]'],
  ['no address', ['{"inet_diag_msg_socket_source":"nowhere"}'], 'not an address'],
])('what is %s is refused with the line', (_, lines, words) => expect(() => rowsOfLines(lines)).toThrow(words));

test('bytes without an end of line are no JSON lines', () => {
  expect(() => new LineSplitter().push(Buffer.alloc(2 << 20, 'x'))).toThrow('no JSON lines');
});
