/**
 * Who lives, who dangles, and whose is what: the whole judgement of the tc sweep, as pure functions over one look at the kernel. Whatever
 * is not understood is kept, and protects the class it points to.
 */
import type { Link } from '../../../native/rtnl/link.js';
import { ETH_P_ALL, type Filter, rtIifOf, type TcClass } from '../../../native/rtnl/tc.js';
import type { Refusal } from '../model.js';
import { derivedMinor, ROOT, ROOT_CLASS } from './ids.js';

/** An instance as its owner tells of it. */
export interface Allocation {
  readonly id: string;
  readonly tap: string;
  readonly state: string;
  /** Upload limit in bytes a second, 0 for none. */
  readonly rate: number;
  /** Whole id, 0 when not known. A hint: it can be stale. */
  readonly classId: number;
}

/** One look. Classes and filters were read before links and allocations, so what is born meanwhile is kept. */
export interface TcLook {
  readonly classes: readonly TcClass[];
  readonly filters: readonly Filter[];
  /** As they were before the classes were read. */
  readonly filtersBefore: readonly Filter[];
  readonly links: readonly Link[];
  readonly allocations: readonly Allocation[];
  /** Minor of the qdisc's default class, 0 for none. */
  readonly defaultClass: number;
  readonly tapPrefix: string;
}

export type FilterVerdict = 'live' | 'stale' | 'foreign' | 'unknown-anchor';

export interface JudgedFilter {
  readonly filter: Filter;
  readonly verdict: FilterVerdict;
  /** Its anchor's index, 0 when unknown. */
  readonly iif: number;
  /** Set when it is stale beside this one, which serves the same live TAP. */
  readonly twin?: Filter;
}

export interface JudgedClass {
  readonly class: TcClass;
  readonly verdict: 'stale' | 'kept';
  /** Why it is kept. */
  readonly why: '' | 'root' | 'inner' | 'default' | 'foreign' | 'filter' | 'allocation' | 'derived';
}

export interface Judgement {
  readonly filters: readonly JudgedFilter[];
  readonly classes: readonly JudgedClass[];
  readonly liveAnchors: number;
}

/** The index that our own kind of filter is anchored to; undefined for any other. */
export function anchorOf(filter: Filter): number | undefined {
  const ours =
    filter.kind === 'basic' &&
    filter.parent === ROOT &&
    filter.chain === 0 &&
    filter.priority === 1 &&
    filter.protocol === ETH_P_ALL &&
    !filter.hasActions &&
    filter.ematches.length === 1;
  const [match] = filter.ematches;
  return ours && match !== undefined ? rtIifOf(match) : undefined;
}

export function liveTaps(links: readonly Link[], prefix: string): Map<number, Link> {
  return new Map(links.filter(({ name }) => name.startsWith(prefix)).map((link) => [link.index, link]));
}

export function judge(look: TcLook): Judgement {
  const taps = liveTaps(look.links, look.tapPrefix);
  const filters = judgeFilters(look, taps);
  const protectedBy = new Map<number, JudgedClass['why']>();
  for (const { filter, verdict } of filters) if (verdict !== 'stale' && filter.classId !== 0) protectedBy.set(filter.classId, 'filter');
  // Taken by its owner while this look went on: by now its class may be part of a new limit, whose filter is about to come.
  const pointedTo = new Set(look.filters.map(({ classId }) => classId));
  for (const { classId } of look.filtersBefore) if (!pointedTo.has(classId)) protectedBy.set(classId, 'filter');
  for (const { classId } of look.allocations) if (classId !== 0 && !protectedBy.has(classId)) protectedBy.set(classId, 'allocation');
  // A live TAP whose filter is not there yet, or could not be made, still has its class.
  for (const { name } of taps.values()) {
    const id = ROOT | derivedMinor(name);
    if (!protectedBy.has(id)) protectedBy.set(id, 'derived');
  }
  const parents = new Set(look.classes.map(({ parent }) => parent));
  const classes = look.classes.map((each): JudgedClass => {
    const why = reasonToKeep(each, look, parents) || (protectedBy.get(each.handle) ?? '');
    return { class: each, verdict: why === '' ? 'stale' : 'kept', why };
  });
  return { filters, classes, liveAnchors: filters.filter(({ verdict }) => verdict === 'live').length };
}

function reasonToKeep(each: TcClass, look: TcLook, parents: ReadonlySet<number>): JudgedClass['why'] {
  if (each.kind !== 'htb' || each.handle >>> 16 !== ROOT >>> 16) return 'foreign';
  if (each.handle === ROOT_CLASS) return 'root';
  if (parents.has(each.handle)) return 'inner';
  if (look.defaultClass !== 0 && (each.handle & 0xffff) === look.defaultClass) return 'default';
  return each.parent === ROOT_CLASS ? '' : 'foreign';
}

function judgeFilters(look: TcLook, taps: ReadonlyMap<number, Link>): JudgedFilter[] {
  const classOf = new Map(look.allocations.filter(({ classId }) => classId !== 0).map(({ tap, classId }) => [tap, classId]));
  const byAnchor = new Map<number, Filter[]>();
  for (const filter of look.filters) {
    const iif = anchorOf(filter);
    if (iif !== undefined && taps.has(iif)) byAnchor.set(iif, [...(byAnchor.get(iif) ?? []), filter]);
  }
  return look.filters.map((filter): JudgedFilter => {
    if (filter.kind !== 'basic') return { filter, verdict: 'foreign', iif: 0 };
    const iif = anchorOf(filter);
    if (iif === undefined) return { filter, verdict: 'unknown-anchor', iif: 0 };
    const tap = taps.get(iif);
    if (tap === undefined) return { filter, verdict: 'stale', iif };
    // Several filters for one live TAP: the one whose class is its owner's is in force. Without a word from the owner all are kept.
    const twin = (byAnchor.get(iif) ?? []).find(({ classId }) => classId === classOf.get(tap.name));
    return twin !== undefined && filter.classId !== twin.classId
      ? { filter, verdict: 'stale', iif, twin }
      : { filter, verdict: 'live', iif };
  });
}

/** Why nothing may be swept on this judgement; undefined when it may. */
export function guard({ filters, classes, liveAnchors }: Judgement, allowEmpty: boolean): Refusal | undefined {
  const anchored = filters.filter(({ verdict }) => verdict === 'live' || verdict === 'stale').length;
  if (filters.length > 0 && anchored === 0) {
    return { reason: 'filter_parse', detail: `${filters.length} filters and not one with an anchor that is understood` };
  }
  const candidates =
    filters.filter(({ verdict }) => verdict === 'stale').length + classes.filter(({ verdict }) => verdict === 'stale').length;
  if (candidates > 0 && liveAnchors === 0 && !allowEmpty) {
    return {
      reason: 'no-anchors',
      detail: `${candidates} objects look stale and not one lives: a wrong namespace or TAP prefix looks just like that; --allow-empty if it is so`,
    };
  }
  return undefined;
}
