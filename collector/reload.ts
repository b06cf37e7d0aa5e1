/**
 * Reading the configuration again while the daemon runs (SIGHUP, `netsoakd ctl reload`): all of it or nothing. What a running daemon can't
 * change is refused with a sentence, and the old configuration goes on.
 */
import type { Config } from './config.js';
import { CollectorError, UsageError } from './errors.js';
import type { Logger } from './log.js';
import type { PollLoop } from './loop.js';
import { effectiveMode } from './reconcile/settings.js';
import type { Reconcilers } from './reconcile/start.js';

type Key = keyof Config;

/** How often. */
const PACE: readonly Key[] = ['interval', 'jitter'];
/** What a new reader has and the old one had not. */
const READER: readonly Key[] = [
  'workers',
  'filter',
  'states',
  'sample',
  'flush-rows',
  'flush-bytes',
  'location',
  'label',
  'tag',
  'uplinks',
];
/** Of these, what the listener to closed sockets was opened with: to open it anew would lose what closes in between, uncounted. */
const LISTENER: readonly Key[] = ['filter', 'sample', 'flush-rows', 'flush-bytes', 'location', 'label', 'tag', 'uplinks'];
/** Words for a reconciler that runs. */
const RECONCILERS: readonly Key[] = ['if-mode', 'if-interval', 'route-mode', 'route-reconcile-interval', 'tc-mode', 'tc-interval'];

export interface Reload {
  /** Every key that differs, in the order of the table of settings. */
  readonly changed: readonly Key[];
  readonly pace: boolean;
  readonly reader: boolean;
  readonly namespaces: boolean;
  readonly logLevel: boolean;
  /** Of the reconcilers' keys those that differ. */
  readonly reconcilers: readonly Key[];
}

/**
 * What it takes to get from one configuration to the other.
 * @param reconciling whether the reconcilers run
 * @throws UsageError naming every key that cannot change now
 */
export function planReload(running: Config, next: Config, reconciling: boolean): Reload {
  const changed = (Object.keys(next) as Key[]).filter((key) => JSON.stringify(running[key]) !== JSON.stringify(next[key]));
  const can = new Set<Key>(['log-level', 'namespace-dirs', ...PACE, ...READER, ...(reconciling ? RECONCILERS : [])]);
  if (running.closed) for (const key of LISTENER) can.delete(key);
  const refused = changed.filter((key) => !can.has(key));
  if (refused.length > 0) {
    const closed = running.closed && refused.some((key) => LISTENER.includes(key)) ? ' (some of it could without closed: true)' : '';
    throw new UsageError(
      'reload',
      `${refused.join(', ')} cannot change while netsoakd runs${closed}: nothing of the new configuration was taken over`,
      'restart netsoakd, or take the change back',
    );
  }
  const touches = (keys: readonly Key[]) => changed.some((key) => keys.includes(key));
  return {
    changed,
    pace: touches(PACE),
    reader: touches(READER),
    namespaces: touches(['namespace-dirs']),
    logLevel: touches(['log-level']),
    reconcilers: changed.filter((key) => RECONCILERS.includes(key)),
  };
}

export interface ReloaderParts {
  /** What the daemon was started with. */
  readonly running: Config;
  /** Flags and file, read again. @throws CollectorError */
  readonly read: () => Promise<Config>;
  readonly loop: PollLoop<unknown>;
  /** Reads on as this configuration says. @throws when it can't; then nothing has changed */
  readonly reopen: (config: Config) => Promise<void>;
  /** Looks for namespaces in these directories from now on. */
  readonly lookIn: (dirs: readonly string[]) => void;
  readonly reconcilers: Pick<Reconcilers, 'command'> | undefined;
  readonly reloaded: (taken: boolean) => void;
  readonly log: Logger;
}

export class Reloader {
  private running: Config;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: ReloaderParts) {
    this.running = parts.running;
  }

  /** The keys that changed. @throws CollectorError when nothing of it was taken over */
  reload(): Promise<readonly string[]> {
    const done = this.turn.then(() => this.attempt());
    this.turn = done.catch(() => {});
    return done;
  }

  private async attempt(): Promise<readonly string[]> {
    const { log, reloaded } = this.parts;
    try {
      const next = await this.parts.read();
      const plan = planReload(this.running, next, this.parts.reconcilers !== undefined);
      await this.apply(next, plan);
      this.running = next;
      reloaded(true);
      log('info', 'configuration read again', { changed: plan.changed.join() });
      return plan.changed;
    } catch (error) {
      reloaded(false);
      const known = error instanceof CollectorError ? error : undefined;
      log('error', 'the new configuration is refused, the old one goes on', {
        cause: String(known?.message ?? error),
        hint: known?.hint || undefined,
      });
      throw error;
    }
  }

  /** What can fail comes first. */
  private async apply(next: Config, plan: Reload): Promise<void> {
    const { loop, log, reconcilers } = this.parts;
    if (plan.reader) await loop.exclusively(() => this.parts.reopen(next));
    if (plan.namespaces) this.parts.lookIn(next['namespace-dirs']);
    if (plan.pace) loop.setPace(next.interval, next.jitter);
    if (plan.logLevel) log.setLevel(next['log-level']);
    for (const key of plan.reconcilers) await reconcilers?.command(reconcilerWords(key, next));
  }
}

/** What to say to a reconciler so that it does as the configuration says. */
function reconcilerWords(key: Key, config: Config): readonly string[] {
  const routes = config['route-file'] !== '' || config['control-socket'] !== '';
  switch (key) {
    case 'if-mode':
      return ['interface', 'mode', config['if-mode']];
    case 'if-interval':
      return ['interface', 'interval', String(config['if-interval'])];
    case 'route-mode':
      return ['route', 'mode', effectiveMode(config['route-mode'], routes, 'repair')];
    case 'route-reconcile-interval':
      return ['route', 'interval', String(config['route-reconcile-interval'])];
    case 'tc-mode':
      return ['tc', 'mode', effectiveMode(config['tc-mode'], config['tc-bridge'] !== '', 'observe')];
    default:
      return ['tc', 'interval', String(config['tc-interval'])];
  }
}
