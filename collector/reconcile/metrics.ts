/** Metrics of all reconcilers, `netsoakd_reconcile_*`, and the names that their ancestors' dashboards already ask for. */
import type * as Prom from 'prom-client';
import { Counter, Gauge, Histogram } from '../prom.js';
import type { Mode, PassReport, Trigger } from './model.js';

const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 3600];

export type Metrics = ReturnType<typeof createReconcileMetrics>;

export function createReconcileMetrics(registry: Prom.Registry) {
  const registers = [registry];
  const counter = <T extends string>(name: string, help: string, labelNames: readonly T[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <T extends string>(name: string, help: string, labelNames: readonly T[] = []) =>
    new Gauge({ name, help, labelNames, registers });
  const histogram = <T extends string>(name: string, help: string, labelNames: readonly T[] = []) =>
    new Histogram({ name, help, labelNames, buckets: SECONDS, registers });

  const passes = counter('netsoakd_reconcile_pass_total', 'Passes: ok (something was done), noop, torn, aborted or error.', [
    'reconciler',
    'trigger',
    'result',
  ]);
  const seconds = histogram('netsoakd_reconcile_pass_seconds', 'How long a pass took.', ['reconciler']);
  const drift = counter('netsoakd_reconcile_drift_total', 'Differences found; missed_event: found by a look that no event had asked for.', [
    'reconciler',
    'kind',
  ]);
  const actions = counter('netsoakd_reconcile_actions_total', 'Writes by how they ended.', ['reconciler', 'action', 'result']);
  const aborts = counter('netsoakd_reconcile_aborts_total', 'Passes that did nothing, by reason.', ['reconciler', 'reason']);
  const lastSuccess = gauge('netsoakd_reconcile_last_success_seconds', 'Unix time of the last pass that ended well.', ['reconciler']);
  const modes = gauge('netsoakd_reconcile_mode', '1 for the mode that a reconciler is in.', ['reconciler', 'mode']);

  const monitorDrops = counter(
    'netsoakd_reconcile_monitor_drops_total',
    'Events that the kernel dropped on the monitor socket (SO_MEMINFO).',
  );

  return {
    passes,
    drift,
    actions,
    aborts,
    objects: gauge('netsoakd_reconcile_objects', 'Objects by state.', ['reconciler', 'state']),
    torn: counter('netsoakd_reconcile_dump_torn_total', 'Dumps that were inconsistent or that a second look contradicted.', ['kind']),
    overflows: counter('netsoakd_reconcile_monitor_overflow_total', 'Losses of events, by how they were noticed.', ['source']),
    drops: {
      /** The kernel's own count. */
      set(drops: number): void {
        monitorDrops.reset();
        monitorDrops.inc(drops);
      },
    },
    driftAge: histogram('netsoakd_reconcile_drift_age_seconds', 'From when a difference was first seen to its repair.', ['reconciler']),
    epoch: gauge('netsoakd_reconcile_epoch', 'Losses and namespace changes so far; a plan of an older epoch is discarded.'),
    wasted: gauge(
      'netsoakd_reconcile_tc_wasted_evaluations',
      'Evaluations of filters that did not match, as the kernel counts them since they were made.',
    ),
    neverHit: gauge(
      'netsoakd_reconcile_tc_filters_never_hit',
      'Filters that were evaluated and never matched. No sign of staleness: a diagnosis.',
    ),
    // The ancestors' names.
    routeReinstalls: counter('doublezero_route_reconcile_reinstalls_total', 'Routes put back.', ['local_ip']),
    routeFailures: counter('doublezero_route_reconcile_failures_total', 'Routes that could not be put back.', ['local_ip']),
    tcCleanupFailures: counter('hypeman_network_tc_cleanup_failures_total', 'Failures while cleaning up tc.', ['operation']),
    tcOrphansSwept: counter('hypeman_network_tc_orphans_swept_total', 'Dangling tc objects removed.', ['kind']),
    tcCollisions: counter('hypeman_network_tc_class_collisions_total', 'Class ids that were taken.', ['attempt']),
    tapOperations: counter('hypeman_network_tap_operations_total', 'TAPs removed.', ['operation']),
    allocations: gauge('hypeman_network_allocations_total', 'Instances with a network allocation.'),
    htbClasses: gauge('hypeman_network_bridge_htb_class_count', 'HTB classes of the bridge without the root class.'),

    mode(reconciler: string, now: Mode): void {
      for (const mode of ['off', 'observe', 'repair'] as const) modes.set({ reconciler, mode }, mode === now ? 1 : 0);
    },
    pass(reconciler: string, report: PassReport, took: number): void {
      passes.inc({ reconciler, trigger: report.trigger as Trigger, result: report.result });
      seconds.observe({ reconciler }, took);
      for (const [kind, count] of Object.entries(report.drift)) drift.inc({ reconciler, kind }, count);
      if (report.refusal !== undefined) aborts.inc({ reconciler, reason: report.refusal.reason });
      if (report.result === 'ok' || report.result === 'noop') lastSuccess.set({ reconciler }, Date.now() / 1_000);
    },
  };
}
