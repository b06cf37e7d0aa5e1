import { describe, expect, it } from 'vitest';
import { type JsonRow, parseSs, ssWords } from '../native/ss-text.js';
import { compareWithSs } from './verify.js';

/** An established connection, as a row of JSON. */
const row = (over: Record<string, number | string> = {}): JsonRow => ({
  inet_diag_msg_family: 2,
  inet_diag_msg_state: 1,
  inet_diag_msg_socket_source: '10.0.0.1',
  inet_diag_msg_socket_source_port: 4000,
  inet_diag_msg_socket_destination: '10.0.0.2',
  inet_diag_msg_socket_destination_port: 443,
  inet_diag_msg_socket_cookie: '7',
  inet_diag_msg_inode: 12,
  type_of_service: 0,
  shutdown_state: 0,
  congestion_algorithm_string: 'cubic',
  tcp_info_state: 1,
  tcp_info_snd_cwnd: 10,
  tcp_info_bytes_acked: '1000',
  tcp_info_segs_out: 20,
  tcp_info_last_data_sent: 500,
  tcp_info_rtt: 1_000,
  ...over,
});
const text = (over: Record<string, number | string> = {}) => parseSs(ssWords(row(over)).join(' '));
const idle = [text(), text({ tcp_info_last_data_sent: 900 })] as const;

describe('a snapshot between two looks of ss', () => {
  it('agrees when all is as before, and ages lie between', () => {
    const result = compareWithSs(idle[0], [row({ tcp_info_last_data_sent: 700 })], idle[1]);
    expect(result).toMatchObject({ differences: [], compared: 1, passing: 0 });
    expect(result.values).toBeGreaterThan(12);
    expect(result.unknown.size).toBe(0);
  });

  it.each([
    ['another address', { inet_diag_msg_socket_destination: '10.0.0.3' }, 'peer', '10.0.0.2:443', '10.0.0.3:443'],
    ['another value of a socket at rest', { tcp_info_snd_cwnd: 11 }, 'cwnd', '10', '11'],
    ['a counter beyond both', { tcp_info_bytes_acked: '1001' }, 'bytes_acked', '1000', '1001'],
    ['a counter that is not there', { tcp_info_segs_out: 0 }, 'segs_out', '20', 'nothing'],
    ['an age that neither can have', { tcp_info_last_data_sent: 901 }, 'lastsnd', '500 to 900', '901'],
    ['another state', { inet_diag_msg_state: 8 }, 'state', 'ESTAB', 'CLOSE-WAIT'],
    ['another algorithm', { congestion_algorithm_string: 'bbr' }, 'congestion', 'cubic', 'bbr'],
    ['a value that ss does not have', { mark: 5 }, 'fwmark', 'nothing', '0x5'],
  ])('differs by %s', (_, over, what, ss, ours) => {
    expect(compareWithSs(idle[0], [row({ tcp_info_last_data_sent: 700, ...over })], idle[1]).differences).toEqual(
      expect.arrayContaining([{ cookie: '7', socket: '10.0.0.1:4000 10.0.0.2:443', what, ss, ours }]),
    );
  });

  const later = { tcp_info_bytes_acked: '5000', tcp_info_segs_out: 40, tcp_info_snd_cwnd: 20, tcp_info_last_data_sent: 1 };
  it('of a socket in use holds counters between both, and says nothing of what went up and down', () => {
    const between = row({ tcp_info_bytes_acked: '3000', tcp_info_segs_out: 30, tcp_info_snd_cwnd: 35, tcp_info_rtt: 9 });
    const result = compareWithSs(text(), [between], text(later));
    expect(result.differences).toEqual([]);
    expect(result.unjudged).toBeGreaterThan(2);
    expect(compareWithSs(text(), [row({ ...between, tcp_info_bytes_acked: '5001' })], text(later)).differences).toMatchObject([
      { what: 'bytes_acked', ss: '1000 to 5000', ours: '5001' },
    ]);
  });

  it('misses a socket only if ss saw it both times; those that came or went are no difference', () => {
    const other = { inet_diag_msg_socket_cookie: '8' };
    expect(compareWithSs(text(), [], text()).differences).toMatchObject([{ cookie: '7', what: '', ours: 'missing' }]);
    expect(compareWithSs([...text(), ...text(other)], [row()], text())).toMatchObject({ differences: [], passing: 1 });
    expect(compareWithSs(text(), [row(), row(other)], text())).toMatchObject({ differences: [], passing: 1 });
    expect(compareWithSs(text(), [], [])).toMatchObject({ differences: [], passing: 1 });
  });

  it('of a socket whose state changed holds only its name', () => {
    const gone = { inet_diag_msg_state: 6, tcp_info_segs_out: 99 };
    expect(compareWithSs(text(), [row(gone)], text(gone)).differences).toEqual([]);
  });

  it('does not hold against it what an older ss does not print of any socket', () => {
    expect(compareWithSs(text(), [row({ tcp_info_rcv_wnd: 5 })], text()).differences).toEqual([]);
    expect(
      compareWithSs(text({ tcp_info_rcv_wnd: 6 }), [row({ tcp_info_rcv_wnd: 5 })], text({ tcp_info_rcv_wnd: 6 })).differences,
    ).toMatchObject([{ what: 'rcv_wnd', ss: '6', ours: '5' }]);
  });

  it('counts words of another ss as not known', () => {
    const [socket] = text();
    const newer = [{ ...socket, cookie: '7', words: [...(socket?.words ?? []), 'tcp-ulp-new:1'] }];
    expect(compareWithSs(newer, [row()], newer)).toMatchObject({ differences: [], unknown: new Set(['tcp-ulp-new']) });
  });
});
