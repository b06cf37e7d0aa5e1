/** Rows as a table for people: aligned columns, human units. Pure. */
import type { ChalkInstance } from 'chalk';

/** A row in its JSON form, keys as in netsoak.proto. */
export type JsonRow = Readonly<Record<string, unknown>>;

interface Column {
  readonly title: string;
  readonly right?: true;
  readonly text: (row: JsonRow) => string;
}

/** net/tcp_states.h; the index is the state. */
const STATES = [
  '',
  'ESTAB',
  'SYN-SENT',
  'SYN-RECV',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'TIME-WAIT',
  'CLOSE',
  'CLOSE-WAIT',
  'LAST-ACK',
  'LISTEN',
  'CLOSING',
  'NEW-SYN-RECV',
];
const LISTEN = 10;

const COLUMNS: readonly Column[] = [
  { title: 'NETNS', text: (row) => text(row.netns) },
  { title: 'STATE', text: (row) => STATES[Number(row.inet_diag_msg_state)] ?? text(row.inet_diag_msg_state) },
  { title: 'LOCAL', text: (row) => endpoint(row, 'source') },
  { title: 'PEER', text: (row) => (isListener(row) ? '-' : endpoint(row, 'destination')) },
  { title: 'CC', text: (row) => text(row.congestion_algorithm_string) },
  { title: 'RTT', right: true, text: (row) => (isListener(row) ? '' : microseconds(row.tcp_info_rtt)) },
  { title: 'CWND', right: true, text: (row) => (isListener(row) ? '' : text(row.tcp_info_snd_cwnd)) },
  { title: 'SENT', right: true, text: (row) => (isListener(row) ? '' : bytes(row.tcp_info_bytes_sent ?? row.tcp_info_bytes_acked)) },
  { title: 'RECEIVED', right: true, text: (row) => (isListener(row) ? '' : bytes(row.tcp_info_bytes_received)) },
  { title: 'RETRANS', right: true, text: (row) => (isListener(row) ? '' : text(row.tcp_info_total_retrans)) },
];

/**
 * @param paint chalk, which colours on a terminal alone
 * @returns lines with their newlines: a header and one a row, by namespace, listeners first, then local end
 */
export function formatTable(rows: readonly JsonRow[], paint: ChalkInstance): string {
  const order = (row: JsonRow) =>
    `${text(row.netns)}\0${isListener(row) ? 0 : 1}\0${endpoint(row, 'source')}\0${endpoint(row, 'destination')}`;
  const sorted = rows.map((row) => ({ row, key: order(row) })).sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const cells = sorted.map(({ row }) => COLUMNS.map((column) => column.text(row)));
  const widths = COLUMNS.map((column, index) =>
    cells.reduce((width, line) => Math.max(width, line[index]?.length ?? 0), column.title.length),
  );
  const line = (texts: readonly string[]) =>
    COLUMNS.map(({ right }, index) => {
      const cell = texts[index] ?? '';
      return right ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0);
    })
      .join('  ')
      .trimEnd();
  const head = paint.bold(line(COLUMNS.map((column) => column.title)));
  const body = sorted.map(({ row }, index) => {
    const plain = line(cells[index] ?? []);
    return Number(row.tcp_info_total_retrans ?? 0) > 0 ? paint.yellow(plain) : isListener(row) ? paint.dim(plain) : plain;
  });
  return `${[head, ...body].join('\n')}\n`;
}

function isListener(row: JsonRow): boolean {
  return Number(row.inet_diag_msg_state) === LISTEN;
}

function endpoint(row: JsonRow, side: 'source' | 'destination'): string {
  const address = text(row[`inet_diag_msg_socket_${side}`]);
  const port = text(row[`inet_diag_msg_socket_${side}_port`]);
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function text(value: unknown): string {
  return value === undefined || value === null ? '' : String(value);
}

function microseconds(value: unknown): string {
  if (value === undefined) return '';
  const us = Number(value);
  return us < 1_000 ? `${us}us` : us < 1e6 ? `${short(us / 1e3)}ms` : `${short(us / 1e6)}s`;
}

function bytes(value: unknown): string {
  if (value === undefined) return '';
  let amount = Number(value);
  if (amount < 1_024) return String(amount);
  for (const unit of ['K', 'M', 'G', 'T']) {
    amount /= 1_024;
    if (amount < 1_024) return `${short(amount)}${unit}`;
  }
  return `${amount.toFixed(0)}P`;
}

function short(amount: number): string {
  return amount.toFixed(amount < 10 ? 1 : 0);
}
