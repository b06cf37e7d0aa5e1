/**
 * Keeps the routes that are meant to be in the kernel, and nothing else's. Writes go through the namespace's one writer and are checked
 * at the moment of sending, so a route that was withdrawn is never put back, whatever is under way.
 */
import { decodeRoute } from '../../../native/rtnl/route.js';
import { type Message, RTM } from '../../../native/rtnl/wire.js';
import { allowedDeletes, Backoff, Fights } from '../limits.js';
import { type Action, type Outcome, type PassReport, settled, type Trigger } from '../model.js';
import { type RepeatLog, repeatLimited } from '../repeat.js';
import { type Look, type LookOptions, type RouteDrift, RouteLooks } from './look.js';
import { type IntendedRoute, keyOf } from './spec.js';
import { NAME, type RouteState, RouteStates, type StateOptions } from './states.js';
import { RouteWrites, type WriteOptions } from './writes.js';

export interface RouteReconcilerOptions extends LookOptions, WriteOptions, StateOptions {
  readonly epoch: () => number;
  readonly conflict: 'report' | 'override';
  readonly maxDeletes: number;
  readonly maxFraction: number;
  readonly logRepeatMs: number;
  /** Something can be tried again at this time. */
  readonly wakeAt?: (at: number | undefined) => void;
}

export class RouteReconciler {
  private readonly options: RouteReconcilerOptions;
  private readonly looks: RouteLooks;
  private readonly writes: RouteWrites;
  private readonly backoff = new Backoff();
  private readonly fights = new Fights();
  private readonly say: RepeatLog;
  private readonly states: RouteStates;
  /** Keys whose writing waits in the writer or is under way, and the generation that is written. */
  private readonly installing = new Map<string, number>();
  private events = 0;
  private passes = 0;
  missedEvents = 0;

  constructor(options: RouteReconcilerOptions) {
    this.options = options;
    this.looks = new RouteLooks(options, (names) => this.purgeDevices(names));
    this.writes = new RouteWrites(options, this.looks);
    this.say = repeatLimited(options.log, options.logRepeatMs, () => options.clock.now());
    this.states = new RouteStates(options, this.backoff, this.fights, this.say);
  }

  /** State of every key that is wanted, going or unexpected. */
  list(): ReadonlyMap<string, RouteState> {
    return this.states.list();
  }

  /** Records the intent, then writes. A route of a protocol that is not ours is written once and not kept. */
  async add(intended: IntendedRoute): Promise<Outcome> {
    const { desired, protocols, audit } = this.options;
    if (!protocols.has(intended.route.protocol)) return this.writes.write(intended, 'create', () => true);
    if (!desired.put(intended)) return { kind: 'superseded' };
    audit.record({ reconciler: NAME, key: intended.key, why: 'add', observed: '', planned: 'add', acted: '' });
    if (desired.wanted.get(intended.key) !== intended) return { kind: 'superseded' };
    this.backoff.succeeded(intended.key);
    this.fights.forget(intended.key);
    this.states.set(intended.key, 'missing');
    const outcome = await this.install(intended, 'create', desired.generation(intended.key));
    // What is there already may be just what is wanted, from an earlier life: a look at the kernel tells.
    if (outcome.kind === 'conflict') this.backoff.wake(intended.key);
    return outcome;
  }

  /** Forgets the route, then deletes it. Resolves when the kernel has it no more, or with why it still has. */
  withdraw(key: string, why = 'withdraw'): Promise<Outcome> {
    const intended = this.options.desired.withdraw(key);
    if (intended === undefined) return Promise.resolve({ kind: 'gone' });
    return this.remove(intended, why);
  }

  async groupDown(group: string): Promise<Outcome[]> {
    const gone = this.options.desired.groupDown(group);
    return Promise.all(gone.map((intended) => this.remove(intended, `group ${group} down`)));
  }

  async groupUp(group: string): Promise<Outcome[]> {
    const back = this.options.desired.groupUp(group);
    return Promise.all(back.map((intended) => this.add(intended)));
  }

  /** Withdraws every route through a gateway, as the end of a tunnel does. */
  async purgeThrough(gateway: string): Promise<Outcome[]> {
    const gone = this.options.desired.park(({ route }) => route.nexthops.some((hop) => hop.gateway === gateway));
    return Promise.all(gone.map((intended) => this.remove(intended, `purged: ${gateway} is gone`)));
  }

  /** Whether the event gives reason to look. */
  noteEvent(message: Message): boolean {
    switch (message.type) {
      case RTM.NEWROUTE:
      case RTM.DELROUTE:
        return this.noteRoute(message);
      case RTM.DELLINK:
        // AF_BRIDGE (7): a port left its bridge, the link lives.
        if (message.view.getUint8(message.start) === 0) this.linkGone(message.view.getInt32(message.start + 4, true));
        break;
      case RTM.NEWLINK:
      case RTM.NEWADDR:
      case RTM.DELADDR:
        break;
      default:
        return false;
    }
    // IPv4 routes flushed with their link or source address are never told: every such event is a reason to look.
    for (const key of this.states.keysOf('blocked')) this.backoff.wake(key);
    this.events++;
    return true;
  }

  async pass(trigger: Trigger): Promise<PassReport> {
    const { desired, mode, epoch, tables } = this.options;
    const nothing = { trigger, drift: {}, outcomes: {}, capped: 0 } as const;
    if (mode() === 'off') return { ...nothing, result: 'noop' };
    if (desired.wanted.size === 0 && desired.tombstones.size === 0 && tables.length === 0) return { ...nothing, result: 'noop' };
    const heard = this.events;
    this.events = 0;
    const startEpoch = epoch();
    const mark = desired.mark;
    let look: Look;
    try {
      look = await this.looks.look(this.states.contested);
    } catch (error) {
      this.events += heard;
      const detail = error instanceof Error ? error.message : String(error);
      this.options.log('error', 'routes cannot be listed; nothing is done', { cause: detail });
      return { ...nothing, result: 'aborted', refusal: { reason: 'listing-failed', detail } };
    }
    if (epoch() !== startEpoch)
      return { ...nothing, result: 'torn', refusal: { reason: 'torn', detail: 'events were lost during the look' } };
    // What an earlier turn is about to write is not there yet, and is not lost: a hundred thousand routes take longer than a tick.
    const drift = look.drift.filter(({ key }) => this.installing.get(key) !== desired.generation(key));
    this.states.note({ ...look, drift }, mark);
    const real = drift.filter(({ kind, key }) => kind !== 'stale' || desired.tombstones.has(key));
    if (this.passes++ > 0 && real.length > 0 && trigger !== 'event' && trigger !== 'manual' && (heard === 0 || trigger === 'overflow')) {
      this.missedEvents += real.length;
      this.options.metrics.drift.inc({ reconciler: NAME, kind: 'missed_event' }, real.length);
    }
    return this.carryOut(trigger, drift, desired.converged.size + look.other.size, startEpoch);
  }

  private async carryOut(trigger: Trigger, drift: readonly RouteDrift[], observed: number, startEpoch: number): Promise<PassReport> {
    const { mode, desired } = this.options;
    const { plan, capped } = this.plan(drift, observed);
    const counts: Partial<Record<RouteDrift['kind'], number>> = {};
    for (const { kind } of drift) counts[kind] = (counts[kind] ?? 0) + 1;
    const outcomes: Partial<Record<Outcome['kind'] | 'dryrun', number>> = {};
    const count = (kind: Outcome['kind'] | 'dryrun') => {
      outcomes[kind] = (outcomes[kind] ?? 0) + 1;
    };
    if (mode() === 'observe') for (const _ of plan) count('dryrun');
    else {
      const current = (key: string, generation: number) => desired.generation(key) === generation && this.options.epoch() === startEpoch;
      await Promise.all(
        plan.map(async (item) => {
          const outcome = await this.act(item, trigger, current);
          count(outcome.kind);
        }),
      );
    }
    this.options.wakeAt?.(this.nextTry());
    this.states.report();
    return { trigger, result: plan.length > 0 ? 'ok' : 'noop', drift: counts, outcomes, capped };
  }

  /** What may be done now, and how much of it the cap leaves for later. */
  private plan(drift: readonly RouteDrift[], observed: number): { plan: RouteDrift[]; capped: number } {
    const { desired, conflict, prune, adoptGraceMs, clock } = this.options;
    const now = clock.now();
    const tryable = drift.filter(({ key }) => this.backoff.ready(key, now) && this.fights.ready(key, now));
    const prunable = tryable.filter(
      ({ kind, key }) => kind === 'stale' && !desired.tombstones.has(key) && prune && now - (this.states.since(key) ?? now) >= adoptGraceMs,
    );
    const allowed = allowedDeletes(this.options, prunable.length, observed);
    const pruned = new Set(prunable.slice(0, allowed).map(({ key }) => key));
    const plan = tryable.filter(({ kind, key }) => {
      if (kind === 'stale') return desired.tombstones.has(key) || pruned.has(key);
      return kind !== 'conflict' || conflict === 'override';
    });
    return { plan, capped: prunable.length - pruned.size };
  }

  private async act(drift: RouteDrift, trigger: Trigger, current: (key: string, generation: number) => boolean): Promise<Outcome> {
    const { desired, audit, metrics, clock } = this.options;
    const { key, kind } = drift;
    // The look took a while. What was withdrawn or put since must not be judged by it: with a generation read only now, a reinstallation
    // planned before a withdrawal would pass for current and bring the route back.
    if (drift.kind === 'stale' ? desired.wanted.has(key) : desired.wanted.get(key) !== drift.want) return { kind: 'superseded' };
    const generation = desired.generation(key);
    const stillCurrent = () => current(key, generation);
    let action: Action;
    let outcome: Outcome;
    if (drift.kind === 'stale') {
      action = 'delete';
      outcome = await this.writes.delete({ key, group: '', route: drift.have, devices: [] }, stillCurrent);
      if (settled(outcome)) desired.deleted(key, generation);
    } else {
      action = drift.kind === 'missing' ? 'add' : 'replace';
      outcome = await this.install(drift.want, drift.kind === 'missing' ? 'create' : 'replace', generation, stillCurrent);
    }
    audit.record({ reconciler: NAME, key, why: trigger, observed: kind, planned: action, acted: describe(outcome) });
    if (settled(outcome)) {
      const seen = this.states.since(key);
      if (seen !== undefined) metrics.driftAge.observe({ reconciler: NAME }, (clock.now() - seen) / 1_000);
      this.states.forgetSince(key);
      if (drift.kind !== 'stale') this.repaired(drift, outcome);
    }
    return outcome;
  }

  private repaired(drift: RouteDrift, outcome: Outcome): void {
    if (outcome.kind !== 'ok' || drift.kind === 'stale') return;
    const { clock, metrics } = this.options;
    this.fights.repaired(drift.key, clock.now());
    metrics.routeReinstalls.inc({ local_ip: drift.want.route.prefsrc });
    this.say('warn', drift.key, drift.kind, 'a route was put back', { route: drift.key, gateway: drift.want.route.nexthops[0]?.gateway });
    if (!this.fights.fought(drift.key, clock.now())) return;
    this.states.set(drift.key, 'fought');
    this.say('error', drift.key, 'fought', 'someone keeps removing or changing this route; it is put back ever more slowly', {
      route: drift.key,
    });
  }

  /** Writes a wanted route and files what became of it. */
  private async install(intended: IntendedRoute, verb: 'create' | 'replace', generation: number, current = () => true): Promise<Outcome> {
    const { desired, metrics, clock, audit } = this.options;
    const { key } = intended;
    this.installing.set(key, generation);
    const outcome = await this.writes.write(intended, verb, () => current() && desired.generation(key) === generation);
    if (this.installing.get(key) === generation) this.installing.delete(key);
    metrics.actions.inc({ reconciler: NAME, action: verb === 'create' ? 'add' : 'replace', result: outcome.kind });
    if (outcome.kind === 'superseded' || desired.generation(key) !== generation) return outcome;
    if (outcome.kind === 'ok') {
      this.backoff.succeeded(key);
      this.states.settle(key);
      return outcome;
    }
    this.backoff.failed(key, clock.now());
    const state = outcome.kind === 'blocked' ? `blocked:${outcome.cause}` : outcome.kind;
    if (this.states.get(key) !== state)
      audit.record({ reconciler: NAME, key, why: 'write', observed: '', planned: verb, acted: describe(outcome) });
    this.states.set(key, state);
    metrics.routeFailures.inc({ local_ip: intended.route.prefsrc });
    const detail = 'detail' in outcome ? outcome.detail : '';
    this.say(outcome.kind === 'blocked' ? 'warn' : 'error', key, state, 'a route cannot be written', { route: key, detail });
    return outcome;
  }

  private async remove(intended: IntendedRoute, why: string): Promise<Outcome> {
    const { desired, metrics, audit, clock } = this.options;
    const { key } = intended;
    const generation = desired.generation(key);
    this.backoff.succeeded(key);
    this.fights.forget(key);
    const outcome = await this.states.whileDeleting(key, () => this.writes.delete(intended, () => desired.generation(key) === generation));
    metrics.actions.inc({ reconciler: NAME, action: 'delete', result: outcome.kind });
    audit.record({ reconciler: NAME, key, why, observed: '', planned: 'delete', acted: describe(outcome) });
    if (desired.generation(key) !== generation) return outcome;
    if (settled(outcome)) {
      desired.deleted(key, generation);
      this.states.settle(key);
    } else if (outcome.kind !== 'superseded') {
      this.backoff.failed(key, clock.now());
      this.say('error', key, 'delete', 'a withdrawn route cannot be deleted; it will be tried again', {
        route: key,
        cause: describe(outcome),
      });
      this.options.wakeAt?.(this.nextTry());
    }
    return outcome;
  }

  private noteRoute(message: Message): boolean {
    const route = decodeRoute(message);
    const key = keyOf(route);
    const { desired, protocols, audit } = this.options;
    const wanted = desired.wanted.has(key);
    if (wanted && message.type === RTM.DELROUTE) {
      audit.record({
        reconciler: NAME,
        key,
        why: 'event',
        observed: `deleted by netlink port ${message.port} (protocol ${route.protocol})`,
        planned: '',
        acted: '',
      });
    }
    if (!wanted && !desired.tombstones.has(key) && !protocols.has(route.protocol)) return false;
    this.events++;
    return true;
  }

  private linkGone(index: number): void {
    const { indexes } = this.looks;
    const names = [...indexes].filter(([, known]) => known === index).map(([name]) => name);
    for (const name of names) indexes.delete(name);
    this.purgeDevices(names);
  }

  /**
   * A route through an interface that was deleted is purged, whoever deleted it and whether or not anyone told: tearing a tunnel down takes
   * its routes along, and one that is made anew under the old name is another.
   */
  private purgeDevices(names: readonly string[]): void {
    for (const name of names) {
      const gone = this.options.desired.park(({ devices }) => devices.includes(name));
      for (const intended of gone) void this.remove(intended, `purged: interface ${name} is gone`);
    }
  }

  private nextTry(): number | undefined {
    const now = this.options.clock.now();
    const times = [this.backoff.next(now)];
    for (const key of this.states.keysOf('fought')) times.push(this.fights.readyAt(key, now));
    return times.filter((at): at is number => at !== undefined && at > now).sort((a, b) => a - b)[0];
  }
}

function describe(outcome: Outcome): string {
  const detail = 'detail' in outcome && outcome.detail !== '' ? `: ${outcome.detail}` : '';
  return outcome.kind === 'blocked'
    ? `blocked:${outcome.cause}${detail}`
    : outcome.kind === 'error'
      ? `${outcome.errno}${detail}`
      : `${outcome.kind}${detail}`;
}
