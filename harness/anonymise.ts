/**
 * Takes names out of text: of machines, people, places and addresses, each replaced by the same stand-in wherever it occurs, so
 * that a reader still sees what belongs together. Pure; what there is to hide is handed in and found in the text.
 *
 * Left as they are, because they are the same everywhere: loopback and unspecified addresses, folders of the system (/usr, /proc),
 * accounts of the system (root).
 */
import { isIPv4, isIPv6 } from 'node:net';

export interface Secrets {
  /** Names of machines. */
  readonly hosts: readonly string[];
  /** Names of people's accounts. */
  readonly users: readonly string[];
  /** Folders that stand for something known, such as the project or a home, and what to call them: `/home/x/netsoak` -> `/project`. */
  readonly folders: readonly (readonly [path: string, standIn: string])[];
}

/** Folders whose names tell nothing of who runs them (hier(7)). */
const SYSTEM = ['bin', 'boot', 'dev', 'etc', 'lib', 'lib32', 'lib64', 'proc', 'run', 'sbin', 'sys', 'usr', 'tmp', 'var'];
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|0\.0\.0\.0|::1?)$/;

export class Anonymiser {
  readonly #known = new Map<string, string>();
  readonly #counts = new Map<string, number>();
  readonly #names: RegExp | undefined;
  readonly #folders: readonly (readonly [path: string, standIn: string])[];

  constructor({ hosts, users, folders }: Secrets) {
    // The longest first: /home/x/netsoak before /home/x, host.example.org before host.
    this.#folders = folders.filter(([path]) => path.length > 1).toSorted(([a], [b]) => b.length - a.length);
    const named = [
      ...hosts.map((name) => [name, 'host'] as const),
      ...users.filter((name) => !hosts.includes(name)).map((name) => [name, 'user'] as const),
    ].filter(([name]) => name !== '');
    for (const [name, kind] of named) this.#standIn(kind, name.toLowerCase());
    const words = named.toSorted(([a], [b]) => b.length - a.length).map(([name]) => escapeRegExp(name));
    // Not in the middle of a word, but beside `_`, which often joins names to something. A domain behind a name goes with it.
    this.#names =
      words.length > 0 ? new RegExp(`(?<![\\p{L}\\p{N}])(${words.join('|')})(?:\\.[a-z0-9-]+)*(?![\\p{L}\\p{N}])`, 'giu') : undefined;
  }

  text(original: string): string {
    let text = original;
    for (const [path, standIn] of this.#folders) text = text.replace(new RegExp(`${escapeRegExp(path)}(?![\\w.-])`, 'g'), standIn);
    text = text.replace(URL_HOST, (_, scheme: string, host: string) => scheme + this.#host(host));
    text = text.replace(HOST_PORT, (host) => this.#host(host));
    text = text.replace(PATH, (path) => this.#path(path));
    text = text.replace(MAC, (address) => this.#standIn('mac', address.toLowerCase()));
    text = text.replace(ADDRESS, (candidate) => this.#address(candidate));
    if (!this.#names) return text;
    return text.replace(this.#names, (_, name: string) => {
      const known = name.toLowerCase();
      return this.#known.get(`host ${known}`) ?? this.#standIn('user', known);
    });
  }

  /** Every text in a value. Keys are the code's own words and stay, and so does whatever stands under a key in `kept`. */
  value<T>(value: T, kept: ReadonlySet<string>): T {
    if (typeof value === 'string') return this.text(value) as T;
    if (Array.isArray(value)) return value.map((one) => this.value(one, kept)) as T;
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [key, kept.has(key) ? one : this.value(one as unknown, kept)]),
    ) as T;
  }

  /** The first folder tells whether it is the system's; of others nothing is left but the end of the name, which tells what it is. */
  #path(path: string): string {
    const [first = '', second = ''] = path.split('/').slice(1);
    if (STAND_IN.test(first) || (SYSTEM.includes(first) && first !== 'tmp' && first !== 'var')) return path;
    if (first === 'var' && /^(cache|lib|log|run|tmp|spool|empty)$/.test(second)) return path;
    if (first === 'tmp' && second.startsWith('netsoak-')) return path;
    const extension = /\.[A-Za-z]{1,5}$/.exec(path)?.[0] ?? '';
    return `/${this.#standIn('path', path)}${extension}`;
  }

  #host(host: string): string {
    return isName(host) ? this.#standIn('host', host.toLowerCase()) : host;
  }

  #address(candidate: string): string {
    // A sentence may end behind an address, a port may follow it.
    const address = candidate.replace(/[.:]+$/, (end) => (end === '::' ? end : ''));
    const rest = candidate.slice(address.length);
    if (LOOPBACK.test(address)) return candidate;
    if (isIPv4(address)) return this.#standIn('ipv4', address) + rest;
    const withPort = /^(.*):\d+$/.exec(address)?.[1];
    if (withPort !== undefined && isIPv4(withPort))
      return LOOPBACK.test(withPort) ? candidate : this.#standIn('ipv4', withPort) + address.slice(withPort.length) + rest;
    return isIPv6(address) ? this.#standIn('ipv6', address.toLowerCase()) + rest : candidate;
  }

  #standIn(kind: string, original: string): string {
    const key = `${kind} ${original}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const number = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, number);
    const standIn = `${kind}-${number}`;
    this.#known.set(key, standIn);
    return standIn;
  }
}

/** First folders that only stand-ins have. */
const STAND_IN = /^(project|runs|home-\d+)$/;

const SEGMENT = '[^\\s/"\'`;,:()<>|{}\\[\\]\\\\]+';
/** An absolute path or one from home: not in the middle of a word or of a relative path, but behind `file://`, `-I` and the like. */
const PATH = new RegExp(`(?:(?<![\\w./}-])|(?<=file://)|(?<=(?:^|\\s)-\\w))~?/${SEGMENT}(?:/${SEGMENT})*`, 'g');
const MAC = /(?<![\w:])(?:[0-9a-f]{2}:){5}[0-9a-f]{2}(?![\w:])/gi;
/** Whatever may be an address; net.isIP decides. */
const ADDRESS = /(?<![\w.:])(?:[0-9a-f]{0,4}:[0-9a-f:.]+|\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?)(?![\w])/gi;
/** Scheme and authority of a URL (RFC 3986). */
const URL_HOST = /\b([a-z][a-z0-9+.-]*:\/\/)(?:[^\s/@"'<>]*@)?(\[[^\]]*\]|[^\s/:"'<>{}\\,;)]*)/gi;
/** `broker.example.org:9092`; a file with the number of a line looks the same. */
const HOST_PORT = /(?<![\w.@/-])(?:[a-z0-9-]+\.)+(?!(?:ts|js|mjs|json|c|cc|h|sh|yaml)\b)[a-z]{2,}(?=:\d{2,5}\b)/gi;

/** Names of machines in URLs and before ports: known from there, they are hidden wherever else they stand. */
export function hostsNamed(text: string): string[] {
  const hosts = [...[...text.matchAll(URL_HOST)].map((match) => match[2] ?? ''), ...[...text.matchAll(HOST_PORT)].map(([host]) => host)];
  return hosts.filter(isName);
}

const isName = (host: string): boolean => host !== '' && host !== 'localhost' && !/^[[\d]/.test(host) && !/^host-\d+$/.test(host);

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
