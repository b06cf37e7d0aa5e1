/**
 * One log line for a key and cause in ten minutes; the next one says how many were held back. A table of 1,880 orphans, or one blocked
 * route in every pass, would otherwise drown the log.
 */
import type { Fields, Log, LogLevel } from '../log.js';

/** Keys remembered. Beyond it the oldest is forgotten, which costs a repeated line. */
const REMEMBERED = 10_000;

export type RepeatLog = (level: LogLevel, key: string, cause: string, message: string, fields?: Fields) => void;

/**
 * @param everyMs time between two lines of one key and cause; 0 lets all through
 * @param now milliseconds, monotonic
 */
export function repeatLimited(log: Log, everyMs: number, now: () => number): RepeatLog {
  const seen = new Map<string, { at: number; held: number }>();
  return (level, key, cause, message, fields = {}) => {
    const id = `${cause} ${key}`;
    const last = seen.get(id);
    const at = now();
    if (last !== undefined && at - last.at < everyMs) {
      last.held++;
      return;
    }
    seen.delete(id);
    seen.set(id, { at, held: 0 });
    if (seen.size > REMEMBERED) seen.delete(seen.keys().next().value as string);
    log(level, message, { ...fields, key, cause, ...(last !== undefined && last.held > 0 ? { suppressed: last.held } : {}) });
  };
}
