/** Dashboard, alert rules and the operator's page speak of the metrics that exist, and of all of them. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readConfigFile, resolveConfig } from '../config.js';
import { allMetrics, metricOf, seriesOf } from './metrics.test-support.js';

const at = (name: string) => new URL(name, import.meta.url);
const text = (name: string) => readFileSync(at(name), 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string; readonly runbook: string };
}
const rules = (parse(text('rules.yml')) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);
interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}
const dashboard = JSON.parse(text('dashboard.json')) as { panels: Panel[]; templating: { list: { name: string; query: unknown }[] } };
const known = allMetrics();
/** Given by Prometheus itself. */
const SCRAPED = ['job', 'instance'];

function expectKnown(expression: string, where: string): void {
  const series = seriesOf(expression);
  for (const { name, labels } of series) {
    const metric = metricOf(name, known);
    expect(metric, `${where}: ${name}`).toBeDefined();
    for (const label of labels)
      expect([...SCRAPED, 'le', ...(known.get(metric as string)?.labels ?? [])], `${where}: ${name}`).toContain(label);
  }
  for (const [, list = ''] of expression.matchAll(/\bby \(([^)]*)\)/g)) {
    const labels = series.flatMap(({ name }) => known.get(metricOf(name, known) as string)?.labels ?? []);
    for (const label of list.split(',')) expect([...SCRAPED, 'le', ...labels], `${where}: by ${label}`).toContain(label.trim());
  }
}

describe('metrics', () => {
  it('are named by the conventions: base units, _total on counters and on nothing else', () => {
    for (const [name, { type, help }] of known) {
      expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
      expect(help, name).toMatch(/\.$/);
      expect(name, 'a base unit').not.toMatch(/_(ms|millis|milliseconds|micros|nanos|minutes|kb|mb|kilobytes|megabytes|percent)(_|$)/);
      // The ancestor's names are kept for its dashboards.
      if (name.startsWith('hypeman_')) continue;
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      if (type === 'histogram') expect(name).toMatch(/_seconds$/);
    }
  });

  it('have no label whose values grow with sockets, namespaces or peers', () => {
    const labels = new Set([...known.values()].flatMap((metric) => metric.labels));
    for (const label of [
      'netns',
      'namespace',
      'name',
      'path',
      'address',
      'port',
      'cookie',
      'pid',
      'container',
      'container_id',
      'peer',
      'route',
    ])
      expect(labels).not.toContain(label);
  });

  it('stand in the table of the page, each of them, by type and with their labels, and no other', () => {
    const table = new Map(
      [...text('README.md').matchAll(/^\| `([a-z_0-9]+)` +\| (counter|gauge|histogram) +\| ([^|]*?) *\| (.+?) *\|$/gm)].map(
        ([, name, type, labels, help]) => [name, { type, labels: (labels ?? '').split(', ').filter((label) => label !== ''), help }],
      ),
    );
    expect([...table.keys()].sort()).toEqual([...known.keys()].sort());
    for (const [name, { type, labels }] of known) {
      expect({ name, type: table.get(name)?.type, labels: table.get(name)?.labels.map((label) => label.replaceAll('`', '')) }).toEqual({
        name,
        type,
        labels: [...labels],
      });
      expect(table.get(name)?.help?.length, name).toBeGreaterThan(10);
    }
  });
});

describe('alert rules', () => {
  it.each(rules.map((rule) => [rule.alert, rule] as const))('%s asks of what there is, and the page says what to do', (alert, rule) => {
    expectKnown(rule.expr, alert);
    expect(text('README.md')).toContain(`\n#### ${alert}\n`);
    expect(rule.annotations.runbook).toBe(`README.md#${alert.toLowerCase()}`);
    expect(rule.annotations.summary).not.toBe('');
  });

  it('are each made to fire by the test that promtool runs', () => {
    const tested = new Set([...text('rules.test.yml').matchAll(/alertname="(\w+)"/g)].map(([, name]) => name));
    expect(tested).toEqual(new Set(rules.map(({ alert }) => alert)));
  });

  it('have no runbook without a rule', () => {
    const runbooks = [...text('README.md').matchAll(/^#### (\w+)$/gm)].map(([, name]) => name);
    expect(runbooks).toEqual(rules.map(({ alert }) => alert));
  });
});

describe('the dashboard', () => {
  it('asks of what there is, in every panel', () => {
    const panels = dashboard.panels.filter(({ type }) => type !== 'row');
    expect(panels.length).toBeGreaterThan(25);
    for (const { title, targets = [] } of panels) {
      expect(targets.length, title).toBeGreaterThan(0);
      for (const { expr } of targets) {
        expect(seriesOf(expr).length, `${title}: ${expr}`).toBeGreaterThan(0);
        expect(expr, title).toContain('job=~"$job", instance=~"$instance"');
        expectKnown(expr, title);
      }
    }
    for (const { query } of dashboard.templating.list)
      for (const { name } of seriesOf(JSON.stringify(query))) expect(known.has(name), name).toBe(true);
  });

  it('lays its panels side by side: none overlaps another, each has an id of its own', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const cells = new Set<string>();
    for (const { title, gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(cells.has(`${x} ${y}`), title).toBe(false);
          cells.add(`${x} ${y}`);
        }
      }
    }
  });

  it('shows every metric of netsoakd', () => {
    const shown = new Set(
      dashboard.panels.flatMap(({ targets = [] }) =>
        targets.flatMap(({ expr }) => seriesOf(expr).map(({ name }) => metricOf(name, known))),
      ),
    );
    const own = [...known.keys()].filter((name) => name.startsWith('netsoakd_'));
    // Of these the templating asks, or nothing but a debugger wants to know.
    const elsewhere = ['netsoakd_build_info', 'netsoakd_reconcile_epoch'];
    expect(own.filter((name) => !shown.has(name) && !elsewhere.includes(name))).toEqual([]);
  });
});

it('the example configuration is one that netsoakd takes', async () => {
  const config = resolveConfig([await readConfigFile(new URL('netsoakd.yaml', import.meta.url).pathname)]);
  expect(config).toMatchObject({ export: { kind: 'null' }, 'control-socket': '/run/netsoakd/control.sock', 'route-mode': 'off' });
});
