/**
 * What is known of each wanted, going or unexpected route that is not simply as it should be, and since when. For people (list, log lines,
 * gauges), and for the next pass: what is contested, what waits.
 */
import type { Log } from '../../log.js';
import type { Clock } from '../../ticker.js';
import type { Audit } from '../audit.js';
import type { Backoff, Fights } from '../limits.js';
import type { Metrics } from '../metrics.js';
import type { RepeatLog } from '../repeat.js';
import type { DesiredRoutes } from './desired.js';
import { type Look, placeOf } from './look.js';

/** `ok`, `missing`, `blocked:prefsrc`, `conflict`, `fought`, `deleting`, `error`, `unexpected`. */
export type RouteState = string;

/** Of the reconciler, in metrics and in the audit ring. */
export const NAME = 'route';

export interface StateOptions {
  readonly desired: DesiredRoutes;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  readonly metrics: Metrics;
  /** For so long what nobody wants is only observed. */
  readonly adoptGraceMs: number;
  /** Whether it is removed then. */
  readonly prune: boolean;
}

export class RouteStates {
  /** Of keys that are not simply as they should be; the others are `ok`. */
  private readonly states = new Map<string, RouteState>();
  /** First sight of a difference, for its age and for the grace of the unexpected. */
  private readonly firstSeen = new Map<string, number>();
  /** Keys whose deletion waits in the writer or is under way. */
  private readonly deleting = new Set<string>();
  private readonly places = new Set<string>();

  constructor(
    private readonly options: StateOptions,
    private readonly backoff: Backoff,
    private readonly fights: Fights,
    private readonly say: RepeatLog,
  ) {}

  /** `family|table` where a foreign route holds a wanted key: there everything is looked at. */
  get contested(): ReadonlySet<string> {
    return this.places;
  }

  /** Every key that is wanted, going or unexpected. */
  list(): ReadonlyMap<string, RouteState> {
    const list = new Map<string, RouteState>(this.states);
    for (const key of this.options.desired.wanted.keys()) if (!list.has(key)) list.set(key, 'ok');
    return list;
  }

  /** Keys in this state; `blocked` stands for every cause. */
  *keysOf(state: string): Generator<string> {
    for (const [key, known] of this.states) if (known.split(':', 1)[0] === state) yield key;
  }

  get(key: string): RouteState | undefined {
    return this.states.get(key);
  }

  set(key: string, state: RouteState): void {
    this.states.set(key, state);
    if (state === 'conflict') this.places.add(placeOf(key));
  }

  /** It is as it should be. */
  settle(key: string): void {
    this.states.delete(key);
  }

  /** When a difference was first seen; undefined when none is. */
  since(key: string): number | undefined {
    return this.firstSeen.get(key);
  }

  forgetSince(key: string): void {
    this.firstSeen.delete(key);
  }

  /** No look takes the key for gone before the work is done. */
  async whileDeleting<T>(key: string, work: () => Promise<T>): Promise<T> {
    this.states.set(key, 'deleting');
    this.firstSeen.delete(key);
    this.deleting.add(key);
    const result = await work();
    this.deleting.delete(key);
    return result;
  }

  /** What a look found. @param mark of the desired routes when it began */
  note({ drift, other }: Look, mark: number): void {
    const { desired, clock, audit } = this.options;
    const now = clock.now();
    const drifting = new Set<string>();
    for (const item of drift) {
      const { kind, key } = item;
      drifting.add(key);
      if (!this.firstSeen.has(key)) this.firstSeen.set(key, now);
      const known = this.states.get(key) ?? '';
      if (item.kind === 'conflict') {
        this.set(key, 'conflict');
        if (known !== 'conflict')
          audit.record({ reconciler: NAME, key, why: 'look', observed: `owned by ${item.owner}`, planned: '', acted: '' });
        this.say('warn', key, 'conflict', 'a wanted route has a foreign owner and is left alone', { route: key, owner: item.owner });
      } else if (kind === 'stale') this.noteUnexpected(key, now);
      else if (!known.startsWith('blocked') && known !== 'error' && known !== 'fought') this.states.set(key, kind);
    }
    for (const key of [...this.firstSeen.keys()]) if (!drifting.has(key)) this.firstSeen.delete(key);
    this.places.clear();
    for (const [key, state] of this.states) {
      if (state === 'conflict') this.places.add(placeOf(key));
      if (drifting.has(key)) continue;
      if (desired.wanted.has(key) && (desired.converged.isRight(desired.generation(key)) || other.has(key))) {
        this.backoff.succeeded(key);
        if (state !== 'fought' || !this.fights.fought(key, now)) this.states.delete(key);
      } else if (!desired.wanted.has(key) && desired.generation(key) <= mark && !this.deleting.has(key)) {
        // Not wanted, and not there when looked at after that: whatever was to be deleted is gone.
        desired.deleted(key, desired.generation(key));
        this.states.delete(key);
      }
    }
  }

  private noteUnexpected(key: string, now: number): void {
    const { desired, adoptGraceMs, prune } = this.options;
    if (desired.tombstones.has(key)) {
      this.states.set(key, 'deleting');
      return;
    }
    const age = now - (this.firstSeen.get(key) ?? now);
    if (age < adoptGraceMs) {
      this.states.set(key, 'observed');
      return;
    }
    this.states.set(key, 'unexpected');
    this.say(
      'warn',
      key,
      'unexpected',
      prune ? 'a route of ours that nobody wants is removed' : 'a route of ours that nobody wants is left alone (pruning is off)',
      { route: key },
    );
  }

  /** Sets the gauges. */
  report(): void {
    const { objects } = this.options.metrics;
    const counts = new Map<string, number>();
    for (const state of this.states.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
    counts.set(
      'ok',
      this.options.desired.wanted.size - [...this.states.keys()].filter((key) => this.options.desired.wanted.has(key)).length,
    );
    for (const state of ['ok', 'missing', 'modified', 'conflict', 'fought', 'deleting', 'error', 'observed', 'unexpected']) {
      objects.set({ reconciler: NAME, state }, counts.get(state) ?? 0);
    }
    objects.set(
      { reconciler: NAME, state: 'blocked' },
      [...counts].reduce((sum, [state, count]) => sum + (state.startsWith('blocked') ? count : 0), 0),
    );
  }
}
