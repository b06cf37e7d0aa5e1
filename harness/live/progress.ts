/** A run while it goes on: a fold over its facts into what a person wants to know now. Bounded, however long the run. */
import type { RunEvent, SeriesPoint, Stage, Stored } from '../facts/events.js';
import type { Invariant, Plan } from '../facts/plan.js';
import { formatDuration } from '../units.js';
import { moment, plain, quantity } from '../verdict/quantity.js';
import { Spark } from './spark.js';
import { stageText, type Told, tell } from './tell.js';

/** Lines kept for a failure: the first ones, which hold the cause, and the last ones. */
const KEPT_FIRST = 200;
const KEPT_LAST = 200;
/** Cells of a spark line. */
export const SPARK_CELLS = 24;

export interface TimedLine extends Told {
  readonly at: number;
}

export interface InvariantState {
  readonly name: string;
  readonly spark: string;
  /** What was seen last. */
  readonly value: string;
  readonly bound: string;
  /** Seen to be violated so far. The verdict comes from the stored facts alone; this only looks ahead. */
  readonly isViolated: boolean;
}

export class Progress {
  #stage: Stage | undefined;
  #measureFrom: number | undefined;
  #measured: number | undefined;
  #step: { readonly name: string; readonly at: number } | undefined;
  #heardAt = 0;
  #restarts = 0;
  #dropped = 0;
  readonly #first: TimedLine[] = [];
  #last: TimedLine[] = [];
  readonly #faults = new Map<string, string>();
  readonly #offences = new Map<string, number>();
  readonly #violated = new Set<string>();
  readonly #latest = new Map<string, number | null>();
  readonly #counts = new Map<string, number>();
  readonly #sparks = new Map<string, Spark>();

  constructor(readonly plan: Plan) {
    for (const invariant of plan.invariants) {
      const series = seriesOf(invariant);
      if (series !== undefined) this.#sparks.set(series, new Spark(SPARK_CELLS));
    }
  }

  /** Returns the line that the fact is worth, if any. */
  event(event: Stored<RunEvent>): TimedLine | undefined {
    this.#heardAt = event.at;
    const told = tell(event, this.plan, this.#offences);
    this.#fold(event);
    if (told === undefined) return undefined;
    const line = { at: event.at, ...told };
    if (this.#first.length < KEPT_FIRST) this.#first.push(line);
    else {
      this.#last.push(line);
      if (this.#last.length > 2 * KEPT_LAST) {
        this.#dropped += this.#last.length - KEPT_LAST;
        this.#last = this.#last.slice(-KEPT_LAST);
      }
    }
    return line;
  }

  series(point: SeriesPoint): void {
    this.#heardAt = Math.max(this.#heardAt, point.at);
    for (const [name, value] of Object.entries(point.v)) {
      this.#latest.set(name, value);
      if (this.#measureFrom === undefined || point.at < this.#measureFrom) continue;
      this.#sparks.get(name)?.add(point.at, value);
      if (value === null) continue;
      this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
      for (const invariant of this.plan.invariants) {
        if (invariant.type === 'ceiling' && invariant.series === name && invariant.window === undefined && value > invariant.max)
          this.#violated.add(invariant.name);
      }
    }
  }

  /** Everything worth a line so far, in order; what was left out of a very long run is said. */
  get lines(): readonly TimedLine[] {
    const gap: TimedLine[] =
      this.#dropped > 0 ? [{ at: this.#last[0]?.at ?? 0, text: `${this.#dropped} lines left out here`, tone: 'warn' }] : [];
    return [...this.#first, ...gap, ...this.#last];
  }

  get isMeasuring(): boolean {
    return this.#measureFrom !== undefined && this.#measured === undefined;
  }

  /** Seconds of the measured phase that are left at `now` (of the run's clock), all of it before it begins. */
  left(now: number): number {
    if (this.#measured !== undefined) return 0;
    return Math.max(0, this.plan.durationSeconds - (this.#measureFrom === undefined ? 0 : now - this.#measureFrom));
  }

  /** `41s left of 1m`, `1m still to be measured`, `20s longer than 1m so far` (a scenario may have more to do than fits into it), `measured`. */
  leftWords(now: number): string {
    const all = formatDuration(this.plan.durationSeconds);
    if (this.#measured !== undefined) return 'measured';
    if (this.#measureFrom === undefined) return `${all} still to be measured`;
    const over = Math.floor(now - this.#measureFrom - this.plan.durationSeconds);
    if (over >= 1) return `${formatDuration(over)} longer than ${all} so far`;
    return `${formatDuration(Math.max(0.1, this.left(now)))} left of ${all}`;
  }

  get stageWords(): string {
    return this.#stage === undefined ? 'preparing' : stageText(this.#stage, this.plan);
  }

  /** The figures of the subject and its load in a few words each. */
  get figures(): string[] {
    const show = (label: string, series: string, of: (v: number) => string = String): string => {
      const value = this.#latest.get(series);
      return `${label} ${value === undefined || value === null ? '?' : of(value)}`;
    };
    return [
      show('threads', 'subject.threads'),
      show('rss', 'subject.rssBytes', (v) => `${Math.round(v / 2 ** 20)} MiB`),
      show('rows/poll', 'poll.rows'),
      show('missing', 'poll.missing'),
      show('churn', 'load.churnEvents'),
    ];
  }

  get invariants(): InvariantState[] {
    return this.plan.invariants.map((invariant) => {
      const series = seriesOf(invariant);
      return {
        name: invariant.name,
        spark: series === undefined ? '' : String(this.#sparks.get(series) ?? ''),
        ...this.#valueAndBound(invariant),
        isViolated: this.#violated.has(invariant.name),
      };
    });
  }

  get violated(): readonly string[] {
    return [...this.#violated];
  }

  /** What the harness is doing, in full, for somebody who asks a run that seems to stand still. */
  describe(now: number): string[] {
    const { plan } = this;
    const offences = [...this.#offences].map(([name, count]) => `${name} (${plain(count)})`);
    const last = this.lines.at(-1);
    return [
      `${plan.scenario} (target ${plan.target}, seed ${plan.seed}), ${moment(now)} after its start: ${this.stageWords}, ${this.leftWords(now)}`,
      `  step: ${this.#step ? `"${this.#step.name}" since ${moment(this.#step.at)}` : 'none'}`,
      `  faults in effect: ${[...this.#faults].map(([name, state]) => `${name} (${state})`).join(', ') || 'none'}`,
      `  violated so far: ${[...this.#violated].join(', ') || 'nothing'}${offences.length > 0 ? `; offences: ${offences.join(', ')}` : ''}`,
      `  ${this.figures.join(' · ')}`,
      `  last heard from the target ${moment(Math.max(0, now - this.#heardAt))} ago${last ? `; last event at ${moment(last.at)}: ${last.text}` : ''}`,
    ];
  }

  #fold(e: Stored<RunEvent>): void {
    switch (e.kind) {
      case 'stage':
        if (e.state === 'begin') this.#stage = e.stage;
        if (e.stage !== 'measure') break;
        if (e.state === 'begin') this.#measureFrom = e.at;
        else this.#measured = e.at;
        break;
      case 'step':
        this.#step = e.state === 'begin' ? { name: e.name, at: e.at } : undefined;
        break;
      case 'fault':
        if (e.state === 'recovered' || e.state === 'failed') this.#faults.delete(e.name);
        else this.#faults.set(e.name, e.state);
        break;
      case 'offence':
        this.#offences.set(e.invariant, (this.#offences.get(e.invariant) ?? 0) + 1);
        this.#violated.add(e.invariant);
        break;
      case 'evidence':
        this.#violated.add(e.invariant);
        break;
      case 'subject-exit':
        if (!e.ordered) this.#restarted();
        break;
      case 'subject-replaced':
        this.#restarted();
        break;
      default:
        break;
    }
  }

  #restarted(): void {
    this.#restarts++;
    for (const invariant of this.plan.invariants)
      if (invariant.type === 'restarts' && this.#restarts > invariant.max) this.#violated.add(invariant.name);
  }

  #valueAndBound(invariant: Invariant): { value: string; bound: string } {
    const latest = (series: string): string => {
      const value = this.#latest.get(series);
      return value === undefined || value === null ? '?' : quantity(series, value);
    };
    switch (invariant.type) {
      case 'ceiling':
      case 'quantile':
        return { value: latest(invariant.series), bound: `at most ${quantity(invariant.series, invariant.max)}` };
      case 'count':
        return { value: plain(this.#counts.get(invariant.series) ?? 0), bound: `at least ${plain(invariant.min)} in all` };
      case 'ratio': {
        const [part, whole] = [this.#latest.get(invariant.numerator), this.#latest.get(invariant.denominator)];
        const value = part !== null && part !== undefined && whole ? `${plain((part / whole) * 100)} %` : '?';
        return { value, bound: `at least ${plain(invariant.min * 100)} %` };
      }
      case 'restarts':
        return { value: plain(this.#restarts), bound: `at most ${plain(invariant.max)}` };
      case 'same':
        return { value: latest(invariant.series), bound: `the same: ${invariant.windows.join(', ')}` };
      case 'ceiling-over-median':
        return { value: latest(invariant.series), bound: 'near its median' };
      case 'leak':
        return { value: latest(invariant.series), bound: 'no growth' };
      case 'slope':
        return { value: latest(invariant.series), bound: `level against ${invariant.against}` };
      default:
        return { value: '', bound: '' };
    }
  }
}

function seriesOf(invariant: Invariant): string | undefined {
  switch (invariant.type) {
    case 'restarts':
    case 'ends':
      return undefined;
    case 'ratio':
      return invariant.numerator;
    default:
      return invariant.series;
  }
}
