import { describe, expect, it } from 'vitest';
import { NamespaceResults } from '../native/index.js';
import { metricOf } from './daemon.test-support.js';
import { createMetrics } from './metrics.js';
import { Books } from './outbox.js';

const poll = {
  putOff: 2,
  skippedEmpty: 4,
  faults: { lost: 1, late: 7 },
  pollId: 1n,
  rows: 3,
  envelopes: 1,
  durationSeconds: 0.2,
  duplicates: 2,
};
const namespace = { index: 0, status: 'ok', step: '', errno: 0, rows: 3, bytes: 9, interrupted: false, netnsCookie: 1n } as const;

describe('metrics', () => {
  it('show the books as they stand at the scrape, every reason of a drop from the beginning', async () => {
    const books = new Books();
    const { registry, recorded } = createMetrics(books, '1.2.3');
    expect(await registry.metrics()).toContain('netsoakd_rows_dropped_total{reason="full"} 0');
    Object.assign(books, {
      rowsRead: 10,
      rowsRecovered: 6,
      rowsExported: 5,
      rowsInMemory: 2,
      rowsInSpool: 6,
      envelopes: 4,
      bytesExported: 99,
    });
    books.spool = { limit: 1_000, bytes: () => 321 };
    recorded(() => 12);
    books.drop('full', 1);
    books.drop('shutdown', 2);
    for (let scrape = 0; scrape < 2; scrape++) {
      const text = await registry.metrics();
      const of = (name: string, labels?: string) => metricOf(text, name, labels);
      expect(of('netsoakd_rows_read_total')).toBe(10);
      const held = of('netsoakd_rows_in_memory') + of('netsoakd_rows_in_spool');
      expect(of('netsoakd_rows_exported_total') + of('netsoakd_rows_dropped_total') + held).toBe(16);
      expect(of('netsoakd_rows_recovered_total')).toBe(6);
      expect(of('netsoakd_poll_records_waiting')).toBe(12);
      expect([of('netsoakd_spool_bytes'), of('netsoakd_spool_limit_bytes')]).toEqual([321, 1_000]);
      expect(of('netsoakd_rows_dropped_total', 'reason="shutdown"')).toBe(2);
      expect(of('netsoakd_export_bytes_total')).toBe(99);
    }
  });

  it('count polls, late ticks, failures by status and step, and what the kernel sent that is new', async () => {
    const metrics = createMetrics(new Books(), '1.2.3');
    metrics.late(3);
    metrics.polled(
      {
        ...poll,
        namespaces: NamespaceResults.of([
          namespace,
          { ...namespace, status: 'unenterable', step: 'setns' },
          { ...namespace, interrupted: true },
        ]),
        unknown: { 'attr:23:8': 5, 'tail:2:288': 1 },
      },
      0.3,
    );
    const text = await metrics.registry.metrics();
    const of = (name: string, labels?: string) => metricOf(text, name, labels);
    expect(of('netsoakd_polls_total')).toBe(1);
    expect(of('netsoakd_late_ticks_total')).toBe(3);
    expect(of('netsoakd_namespaces')).toBe(5);
    expect(of('netsoakd_namespaces_put_off')).toBe(2);
    expect(of('netsoakd_empty_namespaces_skipped_total')).toBe(4);
    expect(of('netsoakd_dump_faults_total', 'fault="late"')).toBe(7);
    expect(of('netsoakd_namespace_errors_total')).toBe(1);
    expect(of('netsoakd_namespace_errors_total', 'status="unenterable",step="setns"')).toBe(1);
    expect(of('netsoakd_interrupted_dumps_total')).toBe(1);
    expect(of('netsoakd_duplicate_sockets_total')).toBe(2);
    expect(of('netsoakd_unknown_attributes_total', 'kind="attr",type="23",length="8"')).toBe(5);
    expect(of('netsoakd_poll_duration_seconds_bucket', 'le="0.25"')).toBe(0);
    expect(of('netsoakd_poll_duration_seconds_bucket', 'le="0.5"')).toBe(1);
  });

  it('tell what became of closed sockets once somebody listens, and what a sample left out', async () => {
    const metrics = createMetrics(new Books(), '1.2.3');
    expect(await metrics.registry.metrics()).not.toContain('netsoakd_closed');
    const counted = { rows: 7, filtered: 2, sampledOut: 3, unknownNamespace: 1, undecoded: 0, dropped: 0, waiting: 0 };
    metrics.closed(() => ({ ...counted, events: 13, lost: 4, namespaces: 5 }));
    metrics.polled({ ...poll, sampledOut: 30, namespaces: NamespaceResults.of([]), unknown: {} }, 0.1);
    for (let scrape = 0; scrape < 2; scrape++) {
      const text = await metrics.registry.metrics();
      const of = (name: string, labels?: string) => metricOf(text, name, labels);
      expect(of('netsoakd_closed_events_total')).toBe(13);
      expect(of('netsoakd_closed_events_total', 'outcome="row"')).toBe(7);
      expect(of('netsoakd_closed_events_total', 'outcome="sampled_out"')).toBe(3);
      expect(of('netsoakd_closed_events_lost_total')).toBe(4);
      expect(of('netsoakd_closed_namespaces')).toBe(5);
      expect(of('netsoakd_sampled_out_sockets_total')).toBe(30);
    }
  });

  it('all have a unit or _total in their name and a sentence of help', async () => {
    const { registry, closed } = createMetrics(new Books(), '1.2.3');
    const none = { rows: 0, filtered: 0, sampledOut: 0, unknownNamespace: 0, undecoded: 0, dropped: 0, waiting: 0 };
    closed(() => ({ ...none, events: 0, lost: 0, namespaces: 0 }));
    for (const { name, type, help } of await registry.getMetricsAsJSON()) {
      expect(help, name).toMatch(/\.$/);
      expect(name.endsWith('_total'), name).toBe(type.toString() === 'counter');
    }
  });
});
