import { Chalk } from 'chalk';
import { expect, it } from 'vitest';
import { formatTable } from './table.js';

const end = (side: 'source' | 'destination', address: string, port: number) => ({
  [`inet_diag_msg_socket_${side}`]: address,
  [`inet_diag_msg_socket_${side}_port`]: port,
});
const listener = { netns: 'blue', inet_diag_msg_state: 10, ...end('source', '::', 443), ...end('destination', '::', 0), tcp_info_rtt: 0 };
const connection = {
  netns: 'blue',
  inet_diag_msg_state: 1,
  ...end('source', '10.0.0.1', 443),
  ...end('destination', 'fd00::2', 50_000),
  congestion_algorithm_string: 'cubic',
  tcp_info_rtt: 12_345,
  tcp_info_snd_cwnd: 10,
  tcp_info_bytes_sent: '1047527424',
  tcp_info_bytes_received: '0',
  tcp_info_total_retrans: 2,
};

it('aligns, names states, shows human units, and puts namespaces and their listeners first', () => {
  const rows = [{ ...connection, netns: 'red', inet_diag_msg_state: 99 }, connection, listener];
  expect(formatTable(rows, new Chalk({ level: 0 })).split('\n')).toEqual([
    'NETNS  STATE   LOCAL         PEER             CC      RTT  CWND  SENT  RECEIVED  RETRANS',
    'blue   LISTEN  [::]:443      -',
    'blue   ESTAB   10.0.0.1:443  [fd00::2]:50000  cubic  12ms    10  999M         0        2',
    'red    99      10.0.0.1:443  [fd00::2]:50000  cubic  12ms    10  999M         0        2',
    '',
  ]);
});

it('leaves blank what the kernel did not send', () => {
  const { tcp_info_rtt: _, tcp_info_bytes_sent: __, ...bare } = connection;
  const line = formatTable([{ ...bare, tcp_info_bytes_acked: 1_536 }], new Chalk({ level: 0 })).split('\n')[1];
  expect(line).toMatch(/cubic +10 +1\.5K +0 +2$/);
});
