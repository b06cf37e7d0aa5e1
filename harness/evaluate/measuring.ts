/** Takes the samples of an evaluation, the variants in turn, each sample from a process of its own. */
import { ask } from '../bench/ask.js';
import type { MetricName } from '../bench/benchmark.js';
import { NetsoakError } from '../errors.js';
import { Place } from '../figures/place.js';
import { MIN_SAMPLES } from '../stats/median-interval.js';
import type { EvaluationCase } from './evaluation.js';

export interface Measuring {
  readonly signal: AbortSignal;
  tell(doing: string): void;
}

/** Samples a variant. The values of `metrics` become lists by variant. */
export type Taken = Readonly<Partial<Record<MetricName, number>>>;

export const SAMPLES = 10;

/** All loads of an evaluation together; what a slow machine has not done by then it does with fewer rounds. */
export const BUDGET_SECONDS = 200;

/** `SAMPLES` rounds (on a machine that is too slow for its budget, {@link MIN_SAMPLES}) after one that is thrown away; in each round every variant once, each time another one first. */
export async function inTurn(
  variants: number,
  budgetSeconds: number,
  take: (variant: number, round: number) => Promise<Taken>,
): Promise<EvaluationCase['metrics']> {
  const metrics: Partial<Record<MetricName, number[][]>> = {};
  const ends = performance.now() + 1_000 * budgetSeconds;
  for (let round = 0; round <= SAMPLES; round++) {
    if (round > MIN_SAMPLES && performance.now() > ends) break;
    for (let i = 0; i < variants; i++) {
      const variant = (i + round) % variants;
      const taken = await take(variant, round);
      if (round === 0) continue;
      for (const [name, value] of Object.entries(taken) as [MetricName, number][]) {
        metrics[name] ??= Array.from({ length: variants }, () => []);
        metrics[name][variant]?.push(value);
      }
    }
  }
  return metrics;
}

/** A benchmark's sample, in a sampler of its own. */
export async function sampled(
  file: string,
  name: string,
  round: number,
  { signal }: Measuring,
  env: NodeJS.ProcessEnv = {},
): Promise<Taken> {
  const answer = await ask({ kind: 'sample', file, name, rehearse: false }, (round * 613) % 4096, signal, undefined, env);
  if (answer.kind === 'sample') return answer.sample.metrics;
  throw new NetsoakError(
    'harness',
    'no-sample',
    `${name}: ${answer.kind === 'failed' ? answer.message : 'there is no such benchmark'}`,
    '`npm run build`',
  );
}

/** Runs `work` in a place of its own, which is gone afterwards. */
export async function inPlace<T>({ signal }: Measuring, work: (place: Place) => Promise<T>): Promise<T> {
  const place = new Place(signal);
  try {
    await place.open();
    return await work(place);
  } finally {
    await place.close();
  }
}
