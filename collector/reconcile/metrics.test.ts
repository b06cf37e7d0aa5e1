import { expect, it } from 'vitest';
import { Registry } from '../prom.js';
import { createReconcileMetrics } from './metrics.js';

it('RM-10 has one set of metrics, each with help and few labels, and shows the one mode that is on', async () => {
  const registry = new Registry();
  const metrics = createReconcileMetrics(registry);
  metrics.mode('tc', 'observe');
  metrics.mode('tc', 'repair');
  metrics.pass(
    'tc',
    { trigger: 'tick', result: 'aborted', refusal: { reason: 'no-anchors', detail: '' }, drift: { stale: 3 }, outcomes: {}, capped: 0 },
    0.01,
  );
  const text = await registry.metrics();
  for (const name of [
    'pass_total',
    'pass_seconds',
    'objects',
    'drift_total',
    'actions_total',
    'aborts_total',
    'dump_torn_total',
    'monitor_overflow_total',
    'monitor_drops_total',
    'last_success_seconds',
    'drift_age_seconds',
    'mode',
  ])
    expect(text, name).toContain(`# HELP netsoakd_reconcile_${name} `);
  expect(text).toContain('netsoakd_reconcile_mode{reconciler="tc",mode="repair"} 1');
  expect(text).toContain('netsoakd_reconcile_mode{reconciler="tc",mode="observe"} 0');
  expect(text).toContain('netsoakd_reconcile_aborts_total{reconciler="tc",reason="no-anchors"} 1');
  expect(text).toContain('netsoakd_reconcile_drift_total{reconciler="tc",kind="stale"} 3');
  expect(text).not.toContain('netsoakd_reconcile_last_success_seconds{');
});
