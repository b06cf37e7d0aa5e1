/**
 * Decides when a reconciler looks: on a tick measured from the end of the last pass (a slow pass must not be chased by the next one), on
 * events once they settle, on loss, on command. Never two passes at once; triggers that come meanwhile make one more pass.
 */
import type { Clock } from '../ticker.js';
import { TRIGGERS, type Trigger } from './model.js';

export interface ScheduleOptions {
  /** From the end of a pass to the next tick; 0 is no tick. */
  readonly intervalMs: number;
  /** 0 to 0.5: the tick comes up to so much of the interval sooner or later. */
  readonly jitter: number;
  /** Events start a pass when none has come for so long; 0 at once. */
  readonly debounceMs: number;
  /** But no later than so long after the first of them: constant churn must not put a pass off for ever. */
  readonly maxWaitMs: number;
  /** Least time between the starts of two passes that a loss of events asks for. */
  readonly overflowGapMs?: number;
}

export interface SchedulerOptions extends ScheduleOptions {
  /** One pass. Must not reject. */
  readonly pass: (trigger: Trigger) => Promise<void>;
  readonly clock: Clock;
  readonly random?: () => number;
}

const rank = (trigger: Trigger) => TRIGGERS.indexOf(trigger);

/** @throws RangeError when an interval is negative or the jitter is not within 0 to 0.5 */
export function checkSchedule({ intervalMs, jitter, debounceMs, maxWaitMs }: ScheduleOptions): void {
  for (const [name, value] of Object.entries({ intervalMs, debounceMs, maxWaitMs })) {
    if (!(value >= 0)) throw new RangeError(`${name} must not be negative: ${value}. 0 switches it off.`);
  }
  if (!(jitter >= 0 && jitter <= 0.5)) throw new RangeError(`jitter must be from 0 to 0.5, not ${jitter}.`);
}

export class Scheduler {
  private readonly options: SchedulerOptions;
  private intervalMs: number;
  private running: Promise<void> | undefined;
  private startedAt = 0;
  private waiting: Trigger | undefined;
  private cancelTick: (() => void) | undefined;
  private cancelSettle: (() => void) | undefined;
  private cancelWake: (() => void) | undefined;
  private cancelOverflow: (() => void) | undefined;
  private firstEventAt: number | undefined;
  private lastOverflowAt = Number.NEGATIVE_INFINITY;
  private stopped = false;

  constructor(options: SchedulerOptions) {
    checkSchedule(options);
    this.options = options;
    this.intervalMs = options.intervalMs;
  }

  /** The first pass is at once. */
  start(): void {
    this.run('startup');
  }

  /** @throws RangeError when negative */
  setInterval(intervalMs: number): void {
    checkSchedule({ ...this.options, intervalMs });
    this.intervalMs = intervalMs;
    this.planTick();
  }

  get interval(): number {
    return this.intervalMs;
  }

  trigger(trigger: Trigger): void {
    if (this.stopped) return;
    if (trigger === 'event') this.settle();
    else this.request(trigger);
  }

  /** Asks for a pass at a time, because something that failed may be tried again then. Replaces an earlier wish. */
  wakeAt(at: number | undefined): void {
    this.cancelWake?.();
    this.cancelWake = undefined;
    if (at === undefined || this.stopped) return;
    this.cancelWake = this.options.clock.after(Math.max(0, at - this.options.clock.now()), () => this.request('event'));
  }

  /** A pass that lasts longer than three intervals. It is not ended: it may be in the middle of a write. */
  get stuck(): boolean {
    return this.running !== undefined && this.intervalMs > 0 && this.options.clock.now() - this.startedAt > 3 * this.intervalMs;
  }

  /** No further pass; resolves when the one under way is done. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.waiting = undefined;
    for (const cancel of [this.cancelTick, this.cancelSettle, this.cancelWake, this.cancelOverflow]) cancel?.();
    await this.running;
  }

  private settle(): void {
    const { clock, debounceMs, maxWaitMs } = this.options;
    const now = clock.now();
    this.firstEventAt ??= now;
    const due = Math.min(now + debounceMs, Math.max(now, this.firstEventAt + maxWaitMs));
    this.cancelSettle?.();
    this.cancelSettle = clock.after(due - now, () => {
      this.firstEventAt = undefined;
      this.request('event');
    });
  }

  private request(trigger: Trigger): void {
    if (this.stopped) return;
    const gap = this.options.overflowGapMs ?? 1_000;
    const now = this.options.clock.now();
    if (trigger === 'overflow' && now < this.lastOverflowAt + gap) {
      this.cancelOverflow?.();
      this.cancelOverflow = this.options.clock.after(this.lastOverflowAt + gap - now, () => this.request('overflow'));
      return;
    }
    if (this.running === undefined) this.run(trigger);
    else if (this.waiting === undefined || rank(trigger) > rank(this.waiting)) this.waiting = trigger;
  }

  private run(trigger: Trigger): void {
    this.cancelTick?.();
    this.cancelTick = undefined;
    this.startedAt = this.options.clock.now();
    if (trigger === 'overflow') this.lastOverflowAt = this.startedAt;
    this.running = this.options.pass(trigger).finally(() => {
      this.running = undefined;
      const waiting = this.waiting;
      this.waiting = undefined;
      if (this.stopped) return;
      this.planTick();
      if (waiting !== undefined) this.request(waiting);
    });
  }

  private planTick(): void {
    this.cancelTick?.();
    this.cancelTick = undefined;
    if (this.intervalMs === 0 || this.stopped || this.running !== undefined) return;
    const { clock, jitter, random = Math.random } = this.options;
    this.cancelTick = clock.after(this.intervalMs * (1 + jitter * (2 * random() - 1)), () => this.request('tick'));
  }
}
