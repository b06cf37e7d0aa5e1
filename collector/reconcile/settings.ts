/**
 * The reconcilers' part of the configuration, in the shape of the table in `collector/config.ts`: one entry a key, flags and file alike.
 * Everything is off until configured: interfaces by `if-mode`, routes by `route-file`, `control-socket` or `route-mode`, tc by `tc-bridge`.
 */
import { type Prefix, parsePrefix } from '../../native/rtnl/ip.js';
import { type Bytes, type Milliseconds, parseDuration, parseSize } from '../units.js';
import { MODES, type Mode } from './model.js';

export interface ReconcileConfig {
  readonly 'reconcile-netns': string;
  readonly 'reconcile-jitter': number;
  readonly 'reconcile-rate': number;
  readonly 'reconcile-burst': number;
  readonly 'control-socket': string;
  readonly 'lock-dir': string;
  readonly 'nl-rcvbuf': Bytes;
  readonly 'log-repeat': Milliseconds;
  readonly 'if-mode': Mode;
  readonly 'if-interval': Milliseconds;
  readonly 'if-debounce': Milliseconds;
  readonly 'if-max-wait': Milliseconds;
  /** auto: repair once `route-file` or `control-socket` is given, else off. */
  readonly 'route-mode': Mode | 'auto';
  readonly 'route-reconcile-interval': Milliseconds;
  readonly 'route-file': string;
  readonly 'route-conflict': 'report' | 'override';
  readonly 'route-protocols': readonly number[];
  readonly 'route-tables': readonly number[];
  readonly 'route-exclude': readonly Prefix[];
  readonly 'route-adopt-grace': Milliseconds;
  readonly 'route-prune': boolean;
  /** auto: observe once `tc-bridge` is given, else off. */
  readonly 'tc-mode': Mode | 'auto';
  readonly 'tc-interval': Milliseconds;
  readonly 'tc-bridge': string;
  readonly 'tap-prefix': string;
  readonly 'tc-allocations': string;
  /** Delete TAPs of instances that need them no more. */
  readonly 'tap-reap': boolean;
  readonly 'tap-min-age': Milliseconds;
  readonly 'tc-min-age': Milliseconds;
  readonly 'tc-confirm-passes': 1 | 2;
  readonly 'tc-max-deletes': number;
  readonly 'tc-max-fraction': number;
}

interface Setting<T> {
  readonly value: string;
  readonly help: string;
  readonly fallback: () => string;
  readonly expected: string;
  readonly parse: (text: string) => T | undefined;
}

const DAY = 24 * 3_600_000;

/** A duration, or 0 without a unit: off. Never negative, which is what an operator who meant "off" may write. */
function interval(text: string, least = 0): Milliseconds | undefined {
  if (text === '0') return 0 as Milliseconds;
  const parsed = parseDuration(text);
  return parsed !== undefined && (parsed === 0 || parsed >= least) && parsed <= DAY ? parsed : undefined;
}

const duration = (fallback: string, help: string, least = 0): Setting<Milliseconds> => ({
  value: 'DURATION',
  help,
  fallback: () => fallback,
  expected: `a duration with its unit such as 500ms, 10s or 5m, at most 24h${least > 0 ? ` and at least ${least}ms` : ''}, or 0`,
  parse: (text) => interval(text, least),
});
const fraction = (fallback: string, most: number, help: string): Setting<number> => ({
  value: 'FRACTION',
  help,
  fallback: () => fallback,
  expected: `a number from 0 to ${most}`,
  parse: (text) => (/^\d*\.?\d+$/.test(text) && Number(text) <= most ? Number(text) : undefined),
});
const count = (fallback: string, help: string): Setting<number> => ({
  value: 'N',
  help,
  fallback: () => fallback,
  expected: 'a whole number from 0 to 999999999',
  parse: (text) => (/^\d{1,9}$/.test(text) ? Number(text) : undefined),
});
const text = (value: string, fallback: string, help: string, expected: string, valid: RegExp): Setting<string> => ({
  value,
  help,
  fallback: () => fallback,
  expected,
  parse: (written) => (written === '' || valid.test(written) ? written : undefined),
});
const numbers = (fallback: string, least: number, most: number, help: string): Setting<readonly number[]> => ({
  value: 'N,...',
  help,
  fallback: () => fallback,
  expected: `whole numbers from ${least} to ${most}`,
  parse: (written) => {
    const list = written === '' ? [] : written.split(',').map((part) => (/^\d{1,10}$/.test(part.trim()) ? Number(part) : Number.NaN));
    return list.every((each) => each >= least && each <= most) ? list : undefined;
  },
});
const mode = (help: string): Setting<Mode | 'auto'> => ({
  value: 'MODE',
  help,
  fallback: () => 'auto',
  expected: 'off, observe, repair or auto',
  parse: (written) => [...MODES, 'auto' as const].find((word) => word === written),
});

/** What a mode means: `auto` is off until the reconciler has something to work on. */
export function effectiveMode(written: Mode | 'auto', configured: boolean, whenConfigured: Mode): Mode {
  return written === 'auto' ? (configured ? whenConfigured : 'off') : written;
}

const flag = (help: string): Setting<boolean> => ({
  value: 'BOOL',
  help,
  fallback: () => 'false',
  expected: 'true or false',
  parse: (written) => (written === 'true' ? true : written === 'false' ? false : undefined),
});

const PATH = /^\//;
const NAME = /^[^\s/]{1,15}$/;

export const RECONCILE_SETTINGS: { readonly [K in keyof ReconcileConfig]: Setting<ReconcileConfig[K]> } = {
  'reconcile-netns': text('PATH', '/proc/self/ns/net', 'namespace to reconcile', 'an absolute path', PATH),
  'reconcile-jitter': fraction('0.1', 0.5, 'each tick of a reconciler comes up to this part sooner or later'),
  'reconcile-rate': count('200', 'writes a second after a burst, 0 for no limit'),
  'reconcile-burst': count('500', 'writes at once'),
  'control-socket': text('PATH', '', 'unix socket for ctl and explain, none by default', 'an absolute path', PATH),
  'lock-dir': text('DIR', '/run/netsoakd', 'where lock files are', 'an absolute path', PATH),
  'nl-rcvbuf': {
    value: 'SIZE',
    help: "receive buffer of the monitor, 0 for the kernel's default",
    fallback: () => '8MiB',
    expected: 'a size of at most 512MiB, such as 8MiB or 0',
    parse: (written) => {
      const size = parseSize(written);
      return size !== undefined && size <= 512 << 20 ? size : undefined;
    },
  },
  'log-repeat': duration('10m', 'the same thing is logged once in so long, 0 every time'),
  'if-mode': {
    value: 'MODE',
    help: 'interface state: observe or off',
    fallback: () => 'off',
    expected: 'observe or off',
    parse: (written) => (written === 'observe' || written === 'off' ? written : undefined),
  },
  'if-interval': duration('15s', 'look at all interfaces this often, 0 never (events still count)', 1_000),
  'if-debounce': duration('250ms', 'let events settle for so long, 0 not at all'),
  'if-max-wait': duration('5s', 'but look after so long at the latest'),
  'route-mode': mode('routes: off, observe or repair; auto: repair once route-file or control-socket is given'),
  'route-reconcile-interval': duration('30s', 'look at the routes this often, 0 never: routes are still recorded and written', 1_000),
  'route-file': text('FILE', '', 'routes that should be, watched', 'an absolute path', PATH),
  'route-conflict': {
    value: 'WORD',
    help: 'a foreign route in the place of a wanted one: report or override',
    fallback: () => 'report',
    expected: 'report or override',
    parse: (written) => (written === 'report' || written === 'override' ? written : undefined),
  },
  'route-protocols': numbers('186', 3, 255, 'protocols that are ours (186 is bgp)'),
  'route-tables': numbers('', 1, 0xffff_ffff, 'tables to look at beside those of wanted routes'),
  'route-exclude': {
    value: 'PREFIX,...',
    help: "destinations that are nobody's business here",
    fallback: () => '',
    expected: 'prefixes such as 203.0.113.0/24',
    parse: (written) => {
      const list = written === '' ? [] : written.split(',').map((part) => parsePrefix(part.trim()));
      return list.every((each) => each !== undefined) ? list : undefined;
    },
  },
  'route-adopt-grace': duration('60s', 'leave unexpected routes alone for so long before reporting or pruning them'),
  'route-prune': flag('remove routes of our protocols that nobody wants'),
  'tc-mode': mode('tc: off, observe or repair; auto: observe once tc-bridge is given'),
  'tc-interval': duration('60s', 'look for dangling tc objects this often, 0 never', 1_000),
  'tc-bridge': text('IF', '', 'bridge with the HTB qdisc', 'an interface name', NAME),
  'tap-prefix': text('TEXT', 'hype-', 'what names of TAPs begin with', 'the beginning of an interface name', NAME),
  'tc-allocations': text('FILE', '', 'who lives and who owns what, watched', 'an absolute path', PATH),
  'tap-reap': flag('remove TAPs whose instance is in tc-allocations no more, or stopped'),
  'tap-min-age': duration('5m', 'leave a TAP alone for so long after it was first seen, except at the start'),
  'tc-min-age': duration('30s', 'between the two looks that must agree'),
  'tc-confirm-passes': {
    value: 'N',
    help: 'looks that must agree: 1 only if the allocator takes the same lock',
    fallback: () => '2',
    expected: '1 or 2',
    parse: (written) => (written === '1' ? 1 : written === '2' ? 2 : undefined),
  },
  'tc-max-deletes': count('500', 'deletions a pass, 0 for no limit'),
  'tc-max-fraction': fraction('0.5', 1, 'part of what was seen that a pass may delete, 0 for no limit'),
};

/** Whether anything is to be reconciled, or may be told to be. */
export function reconcilesAnything(config: ReconcileConfig): boolean {
  return (
    config['if-mode'] !== 'off' ||
    config['route-file'] !== '' ||
    config['control-socket'] !== '' ||
    !['auto', 'off'].includes(config['route-mode']) ||
    config['tc-bridge'] !== ''
  );
}
