/**
 * Which sockets the kernel is asked for: filter expressions (the grammar of ss, see `filter.h`) compiled to its byte code, and
 * states by name.
 */
import { addon } from './addon.js';

/** A filter expression that is wrong, and where. */
export class FilterError extends Error {
  override readonly name = 'FilterError';
  constructor(
    readonly expression: string,
    /** Of the byte it complains of, from 1. */
    readonly column: number,
    /** What is wrong there, as half a sentence. */
    readonly complaint: string,
  ) {
    super(`column ${column}: ${complaint}`);
  }
}

export interface CompiledFilter {
  /** INET_DIAG_REQ_BYTECODE (linux/inet_diag.h); empty: every socket. */
  readonly program: Buffer;
  /** What it looks at that the kernel does not tell of a closed socket. */
  readonly unknownOfClosed: readonly ('mark' | 'cgroup' | 'autobound')[];
}

/**
 * Compiles a filter such as `dport = :443 or src 10.0.0.0/8`. A blank one selects everything. Reads /etc/services for ports by name and
 * the directory of a cgroup for its id, nothing else.
 * @throws FilterError
 */
export function compileFilter(expression: string): CompiledFilter {
  const result = addon().compileFilter(expression);
  if ('column' in result) throw new FilterError(expression, result.column, result.message);
  return { program: result.program, unknownOfClosed: (['mark', 'cgroup', 'autobound'] as const).filter((need) => result[need]) };
}

/** Whether a compiled filter selects the socket of an inet_diag message (its payload); what the message does not tell counts as 0. */
export function filterSelects(program: Uint8Array, message: Uint8Array): boolean {
  return addon().filterSelects(program, message);
}

/** Bits of net/tcp_states.h by the names that ss has for them. */
const STATES: Readonly<Record<string, number>> = {
  established: 1 << 1,
  'syn-sent': 1 << 2,
  // With the kernel's own state of a request socket (TCP_NEW_SYN_RECV), which it reports as syn-recv.
  'syn-recv': (1 << 3) | (1 << 12),
  'fin-wait-1': 1 << 4,
  'fin-wait-2': 1 << 5,
  'time-wait': 1 << 6,
  closed: 1 << 7,
  'close-wait': 1 << 8,
  'last-ack': 1 << 9,
  listening: 1 << 10,
  closing: 1 << 11,
  // Bound and neither connected nor listening. Not in `all`: it costs the kernel 0.3 ms a namespace, and ss has no name for it.
  'bound-inactive': 1 << 13,
};
const ALL = 0x1fff;
const NOT_CONNECTED = (STATES.listening as number) | (STATES.closed as number);
const BUCKET = (STATES['syn-recv'] as number) | (STATES['time-wait'] as number);
const GROUPS: Readonly<Record<string, number>> = {
  all: ALL,
  connected: ALL & ~NOT_CONNECTED,
  synchronized: ALL & ~NOT_CONNECTED & ~(STATES['syn-sent'] as number),
  bucket: BUCKET,
  big: ALL & ~BUCKET,
};

/** Every word that {@link statesMask} takes. */
export const STATE_NAMES: readonly string[] = [...Object.keys(STATES), ...Object.keys(GROUPS)];

/**
 * The mask of `ReaderOptions.states`. A word with `!` before it takes states away from those before; a list that begins with one begins with
 * all. `['all']` is the default of netsoakd.
 * @throws RangeError for a word that is no state, and for a list that leaves none
 */
export function statesMask(words: readonly string[]): number {
  let mask = words[0]?.startsWith('!') ? ALL : 0;
  for (const word of words) {
    const name = word.replace(/^!/, '');
    const bits = Object.hasOwn(STATES, name) ? STATES[name] : Object.hasOwn(GROUPS, name) ? GROUPS[name] : undefined;
    if (bits === undefined) throw new RangeError(`"${name}" is no state; states are ${STATE_NAMES.join(', ')}.`);
    mask = word === name ? mask | bits : mask & ~bits;
  }
  if (mask === 0) throw new RangeError(`"${words.join(',')}" leaves no state, so no socket would ever be read.`);
  return mask;
}
