/**
 * Log lines on stderr: one JSON object a line (pino), or one plain line on a terminal. Quiet by default: start,
 * addresses, stop, warnings. A log that cannot be written never stops the collector, and no thread is started for it.
 */
import fs from 'node:fs';
import { pino, stdTimeFunctions } from 'pino';
import type { LOG_LEVELS } from './config.js';

export type LogLevel = (typeof LOG_LEVELS)[number];
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

export type Log = (level: LogLevel, message: string, fields?: Fields) => void;

export interface Logger extends Log {
  /** From now on leaves out lines below this level. */
  setLevel(least: LogLevel): void;
}

/** One writer for one line: fd 2, synchronously, so that the last words of a dying process are kept. */
function toStderr(line: string): void {
  try {
    fs.writeSync(2, line);
  } catch {
    // EAGAIN of a full pipe, EPIPE of a closed one: nobody is reading. pino's own destination would wait for a reader.
  }
}

/**
 * @param least lines below this level are left out
 * @param pretty for people rather than machines
 */
export function createLog(least: LogLevel, pretty: boolean, write: (line: string) => void = toStderr): Logger {
  const logger = pino(
    {
      level: least,
      // Neither pid nor hostname on each line: the journal has both.
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    { write: pretty ? (line) => write(prettyLine(JSON.parse(line) as Line)) : write },
  );
  const log: Log = (level, message, fields = {}) => logger[level](fields, message);
  return Object.assign(log, {
    setLevel(now: LogLevel) {
      logger.level = now;
    },
  });
}

interface Line {
  readonly level: string;
  readonly time: string;
  readonly msg: string;
}

function prettyLine({ level, time, msg, ...fields }: Line): string {
  const tail = Object.entries(fields).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
  return `${time.slice(11, 23)} ${level.padEnd(5)} ${msg}${tail.join('')}\n`;
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
