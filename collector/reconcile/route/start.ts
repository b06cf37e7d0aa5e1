/** Routes within the daemon: where they are wanted from (a watched file, commands) and how they are asked about. */
import type { Rtnl } from '../../../native/rtnl/index.js';
import type { Message } from '../../../native/rtnl/wire.js';
import type { Log } from '../../log.js';
import type { Clock } from '../../ticker.js';
import type { Audit } from '../audit.js';
import type { Metrics } from '../metrics.js';
import { effectiveMode, type ReconcileConfig } from '../settings.js';
import type { Part } from '../start.js';
import { watchFile } from '../watched-file.js';
import type { Writer } from '../writer.js';
import { DesiredRoutes } from './desired.js';
import { parseRoutes } from './file.js';
import { RouteReconciler } from './reconciler.js';
import { intend, routeSpec } from './spec.js';

export interface StartOptions {
  readonly config: ReconcileConfig;
  readonly rtnl: Rtnl;
  readonly writer: Writer;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  readonly metrics: Metrics;
  readonly epoch: () => number;
}

export function startRoutes(options: StartOptions & { readonly wakeAt: (at: number | undefined) => void }) {
  const { config, clock, log } = options;
  const desired = new DesiredRoutes(config['route-exclude']);
  const file = config['route-file'];
  const part: Part = {
    name: 'route',
    schedule: {
      intervalMs: config['route-reconcile-interval'],
      jitter: config['reconcile-jitter'],
      debounceMs: config['if-debounce'],
      maxWaitMs: config['if-max-wait'],
    },
    mode: effectiveMode(config['route-mode'], file !== '' || config['control-socket'] !== '', 'repair'),
    pass: (why) => reconciler.pass(why),
    command,
    stop: () => watched?.stop(),
  };
  const reconciler = new RouteReconciler({
    ...options,
    desired,
    mode: () => part.mode,
    protocols: new Set(config['route-protocols']),
    tables: config['route-tables'],
    conflict: config['route-conflict'],
    adoptGraceMs: config['route-adopt-grace'],
    prune: config['route-prune'],
    maxDeletes: 500,
    maxFraction: 0.5,
    logRepeatMs: config['log-repeat'],
  });

  let listed: ReadonlySet<string> = new Set();
  const watched =
    file === ''
      ? undefined
      : watchFile(
          file,
          clock,
          async (text) => {
            const routes = await parseRoutes(text);
            const gone = [...listed].filter((key) => !routes.has(key));
            listed = new Set(routes.keys());
            await Promise.all([
              ...gone.map((key) => reconciler.withdraw(key, 'no longer in the file')),
              ...[...routes.values()]
                .filter((route) => JSON.stringify(desired.wanted.get(route.key)) !== JSON.stringify(route))
                .map((route) => reconciler.add(route)),
            ]);
            log('info', 'wanted routes read', { file, routes: routes.size, withdrawn: gone.length });
          },
          (cause) => log('error', 'the file of wanted routes cannot be used; the routes stay as they were', { file, cause }),
        );

  return {
    part,
    reconciler,
    /** Nothing that was seen to be right is known of another namespace. */
    moved: (): void => desired.converged.doubt(() => true),
    event: (message: Message): boolean => reconciler.noteEvent(message),
  };

  async function command([verb = '', first = '']: readonly string[]): Promise<unknown> {
    switch (verb) {
      case 'add':
        return reconciler.add(intended(first));
      case 'withdraw':
        return reconciler.withdraw(first.includes('|') ? first : intended(first).key);
      case 'list':
        return Object.fromEntries(reconciler.list());
      case 'down':
        return reconciler.groupDown(first);
      case 'up':
        return reconciler.groupUp(first);
      case 'purge':
        return reconciler.purgeThrough(first);
      default:
        throw new Error(
          'route add SPEC | withdraw KEY|SPEC | list | down GROUP | up GROUP | purge GATEWAY | mode MODE | interval MS | look; SPEC is JSON such as {"to": "203.0.113.0/24", "via": "10.0.0.1"}',
        );
    }
  }

  function intended(text: string) {
    const spec = routeSpec.safeParse(JSON.parse(text));
    if (spec.success) return intend(spec.data);
    const [issue] = spec.error.issues;
    throw new Error(`route: ${issue?.path.join('.') ?? ''} ${issue?.message ?? 'wrong'}`);
  }
}
