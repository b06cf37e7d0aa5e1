/**
 * Keeps the interface state true: every pass enumerates the whole namespace and compares, no event is ever applied to the state. So a
 * lost event costs at most one interval, and what no event told is counted as such.
 */
import type { Rtnl } from '../../../native/rtnl/index.js';
import type { Log } from '../../log.js';
import type { Mode, PassReport, Trigger } from '../model.js';
import { type Clocks, type Jump, timeJump } from '../timejump.js';
import { type InterfaceChange, type InterfaceState, interfaceChanges, interfaceState } from './state.js';

export interface InterfaceUpdate {
  readonly state: InterfaceState;
  /** May be empty after a time jump, which is always told. */
  readonly changes: readonly InterfaceChange[];
  readonly cause: Trigger;
  readonly jump: Jump | undefined;
}

/** The whole namespace at once; `consistent` false when the kernel said that it changed meanwhile. */
export type Enumerate = () => Promise<{ readonly state: InterfaceState; readonly consistent: boolean }>;

export interface InterfaceReconcilerOptions {
  readonly enumerate: Enumerate;
  readonly publish: (update: InterfaceUpdate) => void;
  readonly clocks: () => Clocks;
  readonly mode: () => Mode;
  readonly log: Log;
}

const MAIN_TABLE = 254;

export function enumerateWith(rtnl: Pick<Rtnl, 'links' | 'addresses' | 'routes'>): Enumerate {
  return async () => {
    const links = await rtnl.links();
    const addresses = await rtnl.addresses();
    const defaults = [];
    for (const family of [4, 6] as const) defaults.push(...(await rtnl.routes({ family, table: MAIN_TABLE, defaultOnly: true })).items);
    return { state: interfaceState(links.items, addresses.items, defaults), consistent: links.consistent && addresses.consistent };
  };
}

export class InterfaceReconciler {
  private known: InterfaceState | undefined;
  private read: Clocks;
  private eventsSinceLook = 0;
  /** Changes that a tick or a resync found and no event had told. */
  missedEvents = 0;
  /** Reading of the realtime clock after the last jump, undefined before the first. */
  lastUnsuspend: bigint | undefined;

  constructor(private readonly options: InterfaceReconcilerOptions) {
    this.read = options.clocks();
  }

  get state(): InterfaceState | undefined {
    return this.known;
  }

  /** An event arrived. It says only that there is something to see. */
  noteEvent(): void {
    this.eventsSinceLook++;
  }

  /** Whether time jumped since the last call; `expectedMs` is how long ago that was meant to be, undefined when nobody meant anything. */
  checkTime(expectedMs: number | undefined): Jump | undefined {
    const now = this.options.clocks();
    const jump = timeJump(this.read, now, expectedMs);
    this.read = now;
    if (jump !== undefined) this.lastUnsuspend = now.realtime;
    return jump;
  }

  async pass(trigger: Trigger, jump?: Jump): Promise<PassReport> {
    if (this.options.mode() === 'off') return { trigger, result: 'noop', drift: {}, outcomes: {}, capped: 0 };
    const heard = this.eventsSinceLook;
    this.eventsSinceLook = 0;
    let seen: Awaited<ReturnType<Enumerate>>;
    try {
      seen = await this.options.enumerate();
    } catch (error) {
      // What was heard is not yet seen.
      this.eventsSinceLook += heard;
      const detail = error instanceof Error ? error.message : String(error);
      this.options.log('error', 'interfaces cannot be listed', { cause: detail });
      return { trigger, result: 'aborted', refusal: { reason: 'listing-failed', detail }, drift: {}, outcomes: {}, capped: 0 };
    }
    // Switched off while it looked: what it saw is not told.
    if (this.options.mode() === 'off') return { trigger, result: 'noop', drift: {}, outcomes: {}, capped: 0 };
    const first = this.known === undefined;
    const changes = interfaceChanges(this.known ?? { interfaces: new Map(), defaults: {} }, seen.state);
    this.known = seen.state;
    const missed = !first && changes.length > 0 && (trigger === 'overflow' || heard === 0) ? changes.length : 0;
    this.missedEvents += missed;
    if (first || changes.length > 0 || jump !== undefined) this.options.publish({ state: seen.state, changes, cause: trigger, jump });
    else this.options.log('debug', 'interfaces are as known', { trigger });
    return {
      trigger,
      result: seen.consistent ? (changes.length > 0 ? 'ok' : 'noop') : 'torn',
      drift: changes.length > 0 ? { modified: changes.length } : {},
      outcomes: {},
      capped: 0,
    };
  }
}
