import { Chalk } from 'chalk';
import { expect, it } from 'vitest';
import { COLUMN_NAMES, columnsOf, formatTable, type JsonRow, USUAL_COLUMNS } from './table.js';

const table = (rows: readonly JsonRow[], list = USUAL_COLUMNS) => {
  const columns = columnsOf(list, new Set(['tcp_info_rcv_wnd']));
  if (typeof columns === 'string') throw new Error(columns);
  return formatTable(rows, new Chalk({ level: 0 }), columns);
};

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
  expect(table(rows).split('\n')).toEqual([
    'NETNS  STATE   LOCAL         PEER             CC      RTT  CWND  SENT  RECEIVED  RETRANS',
    'blue   LISTEN  [::]:443      -',
    'blue   ESTAB   10.0.0.1:443  [fd00::2]:50000  cubic  12ms    10  999M         0        2',
    'red    99      10.0.0.1:443  [fd00::2]:50000  cubic  12ms    10  999M         0        2',
    '',
  ]);
});

it('leaves blank what the kernel did not send', () => {
  const { tcp_info_rtt: _, tcp_info_bytes_sent: __, ...bare } = connection;
  const line = table([{ ...bare, tcp_info_bytes_acked: 1_536 }]).split('\n')[1];
  expect(line).toMatch(/cubic +10 +1\.5K +0 +2$/);
});

it('shows the columns asked for, in their order, and any column of a row by its name', () => {
  const row = {
    ...connection,
    container_id: 'ab'.repeat(32),
    inet_diag_msg_rqueue: 2_048,
    tcp_info_delivery_rate: '125000000',
    tcp_info_pacing_rate: '18446744073709551615',
    tcp_info_last_data_recv: 61_000,
    tcp_info_rcv_wnd: 65_535,
  };
  expect(table([row, listener], 'container, recvq,RATE,pacing,idle,tcp_info_rcv_wnd').split('\n')).toEqual([
    'CONTAINER     RECVQ     RATE  PACING  IDLE  TCP_INFO_RCV_WND',
    '',
    'ababababab'.concat('ab   2.0K  1.0Gbps       -   61s  65535'),
    '',
  ]);
});

it('refuses a name that is no column', () => {
  expect(columnsOf('netns,rt', new Set())).toBe('rt');
  expect(columnsOf('', new Set())).toBe('');
});

it('has no column that fails on an empty row', () => {
  expect(table([{}], COLUMN_NAMES.join(',')).split('\n')).toHaveLength(3);
});

it('colours what was sent again, dims listeners, on a terminal alone', () => {
  const columns = columnsOf('local', new Set());
  if (typeof columns === 'string') throw new Error(columns);
  const coloured = formatTable([listener, connection], new Chalk({ level: 1 }), columns).split('\n');
  expect(coloured[1]).toBe('\u001b[2m[::]:443\u001b[22m');
  expect(coloured[2]).toBe('\u001b[33m10.0.0.1:443\u001b[39m');
});
