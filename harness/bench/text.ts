/** The tables that `netsoak bench` prints, after the manner of benchstat: one block a metric, `~` where nothing can be said. */
import { geometricMean } from '../stats/geometric-mean.js';
import { medianInterval } from '../stats/median-interval.js';
import { METRIC_NAMES, METRICS, type MetricName, rowId } from './benchmark.js';
import { figure, pValue, signedPercent, spread } from './format.js';
import type { JudgedRow, Judgement } from './judge.js';
import type { BenchResult } from './result.js';

/** Marks for a terminal; the default leaves text as it is. */
export interface Paint {
  bad(text: string): string;
  good(text: string): string;
  faint(text: string): string;
}

const PLAIN: Paint = { bad: (text) => text, good: (text) => text, faint: (text) => text };

export function resultTable(result: BenchResult, paint: Paint = PLAIN): string {
  const blocks = METRIC_NAMES.flatMap((metric) => {
    const rows = result.rows.flatMap((row) => {
      const values = row.metrics[metric];
      if (!values) return [];
      const { value, warnings } = medianInterval(values);
      return [
        [
          rowId(row),
          figure(value.estimate, metric),
          spread(value),
          `n=${values.length}`,
          paint.faint(values.length > 1 ? warnings.join('; ') : 'counted once'),
        ],
      ];
    });
    return rows.length > 0 ? [[heading(metric), align(rows)].join('\n')] : [];
  });
  return blocks.join('\n\n');
}

export function comparisonTable(judgement: Judgement, labels: readonly [old: string, now: string], paint: Paint = PLAIN): string {
  const blocks = METRIC_NAMES.flatMap((metric) => {
    const rows = judgement.rows.filter((row) => row.metric === metric);
    if (rows.length === 0) return [];
    const lines = [['', labels[0], '', labels[1], '', 'change', '', ''], ...rows.map((row) => comparisonLine(row, paint))];
    const mean = geometricMean(rows.map(({ shift }) => (shift ? 1 + shift.estimate : Number.NaN))).value;
    if (rows.length > 1 && Number.isFinite(mean)) lines.push(['geometric mean', '', '', '', '', signedPercent(mean - 1), '', '']);
    return [[heading(metric), align(lines)].join('\n')];
  });
  return blocks.join('\n\n');
}

function comparisonLine(row: JudgedRow, paint: Paint): string[] {
  return [
    row.id,
    figure(row.old.estimate, row.metric),
    spread(row.old),
    figure(row.new.estimate, row.metric),
    spread(row.new),
    row.verdict === 'same' ? '~' : row.shift ? signedPercent(row.shift.estimate) : '',
    row.p === null ? '' : `${pValue(row.p)} n=${row.n[0]}+${row.n[1]}`,
    verdictText(row, paint),
  ];
}

function verdictText(row: JudgedRow, paint: Paint): string {
  const again = row.again ? `, again ${signedPercent(row.again.estimate)}` : '';
  switch (row.verdict) {
    case 'regression':
      return paint.bad(`REGRESSION, confirmed${again}`);
    case 'improvement':
      return paint.good(`improved, confirmed${again}`);
    case 'not-confirmed':
      return paint.faint(`not confirmed${again}`);
    case 'unconfirmed':
      return paint.bad('differs, not measured again');
    case 'same':
      return paint.faint(isWithin(row) ? `within ${signedPercent(row.floor).slice(1)}` : 'by chance');
    case 'not-judged':
      return '';
  }
}

function isWithin({ shift, floor }: JudgedRow): boolean {
  return shift !== null && Math.abs(Math.log1p(shift.estimate)) < Math.log1p(floor);
}

function heading(metric: MetricName): string {
  const { what, unit, perOp } = METRICS[metric];
  return `${metric}${perOp ? '/op' : ''}${unit ? ` [${unit}]` : ''}: ${what}`;
}

/** Columns padded to their widest cell; the first to the left, figures to the right. */
export function align(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 || i === columns - 1 ? cell.padEnd(i === 0 ? (widths[i] ?? 0) : 0) : cell.padStart(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
