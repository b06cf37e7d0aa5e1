/**
 * A snapshot held against what ss printed before it and after it. Time passes between three looks, so: a socket is missing only if ss saw
 * it both times; a value that never changes must be the same; a counter must lie between the two; and any other value must be the same if
 * nothing happened to the socket meanwhile, else it is not judged. Pure.
 */
import { type JsonRow, type SsSocket, ssWords } from '../native/ss-text.js';

/** What ss and the snapshot disagree on. */
export interface Difference {
  readonly cookie: string;
  /** Both ends, as ss prints them. */
  readonly socket: string;
  /** The word that ss has for the value; '' when the socket is missing. */
  readonly what: string;
  /** Before and after; one value when they are the same. */
  readonly ss: string;
  readonly ours: string;
}

export interface Comparison {
  readonly differences: readonly Difference[];
  /** Sockets that all three looks saw. */
  readonly compared: number;
  /** Values that were held against ss. */
  readonly values: number;
  /** Values that changed for sockets in use, so that nothing can be said. */
  readonly unjudged: number;
  /** Sockets that came or went meanwhile. */
  readonly passing: number;
  /** Words of ss that this version knows no counterpart of. */
  readonly unknown: ReadonlySet<string>;
}

/** One look at one namespace; a socket by its cookie. */
type Look = ReadonlyMap<string, SsSocket>;

/** The same for as long as a socket is in one state. */
const CONSTANT = new Set([
  'state',
  'local',
  'peer',
  'uid',
  'ino',
  'sk',
  'v6only',
  'shutdown',
  'tos',
  'tclass',
  'class_id',
  'fwmark',
  'congestion',
]);
/** Never go down. */
const COUNTERS = new Set([
  'bytes_sent',
  'bytes_retrans',
  'bytes_acked',
  'bytes_received',
  'segs_out',
  'segs_in',
  'data_segs_out',
  'data_segs_in',
  'delivered',
  'delivered_ce',
  'dsack_dups',
  'reord_seen',
  'rcv_ooopack',
  'rehash',
]);
/** Milliseconds since something happened: they grow until it happens again. */
const AGES = new Set(['lastsnd', 'lastrcv', 'lastack']);
/** What else ssWords can say. */
const GAUGES = new Set(
  (
    'rqueue wqueue timer skmem wscale rto backoff rtt ato mss pmtu rcvmss advmss cwnd ssthresh dctcp bbr send pacing_rate delivery_rate busy ' +
    'rwnd_limited sndbuf_limited unacked retrans lost sacked fackets reordering rcv_rtt rcv_space rcv_ssthresh notsent minrtt snd_wnd rcv_wnd ' +
    'ts sack ecn ecnseen fastopen app_limited'
  ).split(' '),
);
const FLAGS = new Set(['ts', 'sack', 'ecn', 'ecnseen', 'fastopen', 'app_limited']);
/** Their value is a word of its own. */
const PAIRS = new Set(['send', 'pacing_rate', 'delivery_rate']);
/** A listener's queues come and go without any counter of its own. */
const OF_LISTENERS = new Set(['rqueue', 'wqueue', 'unacked', 'sacked', 'skmem']);
/** Words that came to ss after 6.1: of a look without any of them nothing can be said. */
const LATER = new Set(['rcv_wnd', 'rehash']);
const FIRST = ['state', 'rqueue', 'wqueue', 'local', 'peer'];

/**
 * @param rows of the snapshot, of the same namespace
 */
export function compareWithSs(before: readonly SsSocket[], rows: readonly JsonRow[], after: readonly SsSocket[]): Comparison {
  const [first, last] = [byCookie(before), byCookie(after)];
  const ours = new Map(rows.map((row) => [String(row.inet_diag_msg_socket_cookie), row]));
  const said = new Set([...before, ...after].flatMap(({ words }) => words.map((word) => word.split(':')[0] as string)));
  const untold = new Set([...LATER].filter((name) => !said.has(name)));
  const sum = { compared: 0, values: 0, unjudged: 0, unknown: new Set<string>() };
  const differences: Difference[] = [];
  for (const [cookie, { words }] of first) {
    const later = last.get(cookie);
    if (later === undefined) continue;
    const row = ours.get(cookie);
    const socket = words.slice(3, 5).join(' ');
    if (row === undefined) {
      differences.push({ cookie, socket, what: '', ss: words[0] ?? '', ours: 'missing' });
      continue;
    }
    sum.compared++;
    differences.push(
      ...compareSocket(words, ssWords(row), later.words, untold, sum).map((difference) => ({ cookie, socket, ...difference })),
    );
  }
  const all = new Set([...first.keys(), ...last.keys(), ...ours.keys()]);
  const steady = [...all].filter((cookie) => first.has(cookie) && last.has(cookie));
  return { ...sum, differences, passing: all.size - steady.length };
}

function compareSocket(
  before: readonly string[],
  row: readonly string[],
  after: readonly string[],
  untold: ReadonlySet<string>,
  sum: { values: number; unjudged: number; readonly unknown: Set<string> },
): Omit<Difference, 'cookie' | 'socket'>[] {
  const [a, ours, b] = [named(before, sum.unknown), named(row, sum.unknown), named(after, sum.unknown)];
  const changing = a.get('state') !== b.get('state');
  const listens = a.get('state') === 'LISTEN';
  const quiet = [...new Set([...a.keys(), ...b.keys()])].every((name) => AGES.has(name) || name === 'timer' || a.get(name) === b.get(name));
  const found: Omit<Difference, 'cookie' | 'socket'>[] = [];
  for (const name of new Set([...a.keys(), ...ours.keys(), ...b.keys()])) {
    if (untold.has(name)) continue;
    const [x, mine, y] = [a.get(name), ours.get(name), b.get(name)];
    const right = judge(name, x, mine, y, { quiet, changing, listens });
    if (right === undefined) sum.unjudged++;
    else sum.values++;
    if (right === false)
      found.push({ what: name, ss: x === y ? (x ?? 'nothing') : `${x ?? 'nothing'} to ${y ?? 'nothing'}`, ours: mine ?? 'nothing' });
  }
  return found;
}

/** undefined: nothing can be said. */
function judge(
  name: string,
  before: string | undefined,
  ours: string | undefined,
  after: string | undefined,
  { quiet, changing, listens }: { readonly quiet: boolean; readonly changing: boolean; readonly listens: boolean },
): boolean | undefined {
  if (name === 'local' || name === 'peer' || name === 'sk' || name === 'uid') return before === ours;
  // What a socket tells depends on its state: a socket in TIME-WAIT has no counters.
  if (changing || (listens && OF_LISTENERS.has(name))) return undefined;
  if (COUNTERS.has(name)) return between(before, ours, after);
  // A socket in use may have been young, then old, then young again.
  if (AGES.has(name)) return quiet ? between(before, ours, after) : undefined;
  if (name === 'timer') {
    const kind = (text: string | undefined) => text?.split(',')[0];
    return quiet && kind(before) === kind(after) ? kind(ours) === kind(before) : undefined;
  }
  if (CONSTANT.has(name)) return before === after ? ours === before : undefined;
  return quiet ? ours === before : undefined;
}

/** ss leaves out what is 0. */
function between(least: string | undefined, value: string | undefined, most: string | undefined): boolean {
  const [low, mine, high] = [BigInt(least ?? 0), BigInt(value ?? 0), BigInt(most ?? 0)];
  return low <= mine && mine <= high;
}

function byCookie(sockets: readonly SsSocket[]): Look {
  return new Map(sockets.map((socket) => [socket.cookie, socket]));
}

/** The words of a socket by what they are; those that this version does not know are put into `unknown`. */
function named(words: readonly string[], unknown: Set<string>): Map<string, string> {
  const names = new Map<string, string>();
  for (const [index, name] of FIRST.entries()) names.set(name, words[index] ?? '');
  for (let at = FIRST.length; at < words.length; at++) {
    const word = words[at] as string;
    const [label = '', value] = word.split(/:(.*)/s, 2);
    if (PAIRS.has(word)) names.set(word, words[++at] ?? '');
    else if (FLAGS.has(word)) names.set(word, word);
    else if (/^[<-]-[->]$/.test(word)) names.set('shutdown', word);
    else if (value === undefined && !names.has('congestion') && /^[a-z][a-z0-9_-]*$/.test(word)) names.set('congestion', word);
    else if (CONSTANT.has(label) || COUNTERS.has(label) || AGES.has(label) || GAUGES.has(label)) names.set(label, value ?? '');
    else unknown.add(label);
  }
  return names;
}
