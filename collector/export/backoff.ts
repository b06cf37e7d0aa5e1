/**
 * How long to wait before the next try: twice as long each time, up to ten seconds. What waited for a broker goes on so soon after it is
 * back; a thousand hosts are then some 130 tries a second, spread by chance, where Kafka's own clients try once a second each
 * (reconnect.backoff.max.ms).
 */

const FIRST_MS = 250;
const LONGEST_MS = 10_000;

/**
 * @param attempt tries that have failed, less one
 * @param random 0 to 1. Half of each pause is random, so that a thousand hosts do not come back in step
 */
export function backoffMs(attempt: number, random: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16)) * (0.5 + random / 2);
}
