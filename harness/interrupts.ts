/** First ^C (or SIGTERM, SIGHUP): heal. Second: out at once; the guardian and parent-death signals clean up. */
import { EXIT } from './exit.js';

export interface Interrupts {
  readonly signal: AbortSignal;
  stop(): void;
}

export function watchInterrupts(): Interrupts {
  const abort = new AbortController();
  const handle = (signal: NodeJS.Signals): void => {
    if (abort.signal.aborted) process.exit(EXIT.killed);
    abort.abort(signal);
  };
  process.on('SIGINT', handle).on('SIGTERM', handle).on('SIGHUP', handle);
  return { signal: abort.signal, stop: () => process.off('SIGINT', handle).off('SIGTERM', handle).off('SIGHUP', handle) };
}
