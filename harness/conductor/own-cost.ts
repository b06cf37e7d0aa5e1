/** What the conductor takes itself, once a second, for the series: a harness that grows or eats the processors would be part of what it measures. */
import type { SeriesPoint } from '../facts/events.js';

const PERIOD_MS = 1000;

/** @returns what ends it */
export function watchOwnCost(tell: (v: SeriesPoint['v']) => void): () => void {
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage();
    tell({ 'conductor.cpuSeconds': (user + system) / 1e6, 'conductor.rssBytes': process.memoryUsage.rss() });
  }, PERIOD_MS);
  return () => clearInterval(timer);
}
