/** Figures as people read them: three digits and a unit. */
import { METRICS, type MetricName } from './benchmark.js';

const STEPS: Readonly<Record<'ns' | 'B' | '', readonly (readonly [number, string])[]>> = {
  ns: [
    [1e9, ' s'],
    [1e6, ' ms'],
    [1e3, ' µs'],
    [1, ' ns'],
  ],
  B: [
    [2 ** 30, ' GiB'],
    [2 ** 20, ' MiB'],
    [2 ** 10, ' KiB'],
    [1, ' B'],
  ],
  '': [
    [1e6, ' M'],
    [1e3, ' k'],
    [1, ''],
  ],
};

/** `1234567` nanoseconds to `1.23 ms`. */
export function figure(value: number, metric: MetricName): string {
  if (!Number.isFinite(value)) return '?';
  const steps = STEPS[METRICS[metric].unit];
  const [size, suffix] = steps.find(([least]) => Math.abs(value) >= least) ?? (steps.at(-1) as readonly [number, string]);
  return `${Number((value / size).toPrecision(3))}${suffix}`;
}

/** `0.0312` to `+3.1 %`. */
export function signedPercent(share: number): string {
  if (!Number.isFinite(share)) return share > 0 ? '+∞' : '−∞';
  const text = Math.abs(share * 100).toFixed(1);
  return `${text === '0.0' ? '±' : share > 0 ? '+' : '−'}${text} %`;
}

/** How far the ends of an interval lie from its middle, the larger of the two, as a share of it: `± 2 %`. */
export function spread({ estimate, low, high }: { estimate: number; low: number; high: number }): string {
  if (estimate === 0) return '';
  const share = Math.max(high - estimate, estimate - low) / Math.abs(estimate);
  return Number.isFinite(share) ? `± ${Math.round(share * 100)} %` : '± ∞';
}

export function pValue(p: number): string {
  return p < 0.001 ? 'p<0.001' : `p=${p.toFixed(3)}`;
}
