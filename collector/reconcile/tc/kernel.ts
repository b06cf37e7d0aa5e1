/** One bridge's tc as the kernel has it: looks, and the verified deletions that the sweep and a release are made of. */
import type { Rtnl } from '../../../native/rtnl/index.js';
import { decodeFilter, deleteClass, deleteFilter, ETH_P_ALL, type Filter, newFilter } from '../../../native/rtnl/tc.js';
import { RTM } from '../../../native/rtnl/wire.js';
import type { Outcome } from '../model.js';
import type { Send } from '../writer.js';
import { type Allocation, anchorOf, type TcLook } from './classify.js';
import { ROOT } from './ids.js';
import type { FilterOp } from './plan.js';

export type TcRtnl = Pick<Rtnl, 'links' | 'qdiscs' | 'classes' | 'filters' | 'filter' | 'link' | 'cookie'>;

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
  const classes = await listing('class_list', rtnl.classes(bridge.index, ROOT));
  const filters = await listing('filter_list', rtnl.filters(bridge.index, ROOT));
  const links = await listing('link_list', rtnl.links());
  if (!links.consistent) throw new ListingFailed('link_list', 'the kernel called the list of links inconsistent, five times over');
  const known = await listing('allocation_list', allocations());
  return {
    classes: classes.items,
    filters: filters.items,
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
 * Whether a filter may go: its anchor must be dead by the kernel's own word, and it must still be what was planned.
 * @returns why not, undefined when it may
 */
export async function verifyFilter(rtnl: TcRtnl, bridge: Bridge, op: FilterOp, tapPrefix: string): Promise<Outcome | undefined> {
  const [anchor, twin, now] = await Promise.all([
    op.twin === undefined ? rtnl.link(op.iif) : undefined,
    op.twin === undefined ? undefined : rtnl.filter(refOf(bridge, { ...op, handle: op.twin })),
    rtnl.filter(refOf(bridge, op)),
  ]);
  if (op.twin === undefined ? anchor?.name.startsWith(tapPrefix) === true : twin === undefined) return { kind: 'superseded' };
  if (now === undefined) return { kind: 'gone' };
  return sameFilter(now, op) ? undefined : { kind: 'superseded' };
}

/** Deletes a verified filter and no other: what the kernel says it deleted must be it, else that is put back. */
export async function removeFilter(send: Send, bridge: Bridge, op: FilterOp): Promise<Outcome> {
  const answer = await send(deleteFilter(refOf(bridge, op)));
  if (answer.code === 'ENOENT') return { kind: 'gone' };
  if (answer.code === 'EBUSY') return { kind: 'busy', detail: answer.detail };
  if (answer.code !== '') return { kind: 'error', errno: answer.code, detail: answer.detail };
  const echo = answer.reply.find(({ type }) => type === RTM.DELTFILTER);
  const deleted = echo === undefined ? undefined : decodeFilter(echo);
  if (deleted === undefined || sameFilter(deleted, op)) return { kind: 'ok' };
  const iif = anchorOf(deleted);
  if (iif !== undefined) await send(newFilter({ ...refOf(bridge, op), handle: deleted.handle }, deleted.classId, iif));
  return { kind: 'undone', detail: `handle ${op.handle} had become another filter` };
}

/** The class alone: its leaf qdisc goes with it, and asking for that first would harm a live VM when the id is wrong. */
export async function removeClass(send: Send, bridge: Bridge, classId: number): Promise<Outcome> {
  const answer = await send(deleteClass(bridge.index, classId));
  if (answer.code === '') return { kind: 'ok' };
  if (answer.code === 'ENOENT') return { kind: 'gone' };
  if (answer.code === 'EBUSY') return { kind: 'busy', detail: answer.detail };
  return { kind: 'error', errno: answer.code, detail: answer.detail };
}
