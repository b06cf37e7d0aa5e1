/** How the lives of the subject begin and end: no restart that nobody ordered, and no ordered end with an error. */
import { type Finding, finding, type Of, unknown } from './finding.js';
import { moment, plain } from './quantity.js';
import type { Run } from './run.js';
import { starvedSeconds } from './starved.js';
import { type EventOf, eventsOf } from './timeline.js';

export function restarts(invariant: Of<'restarts'>, run: Run): Finding {
  const bound = `at most ${plain(invariant.max)}`;
  const seen = run.history.restarts.filter(({ at }) => at <= run.timeline.trustedUntil);
  if (run.history.starts === 0 && seen.length === 0) return unknown(invariant, bound, 'the subject was never started', 'few');
  const words = seen.slice(0, 3).map((restart) => restart.words);
  if (seen.length > words.length) words.push(`${seen.length - words.length} more`);
  const observed = seen.length === 0 ? 'none' : `${seen.length}: ${words.join(', ')}`;
  const excess = seen[invariant.max];
  if (!excess) return finding(invariant, 'pass', bound, observed, {});
  return finding(invariant, 'fail', bound, observed, {
    at: excess.at,
    sentence: `${invariant.name}: ${restartSentence(run, seen.length)}, first ${seen[0]?.words}`,
  });
}

export function ends(invariant: Of<'ends'>, run: Run): Finding {
  const bound = `at most ${plain(invariant.max)} with a status other than 0`;
  if (run.history.starts === 0) return unknown(invariant, bound, 'the subject was never started', 'few');
  const { own, excused } = uncleanEnds(run);
  const all = [...own, ...excused];
  const observed = all[0] ? `${all.length}: ${all[0].words}` : 'none';
  const excess = own[invariant.max];
  if (excess) return finding(invariant, 'fail', bound, observed, { at: excess.at, sentence: `${invariant.name}: ${own[0]?.words}` });
  if (all.length > invariant.max) return unknown(invariant, bound, observed, 'starved');
  return finding(invariant, 'pass', bound, observed, {});
}

/** A subject gives up what it has after ten seconds or so. Only one that tried for so long, without the processors, may be excused. */
const SECONDS_TRIED = 5;

/** Ends that were ordered and had an exit status other than 0: those of the subject's own making, and those that the machine excuses. */
export function uncleanEnds(run: Run): Record<'own' | 'excused', { readonly at: number; readonly words: string }[]> {
  const unclean = eventsOf(run.events, 'subject-exit').filter(
    ({ ordered, code, at }) => ordered && code !== null && code !== 0 && at <= run.timeline.trustedUntil,
  );
  const isExcused = ({ at, afterSeconds = 0 }: EventOf<'subject-exit'>): boolean =>
    afterSeconds >= SECONDS_TRIED && starvedSeconds(run, at - afterSeconds, at) > afterSeconds / 2;
  const told = ({ at, code }: EventOf<'subject-exit'>) => ({
    at,
    words: `the subject ended with status ${code} when it was stopped at ${moment(at)}`,
  });
  return { own: unclean.filter((end) => !isExcused(end)).map(told), excused: unclean.filter(isExcused).map(told) };
}

/** `25 unordered restarts in 26 starts`: also said when no invariant asks for it. */
export function restartSentence(run: Run, seen: number): string {
  const gone =
    run.history.starts > 0 &&
    run.history.exits.some((exit) => exit.start === run.history.starts && exit.cause !== 'replaced' && !exit.ordered);
  return `${seen} unordered restart${seen === 1 ? '' : 's'} or exit${seen === 1 ? '' : 's'} in ${run.history.starts} start${run.history.starts === 1 ? '' : 's'}${gone ? ', and it never came back' : ''}`;
}
