/**
 * Removes the tc classes and filters of TAPs that are gone. A pass looks; only what two looks found stale, unchanged, is deleted, and each
 * deletion is verified by itself. Modes as everywhere: observe prints the plan, repair carries it out.
 */
import type { Log } from '../../log.js';
import type { Clock } from '../../ticker.js';
import type { Audit } from '../audit.js';
import type { BlastRadius } from '../limits.js';
import type { Metrics } from '../metrics.js';
import { type Mode, type Outcome, type PassReport, type Refusal, settled, type Trigger } from '../model.js';
import { type RepeatLog, repeatLimited } from '../repeat.js';
import type { Send, Writer } from '../writer.js';
import { type Allocation, guard, type Judgement, judge } from './classify.js';
import { formatId } from './ids.js';
import { type Bridge, ListingFailed, look, removeClasses, removeFilters, type TcRtnl, verifyFilters } from './kernel.js';
import { candidates, capPlan, inBoth, type SweepPlan, without } from './plan.js';

export interface SweepOptions {
  readonly rtnl: TcRtnl;
  readonly writer: Writer;
  readonly bridge: string;
  readonly tapPrefix: string;
  readonly allocations: () => Promise<readonly Allocation[]>;
  readonly radius: BlastRadius;
  /** Between the two looks that must agree. */
  readonly minAgeMs: number;
  /** 1 only when the allocator holds the same lock. */
  readonly confirmPasses: 1 | 2;
  readonly allowEmpty: boolean;
  readonly mode: () => Mode;
  readonly epoch: () => number;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  readonly metrics: Metrics;
  readonly logRepeatMs: number;
}

/** What a look found, for people: the dry run's first line. */
export interface SweepSummary {
  readonly bridge: string;
  readonly liveTaps: number;
  readonly filters: number;
  readonly classes: number;
  readonly staleFilters: number;
  readonly staleClasses: number;
}

export interface Finding {
  /** Within the blast radius. */
  readonly plan: SweepPlan;
  /** Without a cap: what two looks are compared by. */
  readonly all: SweepPlan;
  readonly observed: number;
  readonly summary: SweepSummary;
  readonly refusal: Refusal | undefined;
}

const NAME = 'tc';

/**
 * Deletions that are sent together, at most: a question and its answer cost more than the kernel's work for them. Filters begin with one
 * and double as long as none had to be put back, so that a world that changes under the sweep stops it at its first deletion.
 */
const AT_ONCE = 128;

export class Sweep {
  private readonly options: SweepOptions;
  private readonly say: RepeatLog;
  private first: { readonly plan: SweepPlan; readonly at: number; readonly epoch: number } | undefined;

  constructor(options: SweepOptions) {
    this.options = options;
    this.say = repeatLimited(options.log, options.logRepeatMs, () => options.clock.now());
  }

  /** One look and its judgement. Writes nothing. @throws ListingFailed */
  async find(): Promise<Finding> {
    const { rtnl, bridge: name, tapPrefix, allocations, allowEmpty, radius } = this.options;
    const bridge = await this.bridge();
    const seen = await look(rtnl, bridge, tapPrefix, allocations);
    const judgement = judge(seen);
    const all = candidates(judgement, { netns: rtnl.cookie.toString(), bridge: name, bridgeIndex: bridge.index });
    this.measure(judgement, seen.allocations.length);
    const observed = judgement.filters.length + judgement.classes.length;
    return {
      plan: capPlan(all, radius, observed),
      all,
      observed,
      summary: {
        bridge: name,
        liveTaps: seen.links.filter((link) => link.name.startsWith(tapPrefix)).length,
        filters: seen.filters.length,
        classes: seen.classes.length,
        staleFilters: all.filters.length,
        staleClasses: all.classes.length,
      },
      refusal: guard(judgement, allowEmpty),
    };
  }

  async pass(trigger: Trigger): Promise<PassReport> {
    const { mode, clock, epoch, minAgeMs, confirmPasses, log } = this.options;
    const nothing = { trigger, drift: {}, outcomes: {}, capped: 0 } as const;
    if (mode() === 'off') {
      this.first = undefined;
      return { ...nothing, result: 'noop' };
    }
    const startEpoch = epoch();
    let finding: Finding;
    try {
      finding = await this.find();
    } catch (error) {
      return { ...nothing, result: 'aborted', refusal: this.abort(error) };
    }
    const { plan, all, summary, refusal } = finding;
    const drift = plan.filters.length + plan.classes.length > 0 ? { stale: summary.staleFilters + summary.staleClasses } : {};
    if (refusal !== undefined) {
      this.first = undefined;
      this.say('warn', refusal.reason, refusal.reason, 'nothing is swept', { detail: refusal.detail });
      return { ...nothing, drift, result: 'aborted', refusal };
    }
    const earlier = this.first;
    const now = clock.now();
    this.first = earlier?.epoch === startEpoch && now - earlier.at < minAgeMs ? earlier : { plan: all, at: now, epoch: startEpoch };
    if (plan.filters.length + plan.classes.length === 0) {
      log('debug', 'no tc object is stale', { bridge: summary.bridge });
      return { ...nothing, result: 'noop' };
    }
    if (mode() === 'observe') {
      const count = plan.filters.length + plan.classes.length;
      this.say('info', summary.bridge, 'stale', 'stale tc objects found; nothing is written in mode observe', { ...summary });
      return { ...nothing, result: 'noop', drift, outcomes: { dryrun: count }, capped: plan.capped };
    }
    const seenTwice = earlier?.epoch === startEpoch && now - earlier.at >= minAgeMs ? inBoth(earlier.plan, all) : undefined;
    const proven = confirmPasses === 1 ? all : seenTwice;
    if (proven === undefined) return { ...nothing, result: 'noop', drift, capped: plan.capped };
    const within = capPlan(proven, this.options.radius, finding.observed);
    this.first = { ...this.first, plan: without(this.first.plan, within) };
    const outcomes = await this.carryOut(within, startEpoch);
    return { trigger, result: 'ok', drift, outcomes, capped: within.capped };
  }

  /** Carries a plan out, filters before classes. Every deletion is verified again; after one that had to be undone no more are sent. */
  async carryOut(plan: SweepPlan, startEpoch = this.options.epoch()): Promise<PassReport['outcomes']> {
    const { rtnl, writer, tapPrefix, epoch, log } = this.options;
    const outcomes: Partial<Record<Outcome['kind'], number>> = {};
    const bridge: Bridge = { name: plan.bridge, index: plan.bridgeIndex };
    let stopped = false;
    const allowed = () => !stopped && epoch() === startEpoch && this.options.mode() === 'repair';
    const note = (kind: 'filter' | 'class', key: string, outcome: Outcome) => {
      outcomes[outcome.kind] = (outcomes[outcome.kind] ?? 0) + 1;
      stopped ||= outcome.kind === 'undone';
      this.file(kind, key, outcome);
    };
    const perform = async (writes: number, run: (send: Send) => Promise<readonly Outcome[]>): Promise<readonly Outcome[]> => {
      if (writes === 0) return [];
      const done = await writer.enqueue({ writes, stillWanted: allowed, run });
      return 'kind' in done ? Array.from({ length: writes }, () => done) : done;
    };
    let size = 1;
    for (let at = 0; at < plan.filters.length; size = Math.min(2 * size, AT_ONCE)) {
      const batch = plan.filters.slice(at, at + size);
      at += batch.length;
      const objections = allowed() ? await verifyFilters(rtnl, bridge, batch, tapPrefix) : [];
      const ops = batch.filter((_, index) => objections[index] === undefined);
      const done = await perform(ops.length, (send) => removeFilters(send, bridge, ops));
      for (const [index, op] of batch.entries()) {
        const key = `filter ${op.handle.toString(16)} iif ${op.iif} class ${formatId(op.classId)}`;
        note('filter', key, objections[index] ?? (done[ops.indexOf(op)] as Outcome));
      }
    }
    if (plan.classes.length > 0 && allowed()) {
      // Once more, now that the filters are gone: a class that any filter points to stays.
      const { items } = await rtnl.filters(bridge.index, 0x1_0000);
      const used = new Set(items.map(({ classId }) => classId));
      for (const classId of plan.classes)
        if (used.has(classId)) note('class', `class ${formatId(classId)}`, { kind: 'busy', detail: 'a filter points to it' });
      const free = plan.classes.filter((classId) => !used.has(classId));
      for (let at = 0; at < free.length; at += AT_ONCE) {
        const batch = free.slice(at, at + AT_ONCE);
        const done = await perform(batch.length, (send) => removeClasses(send, bridge, batch));
        for (const [index, classId] of batch.entries()) note('class', `class ${formatId(classId)}`, done[index] as Outcome);
      }
    }
    const removed = (outcomes.ok ?? 0) + (outcomes.gone ?? 0);
    if (removed > 0 || stopped) log(stopped ? 'warn' : 'info', 'swept stale tc objects', { bridge: plan.bridge, ...outcomes });
    return outcomes;
  }

  async bridge(): Promise<Bridge> {
    const { rtnl, bridge } = this.options;
    const links = await rtnl.links().catch((error: Error) => {
      throw new ListingFailed('link_list', error.message);
    });
    const found = links.items.find(({ name }) => name === bridge);
    if (found === undefined) throw new ListingFailed('link_list', `there is no interface ${bridge} in this namespace`);
    return { name: bridge, index: found.index };
  }

  private file(kind: 'filter' | 'class', key: string, outcome: Outcome): void {
    const { metrics, audit } = this.options;
    metrics.actions.inc({ reconciler: NAME, action: 'delete', result: outcome.kind });
    const detail = 'detail' in outcome ? outcome.detail : '';
    audit.record({
      reconciler: NAME,
      key,
      why: 'sweep',
      observed: 'stale',
      planned: 'delete',
      acted: detail === '' ? outcome.kind : `${outcome.kind}: ${detail}`,
    });
    if (settled(outcome)) {
      metrics.tcOrphansSwept.inc({ kind });
      this.say('warn', `any ${kind}`, 'orphan', `an orphaned tc ${kind} was removed`, { object: key });
    } else if (outcome.kind === 'error') {
      metrics.tcCleanupFailures.inc({ operation: `${kind}_del` });
      this.say('error', `any ${kind}`, outcome.errno, `an orphaned tc ${kind} could not be removed`, { object: key, detail });
    }
  }

  private abort(error: unknown): Refusal {
    const { metrics } = this.options;
    this.first = undefined;
    const what = error instanceof ListingFailed ? error.what : 'listing';
    const detail = error instanceof Error ? error.message : String(error);
    metrics.tcCleanupFailures.inc({ operation: what });
    this.say('warn', what, 'listing-failed', 'tc cannot be listed; nothing is swept', { detail });
    return { reason: 'listing-failed', detail };
  }

  private measure(judgement: Judgement, allocations: number): void {
    const { metrics } = this.options;
    for (const verdict of ['live', 'stale', 'foreign', 'unknown-anchor'] as const) {
      metrics.objects.set(
        { reconciler: NAME, state: `filter-${verdict}` },
        judgement.filters.filter((each) => each.verdict === verdict).length,
      );
    }
    for (const verdict of ['kept', 'stale'] as const) {
      metrics.objects.set(
        { reconciler: NAME, state: `class-${verdict}` },
        judgement.classes.filter((each) => each.verdict === verdict).length,
      );
    }
    let [wasted, neverHit] = [0n, 0];
    for (const { filter } of judgement.filters) {
      if (filter.counts === undefined) continue;
      wasted += filter.counts.evaluated - filter.counts.hit;
      if (filter.counts.evaluated > 0n && filter.counts.hit === 0n) neverHit++;
    }
    metrics.wasted.set(Number(wasted));
    metrics.neverHit.set(neverHit);
    metrics.allocations.set(allocations);
    metrics.htbClasses.set(judgement.classes.filter(({ why }) => why !== 'root').length);
  }
}
