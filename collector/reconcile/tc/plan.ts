/**
 * What a sweep will delete, as data: the dry run prints it, `--apply` carries it out, and a plan read from a file is verified again before
 * that. Filters come before classes, because a class with a filter is busy.
 */
import { z } from 'zod/v3';
import { allowedDeletes, type BlastRadius } from '../limits.js';
import type { Judgement } from './classify.js';
import { formatId, parseId } from './ids.js';

const u32 = z.number().int().min(0).max(0xffff_ffff);
const id = z.string().transform((text, context) => {
  const parsed = parseId(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} is no class id such as 1:c` });
  return z.NEVER;
});
const filterOp = z
  .object({
    handle: u32,
    priority: u32,
    classId: id,
    iif: u32,
    /** Handle of the filter that serves the same live TAP. */ twin: u32.optional(),
  })
  .strict();

export const planSchema = z
  .object({
    schema: z.literal(1),
    /** SO_NETNS_COOKIE, as decimal text. */
    netns: z.string().regex(/^\d+$/),
    bridge: z.string(),
    bridgeIndex: u32,
    filters: z.array(filterOp),
    classes: z.array(id),
    /** Stale, but left for the next pass by the blast radius. */
    capped: u32,
  })
  .strict();

export type SweepPlan = z.output<typeof planSchema>;
export type FilterOp = SweepPlan['filters'][number];

/** For a file or a screen: ids as tc(8) writes them. */
export function printPlan(plan: SweepPlan): z.input<typeof planSchema> {
  return {
    ...plan,
    filters: plan.filters.map((op) => ({ ...op, classId: formatId(op.classId) })),
    classes: plan.classes.map(formatId),
  };
}

/** Names an object together with what it was when it was judged: another one under the same handle is another object. */
export const filterIdentity = (op: FilterOp): string => `${op.handle}|${op.priority}|${op.classId}|${op.iif}`;

export interface Place {
  readonly netns: string;
  readonly bridge: string;
  readonly bridgeIndex: number;
}

/** The stale of a judgement, all of them. */
export function candidates(judgement: Judgement, place: Place): SweepPlan {
  const filters = judgement.filters
    .filter(({ verdict }) => verdict === 'stale')
    .map(({ filter, iif, twin }): FilterOp => {
      const op = { handle: filter.handle, priority: filter.priority, classId: filter.classId, iif };
      return twin === undefined ? op : { ...op, twin: twin.handle };
    });
  const classes = judgement.classes.filter(({ verdict }) => verdict === 'stale').map((each) => each.class.handle);
  return { schema: 1, ...place, filters, classes, capped: 0 };
}

/** What is stale in both looks, unchanged. One look is never proof: tc dumps tear under churn, and no flag tells. */
export function inBoth(first: SweepPlan, second: SweepPlan): SweepPlan {
  const filters = new Set(first.filters.map(filterIdentity));
  const classes = new Set(first.classes);
  return {
    ...second,
    filters: second.filters.filter((op) => filters.has(filterIdentity(op))),
    classes: second.classes.filter((each) => classes.has(each)),
  };
}

/** A look without what was sent for deletion since: whatever is there under the same name later was made anew, and seen once. */
export function without(look: SweepPlan, done: SweepPlan): SweepPlan {
  const filters = new Set(done.filters.map(filterIdentity));
  const classes = new Set(done.classes);
  return {
    ...look,
    filters: look.filters.filter((op) => !filters.has(filterIdentity(op))),
    classes: look.classes.filter((each) => !classes.has(each)),
  };
}

/** At most as many deletions as the blast radius allows, filters first. */
export function capPlan(plan: SweepPlan, radius: BlastRadius, observed: number): SweepPlan {
  const planned = plan.filters.length + plan.classes.length;
  const allowed = allowedDeletes(radius, planned, observed);
  const filters = plan.filters.slice(0, allowed);
  // A class whose filter stays for the next pass would only be busy.
  const held = new Set(plan.filters.slice(allowed).map(({ classId }) => classId));
  const classes = plan.classes.filter((each) => !held.has(each)).slice(0, allowed - filters.length);
  return { ...plan, filters, classes, capped: planned - filters.length - classes.length };
}
