/** Rows as a table for people: aligned columns of their choice, human units. Pure. */
import type { ChalkInstance } from 'chalk';

/** A row in its JSON form, keys as in netsoak.proto. */
export type JsonRow = Readonly<Record<string, unknown>>;

export interface Column {
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

/** Nothing that a listener tells of a connection means anything. */
const connected = (show: (row: JsonRow) => string) => (row: JsonRow) => (isListener(row) ? '' : show(row));
const plain = (key: string) => (row: JsonRow) => text(row[key]);

/** Columns by the name that `--columns` takes; their title is that name in capitals. */
const COLUMNS: Readonly<Record<string, { readonly text: (row: JsonRow) => string; readonly left?: true }>> = {
  netns: { left: true, text: plain('netns') },
  container: { left: true, text: (row) => text(row.container_id).slice(0, 12) },
  runtime: { left: true, text: plain('container_runtime') },
  state: { left: true, text: (row) => STATES[Number(row.inet_diag_msg_state)] ?? text(row.inet_diag_msg_state) },
  local: { left: true, text: (row) => endpoint(row, 'source') },
  peer: { left: true, text: (row) => (isListener(row) ? '-' : endpoint(row, 'destination')) },
  uid: { text: plain('inet_diag_msg_uid') },
  inode: { text: plain('inet_diag_msg_inode') },
  cookie: { text: plain('inet_diag_msg_socket_cookie') },
  mark: { text: plain('mark') },
  ulp: { left: true, text: plain('ulp_name') },
  cc: { left: true, text: plain('congestion_algorithm_string') },
  rtt: { text: connected((row) => microseconds(row.tcp_info_rtt)) },
  minrtt: { text: connected((row) => (Number(row.tcp_info_min_rtt) === 0xffff_ffff ? '' : microseconds(row.tcp_info_min_rtt))) },
  rto: { text: connected((row) => microseconds(row.tcp_info_rto)) },
  mss: { text: connected(plain('tcp_info_snd_mss')) },
  pmtu: { text: connected(plain('tcp_info_pmtu')) },
  cwnd: { text: connected(plain('tcp_info_snd_cwnd')) },
  unacked: { text: connected(plain('tcp_info_unacked')) },
  recvq: { text: (row) => bytes(row.inet_diag_msg_rqueue) },
  sendq: { text: (row) => bytes(row.inet_diag_msg_wqueue) },
  sent: { text: connected((row) => bytes(row.tcp_info_bytes_sent ?? row.tcp_info_bytes_acked)) },
  received: { text: connected((row) => bytes(row.tcp_info_bytes_received)) },
  rate: { text: connected((row) => rate(row.tcp_info_delivery_rate)) },
  pacing: { text: connected((row) => rate(row.tcp_info_pacing_rate)) },
  lost: { text: connected(plain('tcp_info_lost')) },
  retrans: { text: connected(plain('tcp_info_total_retrans')) },
  idle: { text: connected((row) => milliseconds(row.tcp_info_last_data_recv)) },
};

export const COLUMN_NAMES: readonly string[] = Object.keys(COLUMNS);
export const USUAL_COLUMNS = 'netns,state,local,peer,cc,rtt,cwnd,sent,received,retrans';

/**
 * The columns that a list of names asks for: those of {@link COLUMN_NAMES}, and every column of a row (netsoak.proto) as it is.
 * @param known names of the columns of a row
 * @returns the first name that is no column, as text
 */
export function columnsOf(list: string, known: ReadonlySet<string>): readonly Column[] | string {
  const columns: Column[] = [];
  for (const name of list.split(',').map((word) => word.trim().toLowerCase())) {
    const column = COLUMNS[name];
    if (column !== undefined) columns.push({ title: name.toUpperCase(), text: column.text, ...(column.left ? {} : { right: true }) });
    else if (known.has(name)) columns.push({ title: name.toUpperCase(), text: plain(name) });
    else return name;
  }
  return columns;
}

/**
 * @param paint chalk, which colours on a terminal alone
 * @param columns see {@link columnsOf}
 * @returns lines with their newlines: a header and one a row, by namespace, listeners first, then local end
 */
export function formatTable(rows: readonly JsonRow[], paint: ChalkInstance, columns: readonly Column[]): string {
  const order = (row: JsonRow) =>
    `${text(row.netns)}\0${isListener(row) ? 0 : 1}\0${endpoint(row, 'source')}\0${endpoint(row, 'destination')}`;
  const sorted = rows.map((row) => ({ row, key: order(row) })).sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const cells = sorted.map(({ row }) => columns.map((column) => column.text(row)));
  const widths = columns.map((column, index) =>
    cells.reduce((width, line) => Math.max(width, line[index]?.length ?? 0), column.title.length),
  );
  const line = (texts: readonly string[]) =>
    columns
      .map(({ right }, index) => {
        const cell = texts[index] ?? '';
        return right ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0);
      })
      .join('  ')
      .trimEnd();
  const head = paint.bold(line(columns.map((column) => column.title)));
  const body = sorted.map(({ row }, index) => {
    const bare = line(cells[index] ?? []);
    return Number(row.tcp_info_total_retrans ?? 0) > 0 ? paint.yellow(bare) : isListener(row) ? paint.dim(bare) : bare;
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

function milliseconds(value: unknown): string {
  return value === undefined ? '' : microseconds(Number(value) * 1_000);
}

/** Bytes a second as bits a second, as links are sold. */
function rate(value: unknown): string {
  if (value === undefined) return '';
  // 2^64-1: no limit.
  if (String(value) === '18446744073709551615') return '-';
  let bits = Number(value) * 8;
  for (const unit of ['bps', 'Kbps', 'Mbps', 'Gbps']) {
    if (bits < 1_000) return `${unit === 'bps' ? bits : short(bits)}${unit}`;
    bits /= 1_000;
  }
  return `${short(bits)}Tbps`;
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
