/**
 * Log lines on stderr: one JSON object a line, or one plain line on a terminal. Quiet by default: start,
 * addresses, stop, warnings. A log that cannot be written never stops the collector.
 */
import fs from 'node:fs';
import { LOG_LEVELS } from './config.js';

export type LogLevel = (typeof LOG_LEVELS)[number];
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

export type Log = (level: LogLevel, message: string, fields?: Fields) => void;

/** One writer for one line: fd 2, synchronously, so that the last words of a dying process are kept. */
function toStderr(line: string): void {
  try {
    fs.writeSync(2, line);
  } catch {
    // EAGAIN of a full pipe, EPIPE of a closed one: nobody is reading.
  }
}

/**
 * @param least lines below this level are left out
 * @param pretty for people rather than machines
 */
export function createLog(least: LogLevel, pretty: boolean, write: (line: string) => void = toStderr): Log {
  const threshold = LOG_LEVELS.indexOf(least);
  return (level, message, fields = {}) => {
    if (LOG_LEVELS.indexOf(level) < threshold) return;
    const time = new Date().toISOString();
    write(`${pretty ? prettyLine(time, level, message, fields) : JSON.stringify({ time, level, msg: message, ...fields })}\n`);
  };
}

function prettyLine(time: string, level: LogLevel, message: string, fields: Fields): string {
  const rest = Object.entries(fields).filter(([, value]) => value !== undefined);
  const tail = rest.map(([key, value]) => ` ${key}=${typeof value === 'string' ? JSON.stringify(value) : value}`).join('');
  return `${time.slice(11, 23)} ${level.padEnd(5)} ${message}${tail}`;
}

/**
 * Lets one line a minute through for each message, and says with the next one how many were held back:
 * a full disk would otherwise log once an envelope.
 */
export function rateLimited(log: Log, perMs = 60_000, now: () => number = () => performance.now()): Log {
  const seen = new Map<string, { at: number; held: number }>();
  return (level, message, fields = {}) => {
    const last = seen.get(message);
    const at = now();
    if (last !== undefined && at - last.at < perMs) {
      last.held++;
      return;
    }
    seen.set(message, { at, held: 0 });
    log(level, message, last === undefined || last.held === 0 ? fields : { ...fields, suppressed: last.held });
  };
}
