/** One bridge's tc as the kernel has it: looks, and the verified deletions that the sweep and a release are made of. */
import type { Answer, Rtnl } from '../../../native/rtnl/index.js';
import { decodeFilter, deleteClass, deleteFilter, ETH_P_ALL, type Filter, restoreFilter } from '../../../native/rtnl/tc.js';
import { RTM } from '../../../native/rtnl/wire.js';
import type { Outcome } from '../model.js';
import type { Send } from '../writer.js';
import { type Allocation, anchorOf, type TcLook } from './classify.js';
import { ROOT } from './ids.js';
import type { FilterOp } from './plan.js';

export type TcRtnl = Pick<Rtnl, 'links' | 'qdiscs' | 'classes' | 'filters' | 'filtersAt' | 'link' | 'linksAt' | 'cookie'>;

export interface Bridge {
  readonly name: string;
  readonly index: number;
}

/** A listing that failed, and which. Nothing may be deleted on what the others brought. */
export class ListingFailed extends Error {
  constructor(
    readonly what: 'link_list' | 'class_list' | 'filter_list' | 'allocation_list',
    detail: string,
  ) {
    super(`${what}: ${detail}`);
  }
}

const listing = <T>(what: ListingFailed['what'], work: Promise<T>): Promise<T> =>
  work.catch((error: Error) => {
    throw new ListingFailed(what, error.message);
  });

/** Candidates first, what keeps them afterwards. @throws ListingFailed */
export async function look(
  rtnl: TcRtnl,
  bridge: Bridge,
  tapPrefix: string,
  allocations: () => Promise<readonly Allocation[]>,
): Promise<TcLook> {
  const qdiscs = await listing('class_list', rtnl.qdiscs(bridge.index));
  // On both sides of the classes: one whose filter comes or goes meanwhile is not one without a filter.
  const filtersBefore = await listing('filter_list', rtnl.filters(bridge.index, ROOT));
  const classes = await listing('class_list', rtnl.classes(bridge.index, ROOT));
  const filters = await listing('filter_list', rtnl.filters(bridge.index, ROOT));
  const links = await listing('link_list', rtnl.links());
  if (!links.consistent) throw new ListingFailed('link_list', 'the kernel called the list of links inconsistent, five times over');
  const known = await listing('allocation_list', allocations());
  return {
    classes: classes.items,
    filters: filters.items,
    filtersBefore: filtersBefore.items,
    links: links.items,
    allocations: known,
    defaultClass: qdiscs.items.find(({ handle }) => handle === ROOT)?.defaultClass ?? 0,
    tapPrefix,
  };
}

const refOf = (bridge: Bridge, op: FilterOp) => ({
  index: bridge.index,
  parent: ROOT,
  handle: op.handle,
  priority: op.priority,
  protocol: ETH_P_ALL,
});

const sameFilter = (filter: Filter, op: FilterOp) =>
  filter.classId === op.classId && anchorOf(filter) === op.iif && filter.handle === op.handle;

/**
 * Whether filters may go: the anchor of each must be dead by the kernel's own word, and it must still be what was planned.
 * @returns for each why not, undefined when it may
 */
export async function verifyFilters(
  rtnl: TcRtnl,
  bridge: Bridge,
  ops: readonly FilterOp[],
  tapPrefix: string,
): Promise<readonly (Outcome | undefined)[]> {
  const twins = ops.filter(({ twin }) => twin !== undefined);
  const [anchors, living, found] = await Promise.all([
    rtnl.linksAt(ops.map(({ iif }) => iif)),
    twins.length === 0 ? [] : rtnl.filtersAt(twins.map((op) => refOf(bridge, { ...op, handle: op.twin as number }))),
    rtnl.filtersAt(ops.map((op) => refOf(bridge, op))),
  ]);
  return ops.map((op, at) => {
    const kept = op.twin === undefined ? anchors[at]?.name.startsWith(tapPrefix) === true : living[twins.indexOf(op)] === undefined;
    if (kept) return { kind: 'superseded' };
    const now = found[at];
    if (now === undefined) return { kind: 'gone' };
    return sameFilter(now, op) ? undefined : { kind: 'superseded' };
  });
}

/**
 * Deletes verified filters and no others: what the kernel says it deleted must be what was meant, else that is put back.
 * They are sent together, so a handle that changed hands does not keep the others of its batch from going.
 */
export async function removeFilters(send: Send, bridge: Bridge, ops: readonly FilterOp[]): Promise<readonly Outcome[]> {
  const answers = await send.all(ops.map((op) => deleteFilter(refOf(bridge, op))));
  const outcomes: Outcome[] = [];
  for (const [at, op] of ops.entries()) outcomes.push(await removed(send, op, answers[at] as Answer));
  return outcomes;
}

async function removed(send: Send, op: FilterOp, answer: Answer): Promise<Outcome> {
  const failed = notDone(answer);
  if (failed !== undefined) return failed;
  const echo = answer.reply.find(({ type }) => type === RTM.DELTFILTER);
  if (echo === undefined || sameFilter(decodeFilter(echo), op)) return { kind: 'ok' };
  const restored = await send(restoreFilter(echo));
  const detail = `handle ${op.handle} had become another filter`;
  return restored.code === ''
    ? { kind: 'undone', detail }
    : { kind: 'error', errno: restored.code, detail: `${detail}, which could not be put back: ${restored.detail}` };
}

/** Classes alone: the leaf qdisc of each goes with it, and asking for that first would harm a live VM when the id is wrong. */
export async function removeClasses(send: Send, bridge: Bridge, classIds: readonly number[]): Promise<readonly Outcome[]> {
  const answers = await send.all(classIds.map((classId) => deleteClass(bridge.index, classId)));
  return answers.map((answer) => notDone(answer) ?? { kind: 'ok' });
}

function notDone({ code, detail }: Answer): Outcome | undefined {
  if (code === '') return undefined;
  if (code === 'ENOENT') return { kind: 'gone' };
  return code === 'EBUSY' ? { kind: 'busy', detail } : { kind: 'error', errno: code, detail };
}

/** One alone. */
export async function removeFilter(send: Send, bridge: Bridge, op: FilterOp): Promise<Outcome> {
  return (await removeFilters(send, bridge, [op]))[0] as Outcome;
}

export async function removeClass(send: Send, bridge: Bridge, classId: number): Promise<Outcome> {
  return (await removeClasses(send, bridge, [classId]))[0] as Outcome;
}
