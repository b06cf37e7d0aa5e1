/** Where things go and come from, as operators write it: `file:PATH`, `tcp:HOST:PORT`, `127.0.0.1:9109`, directories. Pure; undefined refuses. */

/** On this side: there from the beginning, and it takes what it is given or fails. */
export type NearTarget = { readonly kind: 'stdout' | 'null' } | FileTarget;
export interface FileTarget {
  readonly kind: 'file';
  readonly path: string;
}
/** Somebody else, who may not be there or be in trouble. */
export type FarTarget =
  | { readonly kind: 'unix' | 'unixgram'; readonly path: string }
  | { readonly kind: 'tcp' | 'udp'; readonly host: string; readonly port: number }
  | { readonly kind: 'http'; readonly url: URL }
  | KafkaTarget
  | ClickHouseTarget;
export interface KafkaTarget {
  readonly kind: 'kafka';
  readonly brokers: readonly { readonly host: string; readonly port: number }[];
  readonly topic: string;
  readonly tls?: true;
  /** Whom netsoakd logs in as (SASL); absent: nobody. */
  readonly user?: string;
}
export interface ClickHouseTarget {
  readonly kind: 'clickhouse';
  /** With user and password, without a path. */
  readonly url: URL;
  readonly database: string;
  readonly table: string;
}
export type ExportTarget = NearTarget | FarTarget;
export type PollsTarget = 'auto' | 'off' | FileTarget | KafkaTarget | ClickHouseTarget;
export type Listen = { readonly host: string; readonly port: number };

/** sun_path of linux/un.h, less the byte that ends it. */
const LONGEST_SOCKET_PATH = 107;

export function isFar(target: ExportTarget): target is FarTarget {
  return !['null', 'stdout', 'file'].includes(target.kind);
}

/** Whom it names, and whether it says that one's password too; undefined: nobody. */
export function userOf(target: ExportTarget): { readonly hasPassword: boolean } | undefined {
  if (target.kind === 'kafka') return target.user === undefined ? undefined : { hasPassword: false };
  if (target.kind !== 'http' && target.kind !== 'clickhouse') return undefined;
  return target.url.username === '' ? undefined : { hasPassword: target.url.password !== '' };
}

export function isTls(target: ExportTarget): boolean {
  if (target.kind === 'kafka') return target.tls === true;
  return (target.kind === 'http' || target.kind === 'clickhouse') && target.url.protocol === 'https:';
}

/** What was written as a target, without the password in it, for a complaint about it. */
export function withoutPassword(text: string): string {
  return text.replace(/(\/\/|kafka(?:\+ssl)?:)([^/@:]*):.*@/s, '$1$2:***@');
}

export function parseExport(text: string): ExportTarget | undefined {
  if (text === 'stdout' || text === 'null') return { kind: text };
  const [kind = '', rest = ''] = text.split(/:(.*)/s, 2);
  switch (kind) {
    case 'file':
      return rest === '' ? undefined : { kind, path: rest };
    case 'unix':
    case 'unixgram':
      return rest === '' || Buffer.byteLength(rest) > LONGEST_SOCKET_PATH ? undefined : { kind, path: rest };
    case 'tcp':
    case 'udp': {
      const address = parseListen(rest);
      return address === undefined || address === 'off' || address.port === 0 ? undefined : { kind, ...address };
    }
    case 'http':
    case 'https':
      return URL.canParse(text) ? { kind: 'http', url: new URL(text) } : undefined;
    case 'kafka':
    case 'kafka+ssl':
      return parseKafka(rest, kind === 'kafka+ssl');
    case 'clickhouse':
      return parseClickHouse(rest);
    default:
      return undefined;
  }
}

/** `[USER@]HOST:PORT,.../TOPIC`. What a topic may be called: org.apache.kafka.common.internals.Topic. */
function parseKafka(text: string, isTls: boolean): KafkaTarget | undefined {
  const [, login, hosts = '', topic = ''] = /^(?:([^@:/]+)@)?([^@/]+)\/([A-Za-z0-9._-]{1,249})$/.exec(text) ?? [];
  const user = login === undefined ? undefined : decoded(login);
  const brokers = hosts.split(',').map(parseListen);
  const good = brokers.filter((one): one is Listen => one !== undefined && one !== 'off' && one.port > 0);
  if (topic === '' || topic === '.' || topic === '..' || good.length < brokers.length || user === '') return undefined;
  return { kind: 'kafka', brokers: good, topic, ...(isTls && { tls: true as const }), ...(user !== undefined && { user }) };
}

/** What stands for `%40`; '' where it stands for nothing. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

/** `http(s)://[USER:PASSWORD@]HOST:PORT/DATABASE/TABLE` */
function parseClickHouse(text: string): ClickHouseTarget | undefined {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const [, database = '', table = ''] = /^\/([^/]+)\/([^/]+)$/.exec(decoded(url.pathname)) ?? [];
  if (table === '' || url.search !== '') return undefined;
  url.pathname = '/';
  return { kind: 'clickhouse', url, database, table };
}

export function parsePolls(text: string): PollsTarget | undefined {
  if (text === 'auto' || text === 'off') return text;
  const target = parseExport(text);
  return target?.kind === 'file' || target?.kind === 'kafka' || target?.kind === 'clickhouse' ? target : undefined;
}

export function parseListen(text: string): Listen | 'off' | undefined {
  if (text === 'off') return 'off';
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/i.exec(text);
  if (match === null || Number(match[3]) > 65_535) return undefined;
  return { host: match[1] ?? match[2] ?? '', port: Number(match[3]) };
}

export function parseDirs(text: string): string[] | undefined {
  const dirs = text === '' ? [] : text.split(',').map((dir) => dir.trim());
  return dirs.every((dir) => dir.startsWith('/')) ? dirs : undefined;
}

/** linux/if.h: IFNAMSIZ is 16 with its NUL; no slash, no space (dev_valid_name). */
export function parseInterfaces(text: string): string[] | undefined {
  const names = text === '' ? [] : text.split(',').map((name) => name.trim());
  return names.length <= 2 && names.every((name) => /^[^\s/:]{1,15}$/.test(name) && name !== '.' && name !== '..') ? names : undefined;
}
