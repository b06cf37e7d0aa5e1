/** What the daemon's control socket understands: words for the collector here, all others are the reconcilers'. */
import type { PollResult } from '../../native/index.js';
import { SETTINGS } from '../config.js';
import type { PollLoop } from '../loop.js';
import type { Reconcilers } from '../reconcile/start.js';
import { parseDuration } from '../units.js';
import { PROFILES, takeProfile } from './profile.js';
import type { Command } from './socket.js';

const MOST_POLLS = 1_000;
const LONGEST_PROFILE_S = 600;

/** The collector's own words, as a sentence lists them. */
const OWN = 'status, interval [DURATION|off], poll, burst N [DURATION], reload, tail [FILTER], profile cpu|heap SECONDS';

export interface WordsParts {
  readonly loop: PollLoop<PollResult>;
  /** Everything that `status` tells of the collector. */
  readonly status: () => object;
  readonly reload: () => Promise<readonly string[]>;
  readonly tail: (filter: string) => unknown;
  readonly reconcilers: Pick<Reconcilers, 'command'> | undefined;
}

/** @throws (rejects) Error with a sentence for the one who asked */
export function controlWords({ loop, status, reload, tail, reconcilers }: WordsParts): Command {
  return async (words) => {
    const [verb = '', first = '', second = ''] = words;
    switch (verb) {
      case 'status':
        return { ...status(), reconcilers: (await reconcilers?.command(['status'])) ?? [] };
      case 'interval':
        if (first !== '') loop.setPace(first === 'off' ? 0 : parsed('interval', SETTINGS.interval, first));
        return { intervalMs: loop.intervalMs, jitter: loop.jitter };
      case 'poll':
        return told(await loop.now());
      case 'burst': {
        const polls = whole('burst', first, MOST_POLLS);
        const every =
          second === '' ? 0 : (parseDuration(second) ?? fail(`burst: expected a duration such as 100ms, found ${JSON.stringify(second)}`));
        return (await loop.burst(polls, every)).map(told);
      }
      case 'reload':
        return { changed: await reload() };
      case 'tail':
        return tail(words.slice(1).join(' '));
      case 'profile': {
        const kind =
          PROFILES.find((word) => word === first) ?? fail(`profile: expected ${PROFILES.join(' or ')}, found ${JSON.stringify(first)}`);
        return takeProfile(kind, 1_000 * whole('profile', second, LONGEST_PROFILE_S));
      }
      default:
        if (reconcilers !== undefined) return reconcilers.command(words).catch((error: unknown) => Promise.reject(withOwn(error)));
        return fail(`no such command: ${verb}; there are ${OWN}`);
    }
  };
}

/** A poll as the one who ordered it wants to know it. */
function told({ pollId, rows, namespaces, durationSeconds }: PollResult): object {
  return {
    pollId: String(pollId),
    rows,
    namespaces: namespaces.length,
    failed: namespaces.troubles().filter(({ status }) => status !== 'ok' && status !== 'gone').length,
    seconds: durationSeconds,
  };
}

/** The reconcilers know their own words only. */
function withOwn(error: unknown): unknown {
  return error instanceof Error && error.message.startsWith('no such command') ? new Error(`${error.message}; and ${OWN}`) : error;
}

function whole(word: string, text: string, most: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  return number >= 1 && number <= most ? number : fail(`${word}: expected a whole number from 1 to ${most}, found ${JSON.stringify(text)}`);
}

function parsed<T>(key: string, setting: { readonly expected: string; readonly parse: (text: string) => T | undefined }, text: string): T {
  return setting.parse(text) ?? fail(`${key}: expected ${setting.expected}, or off, found ${JSON.stringify(text)}`);
}

function fail(sentence: string): never {
  throw new Error(sentence);
}
