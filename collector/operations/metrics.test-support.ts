/** Every metric that netsoakd can have, with everything switched on. */
import type { DestroyCounters } from '../../native/index.js';
import { createMetrics } from '../metrics.js';
import { Books } from '../outbox.js';
import { createReconcileMetrics } from '../reconcile/metrics.js';

export interface Known {
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
}

/** By name. */
export function allMetrics(): ReadonlyMap<string, Known> {
  const metrics = createMetrics(new Books(), '0');
  metrics.closed(() => ({}) as DestroyCounters);
  metrics.tail(() => ({ watchers: 0, sent: 0, lost: 0 }));
  metrics.paced(() => 0);
  createReconcileMetrics(metrics.registry);
  return new Map(
    metrics.registry.getMetricsAsArray().map((metric) => {
      // Not in prom-client's types, but what a metric is made with.
      const {
        name,
        help,
        type,
        labelNames = [],
      } = metric as unknown as { name: string; help: string; type: string; labelNames?: string[] };
      return [name, { type, help, labels: labelNames }];
    }),
  );
}

/** Names of time series and what is asked of them (`label`, and which values of it), of an expression in PromQL. */
export function seriesOf(expression: string): { readonly name: string; readonly labels: readonly string[] }[] {
  return [...expression.matchAll(/\b((?:netsoakd|process|hypeman|doublezero)_[a-z0-9_]+)\b(?:\{([^}]*)\})?/g)].map(
    ([, name = '', matchers = '']) => ({
      name,
      labels: [...matchers.matchAll(/([a-z_]+)\s*[=!]/g)].map(([, label = '']) => label),
    }),
  );
}

/** The metric that a series belongs to: histograms have three. */
export function metricOf(series: string, known: ReadonlyMap<string, Known>): string | undefined {
  if (known.has(series)) return known.get(series)?.type === 'histogram' ? undefined : series;
  const base = series.replace(/_(bucket|sum|count)$/, '');
  return known.get(base)?.type === 'histogram' ? base : undefined;
}
