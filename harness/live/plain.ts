/** A run as time-stamped lines, each written once: for logs, pipes and CI. */
import type { ChalkInstance } from 'chalk';
import type { Progress, TimedLine } from './progress.js';
import { closing, timed } from './text.js';
import type { Screen, View } from './view.js';

/** A line of progress so often, sixty of them in a long run, but one every five minutes at least. */
const EVERY_SECONDS = { least: 10, most: 300 };

export function plainView(progress: Progress, screen: Pick<Screen, 'write'>, colour: ChalkInstance): View {
  const { plan } = progress;
  const every = Math.min(EVERY_SECONDS.most, Math.max(EVERY_SECONDS.least, plan.durationSeconds / 60));
  let saidAt = Number.NEGATIVE_INFINITY;
  const write = (line: string): void => void screen.write(`${line}\n`);
  const line = (told: TimedLine): void => write(timed(told, colour));
  write(colour.bold(plan.scenario) + colour.dim(`  target ${plan.target}, seed ${plan.seed}, ${plan.id}`));
  for (const scaled of plan.scaled) write(colour.dim(`  scaled: ${scaled}`));
  return {
    event: (event) => {
      const told = progress.event(event);
      if (told) line(told);
    },
    series: (point) => {
      progress.series(point);
      if (!progress.isMeasuring || point.at - saidAt < every) return;
      saidAt = point.at;
      const left = progress.leftWords(point.at).replace(/ of .*/, '');
      line({ at: point.at, text: [left, ...progress.figures].join(colour.dim(' · ')), tone: 'plain' });
    },
    say: (lines) => lines.forEach(write),
    end: (verdict, paths) => closing(verdict, paths, colour).forEach(write),
  };
}
