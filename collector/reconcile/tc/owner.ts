/**
 * Gives a VM its upload limit and takes it away again: one class, one leaf, one filter anchored to the TAP. What belongs to whom is found
 * by the TAP's index, through the filter, to the class; a remembered class id is a hint, and a hash of the name is never deleted by.
 *
 * Callers hold the tc lock, so a half-made limit is never seen by the sweep.
 */
import type { Link } from '../../../native/rtnl/link.js';
import { deleteLink } from '../../../native/rtnl/link.js';
import { ETH_P_ALL, type Filter, newClass, newFilter, newQdisc } from '../../../native/rtnl/tc.js';
import type { Log } from '../../log.js';
import type { Metrics } from '../metrics.js';
import { type Mode, type Outcome, settled } from '../model.js';
import type { Send, Writer } from '../writer.js';
import { type Allocation, anchorOf, liveTaps } from './classify.js';
import { candidateMinors, formatId, PROBES, ROOT, ROOT_CLASS } from './ids.js';
import { type Bridge, removeClass, removeFilter, type TcRtnl, verifyFilters } from './kernel.js';

export interface OwnerOptions {
  readonly rtnl: TcRtnl;
  readonly writer: Writer;
  readonly tapPrefix: string;
  readonly ceil: number;
  readonly mode: () => Mode;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface Applied {
  readonly outcome: Outcome;
  /** Whole id, 0 when nothing was made. */
  readonly classId: number;
}

export type Released =
  | { readonly kind: 'released'; readonly filters: number; readonly classes: number; readonly clear: true }
  /** Nothing belongs to it: what is left, if anything, is the sweep's to find. */
  | { readonly kind: 'deferred'; readonly clear: boolean }
  | {
      readonly kind: 'failed';
      readonly reason: 'filter_list' | 'filter_del' | 'class_del';
      readonly detail: string;
      readonly clear: false;
    };

export class Owner {
  constructor(private readonly options: OwnerOptions) {}

  /**
   * @param tapIndex index of the TAP when the limit was asked for: a TAP made anew under the same name has another one
   */
  async apply(bridge: Bridge, allocation: Allocation, tapIndex: number): Promise<Applied> {
    const { rtnl, writer, tapPrefix, mode, metrics, log } = this.options;
    const link = await rtnl.link(tapIndex);
    if (link?.name !== allocation.tap || !link.name.startsWith(tapPrefix)) return { outcome: { kind: 'superseded' }, classId: 0 };
    const taken = new Set((await rtnl.classes(bridge.index, ROOT)).items.map(({ handle }) => handle & 0xffff));
    const stillWanted = () => mode() === 'repair';
    let made = 0;
    const outcome = await writer.enqueue<Outcome>({
      stillWanted,
      run: async (send) => {
        let attempt = 0;
        for (const minor of candidateMinors(allocation.tap, taken)) {
          const handle = ROOT | minor;
          const spec = { index: bridge.index, handle, parent: ROOT_CLASS, rate: allocation.rate, ceil: this.options.ceil, priority: 1 };
          const answer = await send(newClass(spec, 'create'));
          if (answer.code === 'EEXIST') {
            metrics.tcCollisions.inc({ attempt: attempt++ === 0 ? 'initial' : 'retry' });
            if (attempt === PROBES) log('warn', 'the class ids of a TAP are all taken; any free one is used', { tap: allocation.tap });
            continue;
          }
          if (answer.code !== '') return { kind: 'error', errno: answer.code, detail: answer.detail };
          made = handle;
          break;
        }
        if (made === 0) return { kind: 'conflict', detail: 'every class id is taken' };
        const leaf = await send(newQdisc(bridge.index, 0, made, 'fq_codel'));
        // The filter comes last: as long as it is not there no packet takes the class.
        const filter = await send(
          newFilter({ index: bridge.index, parent: ROOT, handle: 0, priority: 1, protocol: ETH_P_ALL }, made, tapIndex),
        );
        if (leaf.code === '' && filter.code === '') return { kind: 'ok' };
        const failed = filter.code === '' ? leaf : filter;
        await removeClass(send, bridge, made);
        made = 0;
        return { kind: 'error', errno: failed.code, detail: failed.detail };
      },
    });
    return { outcome, classId: made };
  }

  /** @param deleteTap whether the TAP goes too, after what is anchored to it */
  async release(bridge: Bridge, allocation: Allocation, allocations: readonly Allocation[], deleteTap: boolean): Promise<Released> {
    const { rtnl, metrics, log, tapPrefix } = this.options;
    let filters: readonly Filter[];
    let links: readonly Link[];
    try {
      filters = (await rtnl.filters(bridge.index, ROOT)).items;
      links = (await rtnl.links()).items;
    } catch (error) {
      // Without the list nobody knows who else uses the class: the sweep will find out.
      metrics.tcCleanupFailures.inc({ operation: 'filter_list' });
      const detail = error instanceof Error ? error.message : String(error);
      log('error', 'a limit cannot be released now; the sweep will', { tap: allocation.tap, cause: detail });
      return { kind: 'failed', reason: 'filter_list', detail, clear: false };
    }
    const tap = links.find(({ name }) => name === allocation.tap);
    const mine = ownFilters(filters, tap, allocation, liveTaps(links, tapPrefix), allocations);
    const result = await this.remove(bridge, mine, filters);
    if (deleteTap && tap !== undefined && result.kind !== 'failed') await this.deleteTap(tap);
    if (result.kind === 'deferred') log('info', 'nothing to release; what is left is for the sweep', { tap: allocation.tap });
    return result;
  }

  private async remove(bridge: Bridge, mine: readonly Filter[], all: readonly Filter[]): Promise<Released> {
    const { metrics, log } = this.options;
    if (mine.length === 0) return { kind: 'deferred', clear: true };
    for (const filter of mine) {
      const outcome = await this.removeOne(bridge, filter);
      if (settled(outcome)) continue;
      metrics.tcCleanupFailures.inc({ operation: 'filter_del' });
      log('error', 'a filter could not be deleted', { handle: filter.handle, outcome: outcome.kind });
      return { kind: 'failed', reason: 'filter_del', detail: outcome.kind, clear: false };
    }
    const others = new Set(all.filter((filter) => !mine.includes(filter)).map(({ classId }) => classId));
    const classes = [...new Set(mine.map(({ classId }) => classId))].filter((id) => id !== 0 && id !== ROOT_CLASS && !others.has(id));
    let gone = 0;
    for (const classId of classes) {
      const outcome = await this.write((send) => removeClass(send, bridge, classId));
      if (settled(outcome)) gone++;
      else if (outcome.kind !== 'busy') {
        metrics.tcCleanupFailures.inc({ operation: 'class_del' });
        log('error', 'a class could not be deleted', { class: formatId(classId), outcome: outcome.kind });
        return { kind: 'failed', reason: 'class_del', detail: outcome.kind, clear: false };
      }
    }
    return { kind: 'released', filters: mine.length, classes: gone, clear: true };
  }

  /** The anchor lives here, so its death cannot be asked for; what the filter is, is read and compared all the same. */
  private removeOne(bridge: Bridge, filter: Filter): Promise<Outcome> {
    const op = {
      handle: filter.handle,
      priority: filter.priority,
      classId: filter.classId,
      iif: anchorOf(filter) ?? 0,
      twin: filter.handle,
    };
    return this.write(
      async (send) => (await verifyFilters(this.options.rtnl, bridge, [op], this.options.tapPrefix))[0] ?? removeFilter(send, bridge, op),
    );
  }

  /** @param operation under which it is counted */
  async deleteTap(tap: Link, operation: 'delete' | 'cleanup_orphan' = 'delete'): Promise<void> {
    const outcome = await this.write(async (send) => {
      const now = await this.options.rtnl.link(tap.index);
      if (now?.name !== tap.name) return { kind: 'gone' };
      const answer = await send(deleteLink(tap.index));
      return answer.code === ''
        ? { kind: 'ok' }
        : answer.code === 'ENODEV'
          ? { kind: 'gone' }
          : { kind: 'error', errno: answer.code, detail: answer.detail };
    });
    if (settled(outcome)) this.options.metrics.tapOperations.inc({ operation });
  }

  private write(run: (send: Send) => Promise<Outcome>): Promise<Outcome> {
    return this.options.writer.enqueue({ stillWanted: () => this.options.mode() === 'repair', run });
  }
}

/**
 * The filters of one VM: those anchored to its TAP; and those of the class it is remembered by, unless their anchor is another live TAP or
 * the class is by now another one's. Pure.
 */
export function ownFilters(
  filters: readonly Filter[],
  tap: Link | undefined,
  allocation: Allocation,
  taps: ReadonlyMap<number, Link>,
  allocations: readonly Allocation[],
): readonly Filter[] {
  const anchored = tap === undefined ? [] : filters.filter((filter) => anchorOf(filter) === tap.index);
  if (allocation.classId === 0) return anchored;
  const users = filters.filter(({ classId }) => classId === allocation.classId);
  const claimed =
    allocations.some((other) => other.id !== allocation.id && other.classId === allocation.classId) ||
    users.some((filter) => {
      const iif = anchorOf(filter);
      return iif === undefined || (taps.has(iif) && iif !== tap?.index);
    });
  return claimed ? anchored : [...new Set([...anchored, ...users])];
}

const PRESERVED = new Set(['running', 'initializing', 'unknown']);

/**
 * TAPs that no instance needs any more. A list of instances that could not be had, or that preserves nothing at all, reaps nothing: it
 * looks just like "everything is an orphan". Pure.
 * @param firstSeen when each index was first seen, in milliseconds
 */
export function reapable(
  taps: ReadonlyMap<number, Link>,
  allocations: readonly Allocation[] | undefined,
  firstSeen: ReadonlyMap<number, number>,
  now: number,
  minAgeMs: number,
): Link[] {
  const preserved = new Set((allocations ?? []).filter(({ state }) => PRESERVED.has(state.toLowerCase())).map(({ tap }) => tap));
  if (preserved.size === 0) return [];
  return [...taps.values()].filter(({ index, name }) => !preserved.has(name) && now - (firstSeen.get(index) ?? now) >= minAgeMs);
}
