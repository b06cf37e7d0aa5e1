/**
 * What `ss -tinmoeHa` (iproute2 6.1) prints of a socket, from a decoded row: the independent witness that the decoder is held against.
 * Both directions are covered: a value that ss prints must be in the row, and a value in the row that ss would print must be in the text.
 * Not rendered, because the kernel does not send it: users, and the path of the cgroup.
 */

/** A JSON row; 64-bit values are decimal strings. */
export type JsonRow = Readonly<Record<string, number | string | undefined>>;

const STATES = [
  '',
  'ESTAB',
  'SYN-SENT',
  'SYN-RECV',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'TIME-WAIT',
  'UNCONN',
  'CLOSE-WAIT',
  'LAST-ACK',
  'LISTEN',
  'CLOSING',
];
const TIMERS = ['off', 'on', 'keepalive', 'timewait', 'persist', 'unknown'];
const AF_INET6 = 10;
const LISTEN = 10;
/** TCPI_OPT_* of linux/tcp.h, in the order ss prints them. */
const OPTIONS: readonly (readonly [number, string])[] = [
  [1, 'ts'],
  [2, 'sack'],
  [8, 'ecn'],
  [16, 'ecnseen'],
  [32, 'fastopen'],
];
const WSCALE = 4;
const UNLIMITED = 2n ** 64n - 1n;

/** The words of the socket's two lines, in order. */
export function ssWords(row: JsonRow): string[] {
  const words: string[] = [];
  const number = (name: string) => Number(row[name] ?? 0);
  const big = (name: string) => BigInt(row[name] ?? 0);
  const info = (name: string) => number(`tcp_info_${name}`);
  const has = (name: string) => row[name] !== undefined;
  const say = (word: string) => words.push(word);
  const sayIf = (label: string, value: number | bigint) => {
    if (value !== 0 && value !== 0n) say(`${label}:${value}`);
  };

  const state = number('inet_diag_msg_state');
  say(STATES[state] ?? `state-${state}`);
  say(`${number('inet_diag_msg_rqueue')}`);
  say(`${number('inet_diag_msg_wqueue')}`);
  for (const end of ['source', 'destination']) {
    const address = String(row[`inet_diag_msg_socket_${end}`]);
    const port = number(`inet_diag_msg_socket_${end}_port`);
    say(`${addressWord(address, number('inet_diag_msg_family'), number('v6_only') !== 0)}:${port === 0 ? '*' : port}`);
  }
  if (number('inet_diag_msg_timer') !== 0) {
    const timer = TIMERS[number('inet_diag_msg_timer')] ?? 'unknown';
    say(`timer:(${timer},${timerWord(number('inet_diag_msg_expires'))},${number('inet_diag_msg_retrans')})`);
  }
  sayIf('uid', number('inet_diag_msg_uid'));
  say(`ino:${number('inet_diag_msg_inode')}`);
  say(`sk:${big('inet_diag_msg_socket_cookie').toString(16)}`);
  if (has('v6_only')) say(`v6only:${number('v6_only')}`);
  if (has('shutdown_state')) {
    const shut = number('shutdown_state');
    say(`${shut & 1 ? '-' : '<'}-${shut & 2 ? '-' : '>'}`);
  }
  if (has('type_of_service')) say(`tos:${hex(number('type_of_service'))}`);
  if (has('traffic_class')) say(`tclass:${hex(number('traffic_class'))}`);
  if (has('class_id')) say(`class_id:${hex(number('class_id'))}`);
  if (number('mark') !== 0) say(`fwmark:${hex(number('mark'))}`);

  if (has('sk_mem_info_rmem_alloc')) {
    const parts = [
      ['r', 'rmem_alloc'],
      ['rb', 'rcv_buf'],
      ['t', 'wmem_alloc'],
      ['tb', 'snd_buf'],
      ['f', 'fwd_alloc'],
      ['w', 'wmem_queued'],
      ['o', 'optmem'],
      ['bl', 'backlog'],
      ['d', 'drops'],
    ].map(([label, name]) => `${label}${number(`sk_mem_info_${name}`)}`);
    say(`skmem:(${parts.join(',')})`);
  }
  if (!has('tcp_info_state')) return words;

  for (const [bit, word] of OPTIONS) if (info('options') & bit) say(word);
  if (has('congestion_algorithm_string')) say(String(row.congestion_algorithm_string));
  if (info('options') & WSCALE) say(`wscale:${info('send_scale')},${info('rcv_scale')}`);
  if (info('rto') !== 3_000_000) sayIf('rto', milliseconds(info('rto')));
  sayIf('backoff', info('backoff'));
  if (info('rtt') !== 0) say(`rtt:${general(milliseconds(info('rtt')))}/${general(milliseconds(info('rtt_var')))}`);
  sayIf('ato', milliseconds(info('ato')));
  sayIf('mss', info('snd_mss'));
  sayIf('pmtu', info('pmtu'));
  sayIf('rcvmss', info('rcv_mss'));
  sayIf('advmss', info('adv_mss'));
  sayIf('cwnd', info('snd_cwnd'));
  if (info('snd_ssthresh') < 0xffff) sayIf('ssthresh', info('snd_ssthresh'));
  for (const name of ['bytes_sent', 'bytes_retrans', 'bytes_acked', 'bytes_received']) sayIf(name, big(`tcp_info_${name}`));
  for (const name of ['segs_out', 'segs_in', 'data_segs_out', 'data_segs_in']) sayIf(name, info(name));
  if (has('dctcp_info_enabled')) {
    const dctcp = (name: string) => number(`dctcp_info_${name}`);
    say(
      dctcp('enabled')
        ? `dctcp:(ce_state:${dctcp('ce_state')},alpha:${dctcp('alpha')},ab_ecn:${dctcp('ab_ecn')},ab_tot:${dctcp('ab_tot')})`
        : 'dctcp:fallback_mode',
    );
  }
  if (has('bbr_info_bw_lo')) {
    const bandwidth = (big('bbr_info_bw_hi') << 32n) | big('bbr_info_bw_lo');
    const gains = ['pacing_gain', 'cwnd_gain']
      .filter((name) => number(`bbr_info_${name}`) !== 0)
      .map((name) => `,${name}:${general(number(`bbr_info_${name}`) / 256)}`);
    say(`bbr:(bw:${bandwidth * 8n}bps,mrtt:${general(milliseconds(number('bbr_info_min_rtt')))}${gains.join('')})`);
  }
  if (info('rtt') > 0 && info('snd_mss') && info('snd_cwnd')) {
    say('send');
    say(`${((info('snd_cwnd') * info('snd_mss') * 8_000_000) / info('rtt')).toFixed(0)}bps`);
  }
  sayIf('lastsnd', info('last_data_sent'));
  sayIf('lastrcv', info('last_data_recv'));
  sayIf('lastack', info('last_ack_recv'));
  const pacing = big('tcp_info_pacing_rate');
  if (pacing !== 0n && pacing !== UNLIMITED) {
    const most = big('tcp_info_max_pacing_rate');
    say('pacing_rate');
    say(`${pacing * 8n}bps${most !== 0n && most !== UNLIMITED ? `/${most * 8n}bps` : ''}`);
  }
  if (big('tcp_info_delivery_rate') !== 0n) {
    say('delivery_rate');
    say(`${big('tcp_info_delivery_rate') * 8n}bps`);
  }
  sayIf('delivered', info('delivered'));
  sayIf('delivered_ce', info('delivered_ce'));
  if (info('delivery_rate_app_limited')) say('app_limited');
  const busy = info('busy_time');
  if (busy !== 0) {
    say(`busy:${Math.trunc(busy / 1000)}ms`);
    for (const name of ['rwnd_limited', 'sndbuf_limited']) {
      if (info(name)) say(`${name}:${Math.trunc(info(name) / 1000)}ms(${((100 * info(name)) / busy).toFixed(1)}%)`);
    }
  }
  sayIf('unacked', info('unacked'));
  if (info('retrans') || info('total_retrans')) say(`retrans:${info('retrans')}/${info('total_retrans')}`);
  sayIf('lost', info('lost'));
  if (state !== LISTEN) sayIf('sacked', info('sacked'));
  sayIf('dsack_dups', info('dsack_dups'));
  sayIf('fackets', info('fackets'));
  if (info('reordering') !== 3) sayIf('reordering', info('reordering'));
  sayIf('reord_seen', info('reord_seen'));
  if (info('rcv_rtt') !== 0) say(`rcv_rtt:${general(milliseconds(info('rcv_rtt')))}`);
  sayIf('rcv_space', info('rcv_space'));
  sayIf('rcv_ssthresh', info('rcv_ssthresh'));
  sayIf('notsent', info('not_sent_bytes'));
  if (info('min_rtt') !== 0 && info('min_rtt') !== 0xffff_ffff) say(`minrtt:${general(milliseconds(info('min_rtt')))}`);
  sayIf('rcv_ooopack', info('rcv_ooopack'));
  sayIf('snd_wnd', info('snd_wnd'));
  sayIf('rcv_wnd', info('rcv_wnd'));
  sayIf('rehash', info('rehash'));
  return words;
}

/** A socket of ss's text: its cookie and the words that {@link ssWords} knows to make. */
export interface SsSocket {
  readonly cookie: string;
  readonly words: readonly string[];
}

/** Splits the output of `ss -tinmoea` into sockets. */
export function parseSs(text: string): SsSocket[] {
  const sockets: SsSocket[] = [];
  for (const record of text.split(/\n(?=\S)/)) {
    const words = record
      .split(/\s+/)
      .filter((word) => word !== '' && !word.startsWith('users:') && !word.startsWith('cgroup:') && !word.startsWith('inode:'));
    if (words.length === 0 || words[0] === 'State') continue;
    const cookie = words.find((word) => word.startsWith('sk:'));
    if (cookie === undefined) throw new Error(`ss printed a socket without a cookie (was -e given?): ${record}`);
    sockets.push({ cookie: BigInt(`0x${cookie.slice(3)}`).toString(), words });
  }
  return sockets;
}

/** Words that only one side has, ` -` those of ss and ` +` those of the row; empty when they agree in number and order. */
export function ssDifference(socket: SsSocket, row: JsonRow): string {
  const ours = ssWords(row);
  if (ours.join(' ') === socket.words.join(' ')) return '';
  const missing = socket.words.filter((word) => !ours.includes(word)).map((word) => `-${word}`);
  const extra = ours.filter((word) => !socket.words.includes(word)).map((word) => `+${word}`);
  return missing.length + extra.length > 0 ? [...missing, ...extra].join(' ') : `order: ${ours.join(' ')} / ${socket.words.join(' ')}`;
}

function addressWord(address: string, family: number, v6Only: boolean): string {
  if (family !== AF_INET6) return address;
  return address === '::' && !v6Only ? '*' : `[${address}]`;
}

/** 106000 -> 1min46sec, 6443 -> 6.443ms (sic). */
function timerWord(total: number): string {
  const minutes = Math.trunc(total / 60_000);
  let seconds = Math.trunc(total / 1000) % 60;
  let rest = total % 1000;
  let word = '';
  if (minutes > 0) {
    rest = 0;
    word = `${minutes}min`;
    if (minutes > 9) seconds = 0;
  }
  if (seconds > 0) {
    if (seconds > 9) rest = 0;
    word += `${seconds}${rest > 0 ? '.' : 'sec'}`;
  }
  if (rest > 0) word += `${String(rest).padStart(3, '0')}ms`;
  return word;
}

const milliseconds = (microseconds: number) => microseconds / 1000;
const hex = (value: number) => (value === 0 ? '0' : `0x${value.toString(16)}`);
/** printf's %g: six significant digits, no trailing zeros. */
const general = (value: number) => String(Number(value.toPrecision(6)));
