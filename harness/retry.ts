/** Which broken runs are worth a second try: those that the moment broke. A missing program or a full disk would break the next one too. */
import type { RunEvent } from './facts/events.js';

/** Errors (codes of `error` facts) that tell of a bad moment: the target did not come up in time, died, hung or fell silent. */
const OF_THE_MOMENT = new Set([
  'agent',
  'agent-silent',
  'boot',
  'guest-silent',
  'heal-timeout',
  'judge-died',
  'load-died',
  'qemu-failed',
  'relay-died',
  'target-lost',
]);

/** Of a run whose verdict is infra, which therefore holds no fault of the product. */
export function mayTryAgain(events: readonly RunEvent[]): boolean {
  const errors = events.flatMap((event) => (event.kind === 'error' ? [event.code] : []));
  const loadDied = events.some((event) => event.kind === 'load-exit' && !event.ordered);
  return (loadDied || errors.length > 0) && errors.every((code) => OF_THE_MOMENT.has(code));
}
