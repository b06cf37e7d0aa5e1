/**
 * The reconcilers put together: one session, one monitor and one writer for the namespace, a scheduler for each reconciler, and the words
 * by which they can be talked to while they run. What is off costs nothing: no socket, no thread, no dump.
 */
import type * as Prom from 'prom-client';
import { type NamespacePlace, readClocks } from '../../native/rtnl/index.js';
import { UsageError } from '../errors.js';
import type { Log } from '../log.js';
import { monotonic } from '../ticker.js';
import { Audit } from './audit.js';
import { follow, lookAt } from './follow.js';
import { enumerateWith, InterfaceReconciler, type InterfaceUpdate } from './interface/reconciler.js';
import type { InterfaceState } from './interface/state.js';
import { createReconcileMetrics } from './metrics.js';
import { MODES, type Mode, type PassReport, type Trigger } from './model.js';
import { startRoutes } from './route/start.js';
import { type ScheduleOptions, Scheduler } from './scheduler.js';
import type { ReconcileConfig } from './settings.js';
import { startTc } from './tc/start.js';
import { Watch } from './watch.js';
import { Writer } from './writer.js';

export interface ReconcileOptions {
  readonly config: ReconcileConfig;
  readonly log: Log;
  readonly registry: Prom.Registry;
  readonly signal: AbortSignal;
  readonly onInterfaces?: (update: InterfaceUpdate) => void;
}

/** A reconciler as the rest of this file sees it. */
export interface Part {
  readonly name: string;
  readonly schedule: ScheduleOptions;
  mode: Mode;
  pass(trigger: Trigger): Promise<PassReport>;
  /** Its words, after its name: `route list`. @throws Error with a sentence for the one who asked */
  command(words: readonly string[]): Promise<unknown>;
  stop(): void;
}

export interface Reconcilers {
  interfaces(): InterfaceState | undefined;
  /** `set`, `explain`, `status`, `route ...`, `tc ...`: what the control socket and `netsoakd ctl` say. */
  command(words: readonly string[]): Promise<unknown>;
  /** What an operator should know, empty when all is well. */
  unhealthy(): readonly string[];
  /** Resolves when everything has been let go. Also happens when the signal is aborted. */
  close(): Promise<void>;
}

/** @throws NetlinkError when the namespace cannot be entered; UsageError when it is not there */
export async function startReconcilers(options: ReconcileOptions): Promise<Reconcilers> {
  const { config, log, registry, signal } = options;
  const clock = monotonic;
  const metrics = createReconcileMetrics(registry);
  const audit = new Audit();
  const home = await follow(placeOf(config['reconcile-netns']));
  const { rtnl } = home;
  const writer = new Writer({ rtnl, clock, rate: config['reconcile-rate'], burst: config['reconcile-burst'] });
  const schedulers = new Map<string, Scheduler>();
  const common = { config, rtnl, writer, clock, log, audit, metrics, epoch: () => watch.epoch };

  const interfaces = interfacePart();
  const routes = startRoutes({ ...common, wakeAt: (at) => schedulers.get('route')?.wakeAt(at) });
  const tc = startTc(common);
  const parts: readonly Part[] = [interfaces.part, routes.part, tc.part];

  const trigger = (name: string, why: Trigger) => schedulers.get(name)?.trigger(why);
  const watch = new Watch({
    place: () => home.place,
    receiveBuffer: config['nl-rcvbuf'],
    log,
    clock,
    onReport: ({ drops }) => metrics.drops.set(drops),
    listener: {
      event(message) {
        if (interfaces.part.mode !== 'off' && interfaces.concerns(message.type)) trigger('interface', 'event');
        // At interval 0 routes are not looked at, whatever happens.
        if (routes.part.mode !== 'off' && (schedulers.get('route')?.interval ?? 0) > 0 && routes.event(message)) trigger('route', 'event');
      },
      lost(sources) {
        for (const source of sources) metrics.overflows.inc({ source });
        metrics.epoch.set(watch.epoch);
        log('warn', 'events were lost; looking at everything', { sources: sources.join() });
        for (const part of parts)
          if (part.mode !== 'off' && (part.name === 'interface' || (schedulers.get(part.name)?.interval ?? 0) > 0))
            trigger(part.name, 'overflow');
      },
    },
  });
  // Subscribe, then look: what changes in between is heard.
  await watch.start().catch(async (error: unknown) => {
    await rtnl.close();
    throw error;
  });

  for (const part of parts) {
    metrics.mode(part.name, part.mode);
    log('info', `reconciling ${part.name}`, { mode: part.mode, intervalMs: part.schedule.intervalMs });
    const scheduler = new Scheduler({
      ...part.schedule,
      clock,
      pass: async (why) => {
        if (why === 'tick') await tick();
        const started = clock.now();
        const report = await part.pass(why);
        metrics.pass(part.name, report, (clock.now() - started) / 1_000);
        if (report.result === 'torn') trigger(part.name, 'event');
      },
    });
    schedulers.set(part.name, scheduler);
    if (part.schedule.intervalMs > 0 || part.name === 'interface') scheduler.start();
  }

  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= (async () => {
      watch.stop();
      for (const part of parts) part.stop();
      await Promise.all([...[...schedulers.values()].map((scheduler) => scheduler.stop()), writer.close()]);
      await rtnl.close();
    })();
    return closing;
  };
  if (signal.aborted) await close();
  else signal.addEventListener('abort', () => void close(), { once: true });

  return {
    interfaces: () => interfaces.reconciler.state,
    command,
    unhealthy: () => [
      ...(home.lost ? [`there is no namespace ${home.place.path} any more`] : []),
      ...(watch.alive ? [] : ['the monitor is being opened again']),
      ...[...schedulers].filter(([, scheduler]) => scheduler.stuck).map(([name]) => `a pass of ${name} is stuck`),
    ],
    close,
  };

  /** What only looking tells: whether the reader still reads, and whether the name still stands for the same namespace. */
  async function tick(): Promise<void> {
    const moved = await home.check(() => {
      log('warn', 'the namespace was replaced; reconciling the new one', { path: home.place.path });
      routes.moved();
      watch.move();
    });
    if (!moved) watch.tick();
  }

  async function command(words: readonly string[]): Promise<unknown> {
    const [verb = '', first = '', second = ''] = words;
    if (verb === 'explain') return audit.explain(first);
    if (verb === 'status') {
      return parts.map(({ name, mode }) => ({
        name,
        mode,
        intervalMs: schedulers.get(name)?.interval,
        stuck: schedulers.get(name)?.stuck,
        epoch: watch.epoch,
      }));
    }
    const part = parts.find(({ name }) => name === verb);
    if (part === undefined)
      throw new Error(`no such command: ${verb}; there are status, explain, ${parts.map(({ name }) => name).join(', ')}`);
    if (first === 'mode') {
      const mode = MODES.find((word) => word === second);
      if (mode === undefined) throw new Error(`a mode is one of ${MODES.join(', ')}, not ${JSON.stringify(second)}`);
      // From now on, also for what waits in the writer's queue.
      part.mode = mode;
      metrics.mode(part.name, mode);
      if (mode !== 'off') trigger(part.name, 'manual');
      return { name: part.name, mode };
    }
    if (first === 'interval') {
      if (!/^\d+$/.test(second)) throw new Error(`an interval is a number of milliseconds, 0 for off, not ${JSON.stringify(second)}`);
      schedulers.get(part.name)?.setInterval(Number(second));
      return { name: part.name, intervalMs: Number(second) };
    }
    if (first === 'look') {
      trigger(part.name, 'manual');
      return { name: part.name };
    }
    return part.command(words.slice(1));
  }

  function interfacePart() {
    const part: Part = {
      name: 'interface',
      schedule: {
        intervalMs: config['if-interval'],
        jitter: config['reconcile-jitter'],
        debounceMs: config['if-debounce'],
        maxWaitMs: config['if-max-wait'],
      },
      mode: config['if-mode'],
      async pass(why) {
        const jump = reconciler.checkTime(why === 'tick' ? schedulers.get('interface')?.interval : undefined);
        const before = reconciler.missedEvents;
        const report = await reconciler.pass(jump === undefined ? why : 'timejump', jump);
        const missed = reconciler.missedEvents - before;
        if (missed > 0) metrics.drift.inc({ reconciler: 'interface', kind: 'missed_event' }, missed);
        return report;
      },
      command: async (words) => {
        if (words[0] === 'list') return [...(reconciler.state?.interfaces.values() ?? [])];
        throw new Error('interface list | mode MODE | interval MS | look');
      },
      stop: () => {},
    };
    const reconciler = new InterfaceReconciler({
      enumerate: enumerateWith(rtnl),
      publish: (update) => {
        log('debug', 'interfaces changed', { cause: update.cause, changes: update.changes.length });
        options.onInterfaces?.(update);
      },
      clocks: readClocks,
      mode: () => part.mode,
      log,
    });
    return {
      part,
      reconciler,
      /** Links, addresses, routes and rules; all message types below the traffic control ones. */
      concerns(type: number): boolean {
        if (type >= 36) return false;
        reconciler.noteEvent();
        return true;
      },
    };
  }
}

/** @throws UsageError when there is none */
export function placeOf(path: string): NamespacePlace {
  const found = lookAt(path);
  if (found === undefined) throw new UsageError('reconcile-netns', `there is no namespace ${path}`, 'give a path such as /run/netns/NAME');
  return found;
}
