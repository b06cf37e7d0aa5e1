/** First ^C (or SIGTERM, SIGHUP): heal. Second: out at once; the guardian and parent-death signals clean up. */
import { EXIT } from './exit.js';

export interface Interrupts {
  readonly signal: AbortSignal;
  /** As a signal does; the reason is what the facts will call it. */
  interrupt(reason: string): void;
  stop(): void;
}

export function watchInterrupts(): Interrupts {
  const abort = new AbortController();
  const interrupt = (reason: string): void => {
    if (abort.signal.aborted) process.exit(EXIT.killed);
    abort.abort(reason);
  };
  const handle = (signal: NodeJS.Signals): void => interrupt(signal);
  process.on('SIGINT', handle).on('SIGTERM', handle).on('SIGHUP', handle);
  return { signal: abort.signal, interrupt, stop: () => process.off('SIGINT', handle).off('SIGTERM', handle).off('SIGHUP', handle) };
}
