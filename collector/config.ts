/**
 * The configuration of `netsoakd`. Flags and file share one table, one spelling and one schema: the key
 * `flush-rows` in the file is the flag `--flush-rows`. Flags win over the file, the file over the defaults.
 *
 * | key | default | value |
 * | --- | --- | --- |
 * | interval | 10s | start to start of two polls; a duration with its unit, 10ms to 24h |
 * | jitter | 0.1 | each poll starts up to this part of the interval later, so that hosts do not poll in step; 0 to 0.5 |
 * | workers | min(2, cores) | threads that read namespaces; 1 to 64 |
 * | export | stdout | stdout; file:PATH (appended, made with mode 0600); tcp:HOST:PORT; unix:PATH; udp:HOST:PORT; unixgram:PATH; http(s)://... (POST); kafka:[USER@]HOST:PORT,.../TOPIC (kafka+ssl: by TLS); clickhouse:http(s)://[USER@]HOST:PORT/DATABASE/TABLE; null |
 * | format | protobufList | protobufList (`varint(length) \|\| Envelope`) or jsonl |
 * | password-file | '' | of the user whom `export` (and `polls`) names: his password, in a file that nobody else may read |
 * | sasl-mechanism | SCRAM-SHA-512 | how that is proved to Kafka: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 |
 * | tls-ca | '' | PEM file of the authorities whose certificates far ends may show; '' is those that Node brings |
 * | tls-cert, tls-key | '' | PEM files of the certificate that netsoakd shows to far ends that ask for one, and its key |
 * | spool | off | folder where rows wait when the far end does not take them; off: in memory, and polls wait too |
 * | spool-bytes | 1GiB | what its files may take; beyond it the oldest rows are dropped; from 1MiB |
 * | rotate-bytes | off | a file of `export` or `polls` that would grow longer is moved aside (PATH.20261121T063600.123Z) ... |
 * | rotate-age | off | ... or when it is so old; 1s to 8760h |
 * | rotate-keep | 10 | files moved aside that are kept, of each; the oldest go |
 * | polls | auto | records of whole polls, always JSON lines: auto (topic TOPIC-polls or table TABLE_polls beside those of the rows; lines between the rows of jsonl; none otherwise), off, file:PATH, kafka:... or clickhouse:... |
 * | flush-rows | 2000 | an envelope is finished when it holds so many rows ... |
 * | flush-bytes | 768KiB | ... or so many bytes; 16KiB to 1MiB (a pool block) |
 * | filter | '' | only the sockets that this expression selects, in the grammar of ss; '' is all of them |
 * | states | all | only sockets in these states (names of ss, and all, connected, synchronized, bucket, big); `!listening` takes away |
 * | sample | 1 | keep 1 in so many sockets, the same ones in every poll |
 * | closed | false | true: also a last row of each socket that the kernel destroys, with kind `closed` |
 * | metrics | 127.0.0.1:0 | HOST:PORT of /metrics, /healthz, /readyz (port 0: a free one, see the log), or off |
 * | namespace-dirs | /run/netns,/run/docker/netns | where namespaces are bind-mounted; one that is missing is fine |
 * | hostname | the kernel's | `hostname` of each row |
 * | location, label, tag | '' | columns of each row; '' is not sent |
 * | uplinks | '' | at most two interfaces of this host that each row describes (uplink1_..., uplink2_...) as ethtool and sysfs do |
 * | log-level | info | debug, info, warn or error |
 *
 * Interfaces, routes and tc are kept reconciled by the keys of `reconcile/settings.ts`, which stand in the same table.
 */
import { readFile } from 'node:fs/promises';
import os from 'node:os';
// zod/v3: the same library without its fifty locales. Importing zod 4 took 60 ms and 11 MB of RSS here, this 13 ms and 1 MB.
import { z } from 'zod/v3';
import { compileFilter, FilterError, STATE_NAMES, statesMask } from '../native/filter.js';
import { CREDENTIAL_SETTINGS, type CredentialsConfig, credentialContradictions } from './credentials-settings.js';
import { errnoOf, MissingRight, reasonOf, UsageError } from './errors.js';
import { RECONCILE_SETTINGS, type ReconcileConfig } from './reconcile/settings.js';
import {
  type ExportTarget,
  isFar,
  type Listen,
  type PollsTarget,
  parseDirs,
  parseExport,
  parseInterfaces,
  parseListen,
  parsePolls,
  withoutPassword,
} from './targets.js';
import { type Bytes, type Milliseconds, parseDuration, parseSize } from './units.js';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

export interface Config extends ReconcileConfig, CredentialsConfig {
  readonly interval: Milliseconds;
  readonly jitter: number;
  readonly workers: number;
  readonly export: ExportTarget;
  readonly format: 'protobufList' | 'jsonl';
  readonly spool: string | 'off';
  readonly 'spool-bytes': Bytes;
  /** 0 is off. */
  readonly 'rotate-bytes': Bytes;
  /** 0 is off. */
  readonly 'rotate-age': Milliseconds;
  readonly 'rotate-keep': number;
  readonly polls: PollsTarget;
  readonly 'flush-rows': number;
  readonly 'flush-bytes': Bytes;
  readonly filter: string;
  /** State bits of net/tcp_states.h. */
  readonly states: number;
  readonly sample: number;
  readonly closed: boolean;
  readonly metrics: Listen | 'off';
  readonly 'namespace-dirs': readonly string[];
  readonly hostname: string;
  readonly location: string;
  readonly label: string;
  readonly tag: string;
  readonly uplinks: readonly string[];
  readonly 'log-level': (typeof LOG_LEVELS)[number];
}

/** How files rotate; undefined when they don't. */
export function rotationOf(config: Pick<Config, 'rotate-bytes' | 'rotate-age' | 'rotate-keep'>) {
  const { 'rotate-bytes': bytes, 'rotate-age': age, 'rotate-keep': keep } = config;
  return bytes === 0 && age === 0 ? undefined : { bytes, age, keep };
}

/** Part of `spool-bytes` that the records of polls have for themselves, whether they go to a far end or not. */
const POLLS_PART = 1 / 16;

/** Where rows wait for the far end, and how many bytes of them; undefined when in memory. */
export function spoolOf(config: Pick<Config, 'spool' | 'spool-bytes'>) {
  if (config.spool === 'off') return undefined;
  return { dir: config.spool, bytes: Math.floor(config['spool-bytes'] * (1 - POLLS_PART)) };
}

interface Setting<T> {
  /** Placeholder in `--help`. */
  readonly value: string;
  readonly help: string;
  readonly fallback: () => string;
  /** What a value must be, for the sentence that refuses one. */
  readonly expected: string;
  /** The value that this text means; undefined refuses it, a FilterError or RangeError does and says why. */
  readonly parse: (text: string) => T | undefined;
}

export const SETTINGS: { readonly [K in keyof Config]: Setting<Config[K]> } = {
  interval: {
    value: 'DURATION',
    help: 'time between the starts of two polls',
    fallback: () => '10s',
    expected: 'a duration with its unit from 10ms to 24h, such as 500ms, 10s or 5m',
    parse: (text) => within(parseDuration(text), 10, 24 * 3_600_000),
  },
  jitter: {
    value: 'FRACTION',
    help: 'start each poll up to this part of the interval later',
    fallback: () => '0.1',
    expected: 'a number from 0 to 0.5',
    parse: (text) => (/^\d*\.?\d+$/.test(text) ? within(Number(text), 0, 0.5) : undefined),
  },
  workers: {
    value: 'N',
    help: 'threads that read namespaces',
    fallback: () => String(Math.min(2, os.availableParallelism())),
    expected: 'a whole number from 1 to 64',
    parse: (text) => within(whole(text), 1, 64),
  },
  export: {
    value: 'TARGET',
    help: 'where rows go: stdout, file:PATH, tcp:HOST:PORT, unix:PATH, udp:HOST:PORT, unixgram:PATH, http(s)://..., kafka:[USER@]HOST:PORT/TOPIC (kafka+ssl: by TLS), clickhouse:URL/DATABASE/TABLE or null',
    fallback: () => 'stdout',
    expected:
      'stdout, null, file:PATH, tcp:HOST:PORT, unix:PATH, udp:HOST:PORT, unixgram:PATH, kafka:[USER@]HOST:PORT/TOPIC, kafka+ssl:[USER@]HOST:PORT/TOPIC, clickhouse:URL/DATABASE/TABLE or a URL of http or https',
    parse: parseExport,
  },
  format: {
    value: 'FORMAT',
    help: 'protobufList or jsonl',
    fallback: () => 'protobufList',
    expected: 'protobufList or jsonl',
    parse: oneOf('protobufList', 'jsonl'),
  },
  ...CREDENTIAL_SETTINGS,
  spool: {
    value: 'DIR',
    help: 'folder where rows wait when the far end does not take them, or off',
    fallback: () => 'off',
    expected: 'off or the absolute path of a folder',
    parse: (text) => (text === 'off' || text.startsWith('/') ? text : undefined),
  },
  'spool-bytes': {
    value: 'SIZE',
    help: 'what its files may take; the oldest rows go first',
    fallback: () => '1GiB',
    expected: 'a size from 1MiB, such as 512MiB or 10GB',
    parse: (text) => within(parseSize(text), 1 << 20, Number.MAX_SAFE_INTEGER),
  },
  'rotate-bytes': {
    value: 'SIZE',
    help: 'move a file aside before it grows longer, or off',
    fallback: () => 'off',
    expected: 'off or a size from 64KiB, such as 100MB',
    parse: (text) => (text === 'off' ? (0 as Bytes) : within(parseSize(text), 1 << 16, Number.MAX_SAFE_INTEGER)),
  },
  'rotate-age': {
    value: 'DURATION',
    help: 'or when it is so old, or off',
    fallback: () => 'off',
    expected: 'off or a duration with its unit from 1s to 8760h, such as 24h',
    parse: (text) => (text === 'off' ? (0 as Milliseconds) : within(parseDuration(text), 1_000, 8_760 * 3_600_000)),
  },
  'rotate-keep': {
    value: 'N',
    help: 'files moved aside that are kept',
    fallback: () => '10',
    expected: 'a whole number from 0 to 100000',
    parse: (text) => within(whole(text), 0, 100_000),
  },
  polls: {
    value: 'WHERE',
    help: 'a record for each whole poll: auto (beside the rows), off, file:PATH, kafka:... or clickhouse:URL',
    fallback: () => 'auto',
    expected: 'auto, off, file:PATH, kafka:[USER@]HOST:PORT/TOPIC or clickhouse:URL/DATABASE/TABLE',
    parse: parsePolls,
  },
  'flush-rows': {
    value: 'N',
    help: 'finish an envelope at so many rows',
    fallback: () => '2000',
    expected: 'a whole number from 1 to 1000000',
    parse: (text) => within(whole(text), 1, 1_000_000),
  },
  'flush-bytes': {
    value: 'SIZE',
    help: 'or at so many bytes',
    fallback: () => '768KiB',
    expected: 'a size from 16KiB to 1MiB, such as 65536, 256KiB or 1MB',
    parse: (text) => within(parseSize(text), 16 << 10, 1 << 20),
  },
  filter: {
    value: 'EXPR',
    help: 'only sockets that it selects, such as "dport = :443 or src 10.0.0.0/8"',
    fallback: () => '',
    expected: 'a filter in the grammar of ss',
    parse: parseFilter,
  },
  states: {
    value: 'STATE,...',
    help: 'only sockets in these states',
    fallback: () => 'all',
    expected: `states: ${STATE_NAMES.join(', ')}`,
    parse: (text) => statesMask(text.split(',').map((word) => word.trim())),
  },
  sample: {
    value: 'N',
    help: 'keep 1 in so many sockets, the same ones in every poll',
    fallback: () => '1',
    expected: 'a whole number from 1 to 4294967295',
    parse: (text) => within(whole(text), 1, 0xffff_ffff),
  },
  closed: {
    value: 'BOOLEAN',
    help: 'true: also a last row of every socket that is closed',
    fallback: () => 'false',
    expected: 'true or false',
    parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
  },
  metrics: {
    value: 'HOST:PORT',
    help: 'address of /metrics, /healthz and /readyz, or off',
    fallback: () => '127.0.0.1:0',
    expected: 'off or HOST:PORT, such as 127.0.0.1:9109 or [::1]:9109; port 0 takes a free one',
    parse: parseListen,
  },
  'namespace-dirs': {
    value: 'DIR,...',
    help: 'where namespaces are bind-mounted',
    fallback: () => '/run/netns,/run/docker/netns',
    expected: 'absolute paths',
    parse: parseDirs,
  },
  hostname: {
    value: 'NAME',
    help: 'hostname of each row',
    fallback: () => os.hostname(),
    expected: 'text that is not empty',
    parse: (text) => (text === '' ? undefined : text),
  },
  location: { value: 'TEXT', help: 'location of each row', fallback: () => '', expected: 'text', parse: (text) => text },
  label: { value: 'TEXT', help: 'label of each row', fallback: () => '', expected: 'text', parse: (text) => text },
  tag: { value: 'TEXT', help: 'tag of each row', fallback: () => '', expected: 'text', parse: (text) => text },
  uplinks: {
    value: 'IF,...',
    help: 'network interfaces whose driver, bus, speed and firmware each row tells, two at most',
    fallback: () => '',
    expected: 'at most two names of interfaces',
    parse: parseInterfaces,
  },
  'log-level': {
    value: 'LEVEL',
    help: LOG_LEVELS.join(', '),
    fallback: () => 'info',
    expected: 'debug, info, warn or error',
    parse: oneOf(...LOG_LEVELS),
  },
  ...RECONCILE_SETTINGS,
};

export const KEYS = Object.keys(SETTINGS) as (keyof Config)[];

/** Values as they were written, and how to call them in a sentence. */
export interface Layer {
  /** `FILE: ` or `--`: what stands before a key in a complaint. */
  readonly prefix: string;
  readonly values: Readonly<Record<string, unknown>>;
}

// YAML reads `export: null`, `jitter: 0` and lists as such; flags are text. Both become the text that Setting.parse knows.
const written = z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]);
const schema = z
  .object(
    Object.fromEntries(
      KEYS.map((key) => [
        key,
        written
          .transform((value, context) => {
            const text = Array.isArray(value) ? value.join(',') : String(value);
            const parsed = attempt(key, text);
            if (!(parsed instanceof Refusal)) return parsed;
            context.addIssue({ code: 'custom', message: parsed.reason });
            return z.NEVER;
          })
          .optional(),
      ]),
    ),
  )
  .strict();

/** Why a text is no value of its key: '' when what was expected says it all. */
class Refusal {
  constructor(readonly reason: string) {}
}

function attempt(key: keyof Config, text: string): unknown {
  try {
    return SETTINGS[key].parse(text) ?? new Refusal('');
  } catch (error) {
    // Anything else (no addon) is none of the operator's mistakes.
    if (error instanceof FilterError || error instanceof RangeError) return new Refusal(error.message.replace(/\.$/, ''));
    throw error;
  }
}

/**
 * Merges layers (a later one wins) over the defaults.
 * @throws UsageError that names every wrong key and value of every layer, one sentence a line
 */
export function resolveConfig(layers: readonly Layer[]): Config {
  const complaints: string[] = [];
  let merged = schema.parse(Object.fromEntries(KEYS.map((key) => [key, SETTINGS[key].fallback()])));
  for (const layer of layers) {
    const result = schema.safeParse(layer.values);
    if (result.success) merged = { ...merged, ...result.data };
    else complaints.push(...result.error.issues.flatMap((issue) => complain(layer, issue)));
  }
  const config = merged as unknown as Config;
  complaints.push(...contradictions(config));
  if (complaints.length > 0) throw new UsageError('config', complaints.join('\n'));
  return config;
}

/** Values that are right each and wrong together. */
function contradictions(config: Config): string[] {
  const { closed, filter, format, polls, export: target, spool, 'spool-bytes': spoolBytes, 'flush-bytes': flushBytes } = config;
  const unknown = closed && filter !== '' ? compileFilter(filter).unknownOfClosed : [];
  const shared = typeof polls === 'object' && polls.kind === 'file' && target.kind === 'file' && polls.path === target.path;
  const idle = spool !== 'off' && !isFar(target);
  return [
    ...credentialContradictions(config, [target, ...(typeof polls === 'object' ? [polls] : [])]),
    ...(idle ? [`spool is for a far end that may not be there, and ${target.kind} is none: leave it out, or export to one`] : []),
    ...(spool !== 'off' && spoolBytes < 2 * flushBytes
      ? [`spool-bytes (${spoolBytes}) must be twice flush-bytes (${flushBytes}) at least`]
      : []),
    ...(shared ? [`polls and export both write ${target.path}: name another file`] : []),
    ...(target.kind === 'clickhouse' && format !== 'protobufList' ? ['clickhouse takes protobufList: leave format out'] : []),
    ...(unknown.length === 0
      ? []
      : [
          `filter asks for ${unknown.join(' and ')}, which the kernel does not tell of a closed socket: leave it out, or set closed to false`,
        ]),
  ];
}

/** Reads a YAML file (JSON is YAML) into a layer. */
export async function readConfigFile(file: string): Promise<Layer> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    const sentence = `cannot read the configuration file ${file}: ${reasonOf(error)}`;
    throw errnoOf(error) === 'EACCES' ? new MissingRight('config-read', sentence) : new UsageError('config-read', sentence);
  });
  // 40 ms to import: only for those who have a file.
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text);
  const wrong = document.errors[0];
  if (wrong !== undefined) {
    const at = wrong.linePos?.[0];
    const where = at === undefined ? file : `${file}:${at.line}:${at.col}`;
    throw new UsageError('config-syntax', `${where}: not YAML: ${wrong.message.split(/ at line | \n|:\n/)[0]}`);
  }
  const values: unknown = document.toJS() ?? {};
  if (typeof values !== 'object' || Array.isArray(values)) {
    throw new UsageError('config-syntax', `${file}: expected keys and values such as "interval: 10s", found ${show(values)}`);
  }
  return { prefix: `${file}: `, values: values as Record<string, unknown> };
}

function complain(layer: Layer, issue: z.ZodIssue): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const near = nearest(key, KEYS);
      return `${layer.prefix}${key}: no such key${near === undefined ? `; keys are ${KEYS.join(', ')}` : `; did you mean "${near}"?`}`;
    });
  }
  const key = String(issue.path[0]) as keyof Config;
  const found = show(layer.values[key]);
  if (issue.code === 'custom' && issue.message !== '') return [`${layer.prefix}${key}: ${issue.message}, in ${found}`];
  return [`${layer.prefix}${key}: expected ${SETTINGS[key].expected}, found ${found}`];
}

function show(value: unknown): string {
  const text = withoutPassword(JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** The candidate within a third of its length in edits (Levenshtein), spelling variants of case and separator free. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[-_ ]/g, '');
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = edits(plain(word), plain(candidate));
    if (distance <= candidate.length / 3 && (best === undefined || distance < best.distance)) best = { candidate, distance };
  }
  return best?.candidate;
}

function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function within<N extends number>(value: N | undefined, least: number, most: number): N | undefined {
  return value !== undefined && value >= least && value <= most ? value : undefined;
}

function whole(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

function oneOf<T extends string>(...words: readonly T[]): (text: string) => T | undefined {
  return (text) => words.find((word) => word === text);
}

function parseFilter(text: string): string {
  // Without an expression nobody needs the addon.
  if (text.trim() === '') return '';
  compileFilter(text);
  return text;
}
