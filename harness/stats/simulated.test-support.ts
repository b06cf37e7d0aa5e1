/** Simulated memory of processes, healthy and leaking, from a seed: what the leak gate's error rates are measured on. */
import type { Sample } from './leak-gate.js';

const MB = 1e6;
export const HOUR = 3600;
/** Level of a healthy process, and how much it trembles from one sample to the next. */
export const BASE = 32 * MB;
const TREMBLE = 0.8 * MB;
/** One sample a minute: the autocorrelations below are from minute to minute. */
const PERIOD = 60;

export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  normal(): number;
}

/** Marsaglia's 32-bit xorshift (Journal of Statistical Software 8, 14): enough for simulations, the same on every machine. */
export function random(seed: number): Random {
  let state = (seed * 2_654_435_761 + 1) >>> 0 || 1;
  const uniform = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state = (state ^ (state << 5)) >>> 0;
    return state / 2 ** 32;
  };
  for (let i = 0; i < 16; i++) uniform();
  return { uniform, normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()) };
}

export type Shape = (hours: number, r: Random) => number[];

const minutes = (hours: number): number[] => Array.from({ length: (hours * HOUR) / PERIOD }, (_, i) => i);
const white: Shape = (hours, r) => minutes(hours).map(() => BASE + TREMBLE * r.normal());

/** First-order autoregression with the deviation {@link TREMBLE} for any `rho`. */
const autoregressive =
  (rho: number): Shape =>
  (hours, r) => {
    let level = TREMBLE * r.normal();
    return minutes(hours).map(() => {
      level = rho * level + TREMBLE * Math.sqrt(1 - rho * rho) * r.normal();
      return BASE + level;
    });
  };

/** A collector that lets 6 MB of garbage pile up, over and over; period and phase are drawn. */
const sawtooth: Shape = (hours, r) => {
  const period = 20 + 50 * r.uniform();
  const phase = r.uniform() * period;
  return white(hours, r).map((value, i) => value + 6 * MB * (((i + phase) % period) / period));
};

/** Caches that fill during the first hour and a half at most, then stay. */
const rampThenPlateau: Shape = (hours, r) => {
  const full = 60 * (0.5 + r.uniform());
  return white(hours, r).map((value, i) => value + 12 * MB * Math.min(1, i / full));
};

/** One jump of 4 MB somewhere: a cache that was needed late. */
const step: Shape = (hours, r) => {
  const when = r.uniform() * hours * 60;
  return white(hours, r).map((value, i) => value + (i > when ? 4 * MB : 0));
};

const leak =
  (megabytesAnHour: number): Shape =>
  (hours, r) =>
    white(hours, r).map((value, i) => value + (megabytesAnHour * MB * i) / 60);

const sawtoothLeak: Shape = (hours, r) => sawtooth(hours, r).map((value, i) => value + (0.5 * MB * i) / 60);

export const healthy = { white, sawtooth, rampThenPlateau, ar90: autoregressive(0.9), ar99: autoregressive(0.99), step } as const;
export const leaking = { half: leak(0.5), quarter: leak(0.25), sawtoothLeak } as const;

export function simulate(shape: Shape, seed: number, hours = 12): Sample[] {
  return shape(hours, random(seed)).map((value, i) => ({ at: i * PERIOD, value }));
}
