/** Ticks that people would have chosen, and their labels. */
import { moment, plain, quantity } from '../harness/verdict/quantity.js';
import type { Unit } from './charts.js';

/** From 0 to at least `max`: about `wanted` steps of 1, 2 or 5 times a power of ten (of bytes: of two). */
export function ticks(max: number, wanted: number, unit: Unit): number[] {
  if (!(max > 0)) return [0, 1];
  const step = unit === 'bytes' ? binaryStep(max / wanted) : decimalStep(max / wanted, unit === 'plain' && max >= 2 ? 1 : 0);
  const count = Math.max(1, Math.ceil(max / step - 1e-9));
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

/** The one nearest to `rough`, by ratio. */
function decimalStep(rough: number, least: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const off = (step: number): number => Math.abs(Math.log(step / rough));
  const step = [1, 2, 5, 10].map((m) => m * power).reduce((best, candidate) => (off(candidate) < off(best) ? candidate : best));
  return Math.max(step, least);
}

function binaryStep(rough: number): number {
  return 2 ** Math.max(0, Math.round(Math.log2(rough)));
}

export function label(unit: Unit, value: number): string {
  switch (unit) {
    case 'bytes':
      return value === 0 ? '0' : quantity('Bytes', value);
    case 'seconds':
      return value === 0 ? '0' : quantity('Seconds', value);
    case 'percent':
      return `${plain(value * 100)} %`;
    case 'plain':
      return plain(value);
  }
}

const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];

/** Ticks on the time axis, each with its label. */
export function timeTicks(from: number, to: number, wanted: number): { readonly at: number; readonly text: string }[] {
  const rough = (to - from) / wanted;
  const step = TIME_STEPS.find((candidate) => candidate >= rough) ?? Math.ceil(rough / 86_400) * 86_400;
  const found: { at: number; text: string }[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) found.push({ at, text: clock(at, step) });
  return found;
}

function clock(at: number, step: number): string {
  if (at === 0) return '0';
  if (step >= 3600) return `${Number((at / 3600).toFixed(1))} h`;
  if (step >= 60) return at >= 3600 && at % 3600 === 0 ? `${at / 3600} h` : `${Math.round(at / 60)} min`;
  return at >= 120 ? moment(at).replace(/ s$/, ' s') : `${at} s`;
}
