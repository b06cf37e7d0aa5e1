/**
 * Does a counter that the subject tells of itself agree with what arrived, step by step? One scrape stands in one point of time, so what it told
 * of its steps (polls) says which of those that arrived it had made by then: no clock and no slack comes into it, and a lie of a twentieth
 * shows in some forty steps, however slow the target is.
 */
export interface Point {
  readonly at: number;
  /** Steps until then: told ones since the start of the subject, or arrived ones since the start of the run. */
  readonly steps: number;
  /** What they brought. */
  readonly value: number;
}

export interface Misstep extends Point {
  /** What those steps brought that arrived, and those with the one that may be under way. */
  readonly least: number;
  readonly most: number;
}

/** The first told point that those that were seen contradict; each start begins anew from 0. `starts`: when the subject was started, in order. */
export function firstMisstep(told: readonly Point[], seen: readonly Point[], starts: readonly number[]): Misstep | null {
  for (const [i, from] of starts.entries()) {
    const to = starts[i + 1] ?? Number.POSITIVE_INFINITY;
    const before = seen.findLast(({ at }) => at < from) ?? { steps: 0, value: 0 };
    const arrived = seen
      .filter(({ at }) => at >= from && at < to)
      .map(({ at, steps, value }) => ({ at, steps: steps - before.steps, value: value - before.value }));
    // With its end it may have been cut short.
    if (to !== Number.POSITIVE_INFINITY) arrived.pop();
    const found = inOneLife(
      told.filter(({ at }) => at >= from && at < to),
      arrived,
    );
    if (found) return found;
  }
  return null;
}

/** A poll without a row is told and never arrives. There may be such at the beginning, before there is a load: as many as makes most of it agree. */
function inOneLife(told: readonly Point[], arrived: readonly Point[]): Misstep | null {
  let latest: Misstep | null = null;
  for (let empty = 0; empty <= (told[0]?.steps ?? 0); empty++) {
    const found = contradiction(told, arrived, empty);
    if (!found) return null;
    if (!latest || found.at > latest.at) latest = found;
  }
  return latest;
}

function contradiction(told: readonly Point[], arrived: readonly Point[], empty: number): Misstep | null {
  let next = 0;
  for (const point of told) {
    const steps = point.steps - empty;
    while ((arrived[next]?.steps ?? Number.POSITIVE_INFINITY) <= steps) next++;
    const least = arrived[next - 1]?.value ?? 0;
    const most = arrived[next]?.value ?? Number.POSITIVE_INFINITY;
    if (point.value < least || point.value > most) return { ...point, least, most };
  }
  return null;
}
