/**
 * The judge without its sockets: takes rows, ledger lines and commands with the time of our clock, gives events and
 * series. A poll is judged once it is whole and the ledger has been told up to an interval beyond it, since the two
 * come by different ways. Only polls that began inside the measured phase are reported.
 */
import type { RunEvent, SeriesPoint } from '../facts/events.js';
import type { LedgerLine } from '../facts/ledger.js';
import { type Arrival, Arrivals } from './arrivals.js';
import { BriefCoverage } from './brief-coverage.js';
import { examinePoll, type Offence, type PollFindings, type RowInvariant, SERIES_OF } from './checks.js';
import { ChurnCoverage } from './churn-coverage.js';
import { Columns, type Dispensable } from './columns.js';
import { Deaths } from './deaths.js';
import { LedgerState } from './ledger-state.js';
import { type Poll, Polls } from './polls.js';
import type { JudgeRow } from './row.js';
import { Stamps } from './stamps.js';
import { TargetClock } from './target-clock.js';
import { u64FromText } from './u64.js';

/**
 * One line to the conductor. `ageSeconds`: how long before now the sample was true. `ofPhase`: it is true of the measured phase as a whole, which
 * is over. When that was by the clock of the run only the conductor knows, however late a word of ours reaches it.
 */
export type Output =
  | { readonly event: RunEvent }
  | { readonly series: SeriesPoint['v']; readonly ageSeconds?: number; readonly ofPhase?: true };

export interface JudgeOptions {
  /** The subject's poll interval. */
  readonly intervalSeconds: number;
  /** Our own wall clock in nanoseconds, until the ledger tells the target's. */
  readonly wallNs: () => number;
  readonly output: (output: Output) => void;
  /** Columns that the subject does not send. */
  readonly lacks?: readonly Dispensable[];
  /** A poll of the measured phase lacks so many rows because its start ended in the middle of it, which is no fault by itself. */
  readonly torn?: (poll: string, missing: number) => void;
}

/** Offences told in full, for each invariant; the rest is counted. */
const TOLD_OFFENCES = 20;
/** Two clocks, a pipe and a slow guest lie between a stamp and its arrival here. */
const CLOCK_SLACK_NS = 5e9;

export class Judge {
  readonly #ledger = new LedgerState();
  readonly #polls = new Polls();
  readonly #clock: TargetClock;
  readonly #stamps: Stamps;
  readonly #columns: Columns;
  readonly #coverage: ChurnCoverage;
  readonly #brief: BriefCoverage;
  readonly #deaths = new Deaths();
  readonly #intervalNs: number;
  readonly #told = new Map<RowInvariant, number>();
  readonly #totals = new Map<RowInvariant, number>();
  /** How the process of each start ended, once that is known. Of one whose rows were lost on their way nothing can be said. */
  readonly #ends = new Map<number, 'in order' | 'killed' | 'lost'>();
  /** Starts whose rows ended in the middle of an envelope. */
  readonly #cutShort: number[] = [];
  /** By start: of the first row that had one. */
  readonly #hostnames = new Map<number, string>();
  readonly #arrivals: Arrivals;
  /** Further from the target's clock no poll can begin. */
  readonly #offNs: number;
  #rows = 0;
  /** Those of the polls judged so far, of late ones and of closed sockets: a series of a poll must not tell of rows of the next. */
  #rowsJudged = 0;
  #judged = 0;
  /** Sockets of namespaces that come and go, once for each poll that had to show them. */
  #churnDue = 0;
  #outside = 0;
  #tornPolls = 0;
  #tornFrames = 0;
  #measure = { fromNs: Number.POSITIVE_INFINITY, toNs: Number.POSITIVE_INFINITY };
  #measuring = false;
  /** When the newest poll (or the measured phase) began, by our clock, and whether the silence since then was told. */
  #lastBegin = 0;
  #silenceTold = false;
  #previous: Poll | undefined;
  /** Of the polls judged that began before the phase ended, the newest. */
  #newestNs = Number.NEGATIVE_INFINITY;
  #finishing = false;
  /** How the last rows came. */
  #held = false;

  constructor(private readonly o: JudgeOptions) {
    this.#clock = new TargetClock(o.wallNs);
    this.#intervalNs = o.intervalSeconds * 1e9;
    this.#offNs = Math.max(60e9, 10 * this.#intervalNs);
    this.#arrivals = new Arrivals(this.#offNs, (now) => this.#clock.at(now));
    this.#stamps = new Stamps(this.#intervalNs);
    this.#coverage = new ChurnCoverage(this.#intervalNs);
    const lacks = o.lacks ?? [];
    this.#columns = new Columns(lacks, this.#intervalNs);
    this.#brief = new BriefCoverage((offence) => this.#offence(offence), lacks);
    if (lacks.length > 0) this.#note(`the subject sends no ${lacks.join(', ')}, says its description: not judged`);
  }

  /** @param way `held`: they waited in a spool or a topic for as long as that took, so that their arrival tells nothing of their stamps */
  rows(start: number, rows: readonly JudgeRow[], now: number, way: 'live' | 'held' = 'live'): void {
    this.#rows += rows.length;
    this.#held = way === 'held';
    this.#arrivals.push({ start, rows, now, way, measured: this.#measuring });
    this.tick(now);
  }

  #takeArrivals(now: number): void {
    for (let next = this.#arrivals.take(now); next; next = this.#arrivals.take(now)) this.#take(next, now - next.now);
  }

  #take({ start, rows, now, way, measured }: Arrival, age: number): void {
    const stray = (detail: string, count?: number): void => {
      if (measured) this.#stray(detail, age, count);
    };
    for (const poll of this.#polls.add(start, this.#columns.arrived(start, rows), now, this.#clock.at(now)))
      this.#begun(poll, now, way, stray);
    // Of a reader that repeats itself, or of an envelope that was held back.
    const late = this.#polls.takeLateRows();
    this.#rowsJudged += late;
    if (late > 0) stray(`${late} rows of a poll that was over arrived`, late);
  }

  /** From now on rows may wait on their way for as long as that takes. */
  hold(): void {
    this.#brief.hold();
  }

  /** Between these moments of the target's clock nobody heard of sockets that closed, or what was heard died with the subject. */
  deaf(fromNs: number, toNs: number): void {
    this.#brief.deaf(fromNs, toNs);
  }

  /** Final states of sockets that the kernel destroyed. */
  closedRows(start: number, rows: JudgeRow[], now: number): void {
    this.#rows += rows.length;
    this.#rowsJudged += rows.length;
    this.#brief.rows(this.#filed(rows, start), now);
  }

  ledger(line: LedgerLine, now: number): void {
    if ('at' in line) this.#clock.hear(Number(line.at), now);
    if (line.kind === 'socket' && line.role === 'brief') {
      this.#brief.line(line, now);
      return;
    }
    this.#ledger.apply(line);
    switch (line.kind) {
      case 'count':
        this.#series({
          'load.churnEvents': line.churnEvents,
          'load.adds': line.adds,
          'load.deletes': line.deletes,
          'load.namespaces': line.namespaces,
          'load.sockets': line.sockets,
          'load.lateEvents': line.lateEvents,
          'load.steadyNamespaces': this.#ledger.steadyNamespaces,
          ...this.#settledBrief(now),
          ...this.#deaths.take(),
        });
        break;
      case 'netns-gone':
      case 'netns-pinned':
        this.#deaths.line(line);
        break;
      case 'netns':
        if (line.role === 'brief') this.#brief.space(u64FromText(line.netns), line);
        break;
      case 'socket':
      case 'steady-ready':
      case 'steady-closing':
      case 'pulse':
      case 'netns-deleted':
        break;
    }
  }

  /**
   * The rows of a start are over: it closed its stream, or what carried them is gone.
   * @param pendingBytes of an envelope that never became whole
   */
  endOfStart(start: number, pendingBytes: number, stream: 'closed' | 'lost' = 'closed'): void {
    if (pendingBytes > 0) {
      this.#tornFrames++;
      this.#cutShort.push(start);
    }
    if (stream === 'lost') this.#ends.set(start, 'lost');
    for (const last of this.#arrivals.takeAll()) this.#take(last, 0);
    this.#polls.end(start);
  }

  /** The process of this start is gone. One that ended in order has handed on all that it had read. */
  ended(start: number, how: 'in order' | 'killed'): void {
    if (this.#ends.get(start) !== 'lost') this.#ends.set(start, how);
  }

  /** The subject sent bytes that are no rows; nothing more of this start can be read. */
  unreadable(start: number, detail: string): void {
    this.#offence({ kind: 'offence', invariant: 'completeness', detail: `start ${start}: ${detail}` });
    this.#totals.set('completeness', (this.#totals.get('completeness') ?? 0) + 1);
    this.#series({ [SERIES_OF.completeness]: 1 });
    for (const last of this.#arrivals.takeAll()) this.#take(last, 0);
    this.#polls.end(start);
  }

  measure(state: 'begin' | 'end', now: number): void {
    this.#measuring = state === 'begin';
    const ns = this.#clock.at(now);
    if (state === 'begin') {
      this.#measure = { fromNs: ns, toNs: Number.POSITIVE_INFINITY };
      this.#lastBegin = now;
    } else {
      this.#measure = { ...this.#measure, toNs: ns };
    }
  }

  /** Whether a poll that began then is of the measured phase. */
  counts(beganNs: number): boolean {
    return beganNs >= this.#measure.fromNs && beganNs <= this.#measure.toNs;
  }

  /** The target's clock. @param now seconds of ours */
  targetNs(now: number): number {
    return this.#clock.at(now);
  }

  /** To be called several times an interval: judges what has become ready, and notices a poll that never comes. */
  tick(now: number): void {
    this.#takeArrivals(now);
    for (;;) {
      const poll = this.#polls.takeIf((first) => this.#finishing || (this.#ledgerCaughtUp(first, now) && this.#isEndKnown(first, now)));
      if (!poll) break;
      this.#judge(poll, now);
    }
    const silence = now - this.#lastBegin;
    if (!this.#measuring || this.#silenceTold || silence < 3 * this.o.intervalSeconds) return;
    this.#silenceTold = true;
    this.#note(`no poll has begun for ${silence.toFixed(1)} s`);
  }

  /** No more rows will come: judges all that is left. */
  judgeAll(now: number): void {
    this.#measuring = false;
    this.#finishing = true;
    for (const last of this.#arrivals.takeAll()) this.#take(last, now - last.now);
    this.#polls.endAll();
    this.tick(now);
    this.#settleLastBrief(now);
    const deaths = this.#deaths.take();
    if (Object.keys(deaths).length > 0) this.#series(deaths);
  }

  /**
   * The last of the final rows have come by now, or never will: figures of the measured phase. Not so where target or load broke down before both were
   * ended in order, nor where all were held until now, of which the books tell. A run that is interrupted ends the subject as the phase ends, and
   * the load after it: a moment before that is where it was sure to listen.
   */
  #settleLastBrief(now: number): void {
    const { isHeld } = this.#brief;
    this.#brief.settle(now, { owedUntilNs: isHeld ? Number.POSITIVE_INFINITY : this.#measure.toNs - this.#intervalNs });
    const series = this.#brief.series();
    const inOrder = this.#ledger.closingNs < Number.POSITIVE_INFINITY;
    if (Object.keys(series).length > 0) this.o.output(inOrder && !isHeld ? { series, ofPhase: true } : { series });
  }

  /** Judges all that is left and says its last word. */
  finish(now: number): void {
    this.judgeAll(now);
    this.#coverage.settle(this.#ledger, Number.POSITIVE_INFINITY, this.#measure);
    this.#series({ ...this.#coverage.series(), ...this.#rowSeries() });
    this.#silentToTheEnd();
    this.#cutInOrder();
    const broken = [...this.#totals].filter(([, count]) => count > 0).map(([name, count]) => `${name} ${count}`);
    this.o.output({
      event: {
        kind: 'judge-end',
        polls: this.#judged,
        rows: this.#rows,
        detail:
          `${this.#judged} polls judged, ${this.#outside} outside the measured phase, ${this.#tornPolls} torn; ` +
          (broken.length === 0 ? 'no offence' : `offences: ${broken.join(', ')}`),
      },
    });
  }

  /** A gap is told by the poll that ends it, once. The one that no poll ended is told here. */
  #silentToTheEnd(): void {
    const { fromNs, toNs } = this.#measure;
    const silence = (toNs - Math.max(fromNs, this.#newestNs)) / 1e9;
    // With polls in time it is less than two intervals; the phase may never have begun or never ended.
    if (Number.isFinite(silence) && silence >= 2 * this.o.intervalSeconds)
      this.o.output({ series: { 'poll.gapSeconds': silence }, ofPhase: true });
  }

  /** Only a kill excuses an envelope that was cut. It comes to light after the phase that it is of. */
  #cutInOrder(): void {
    const starts = this.#cutShort.filter((start) => this.#ends.get(start) === 'in order');
    for (const start of starts)
      this.#offence({ kind: 'offence', invariant: 'completeness', detail: `start ${start} ended in order in the middle of an envelope` });
    if (starts.length > 0) this.o.output({ series: { [SERIES_OF.completeness]: starts.length }, ofPhase: true });
    this.#totals.set('completeness', (this.#totals.get('completeness') ?? 0) + starts.length);
  }

  #settledBrief(now: number): SeriesPoint['v'] {
    this.#brief.settle(now);
    return this.#brief.series();
  }

  #begun(poll: Poll, now: number, way: 'live' | 'held', stray: (detail: string) => void): void {
    this.#lastBegin = now;
    this.#silenceTold = false;
    // A day's error in a poll's own time would pass every check relative to it.
    const aheadNs = poll.beganNs - this.#clock.at(now);
    // One that was held may have begun long ago.
    const offNs = way === 'held' ? aheadNs : Math.abs(aheadNs);
    const wrong = way === 'live' ? this.#stamps.judge(poll, this.#clock.at(now)) : undefined;
    if (offNs > this.#offNs) stray(`poll ${poll.id} claims to have begun ${(offNs / 1e9).toFixed(1)} s away from the target's clock`);
    else if (wrong !== undefined) stray(wrong);
  }

  #stray(detail: string, age: number, rows = 1): void {
    this.#totals.set('freshness', (this.#totals.get('freshness') ?? 0) + rows);
    if (this.#wanted('freshness')) this.#offence({ kind: 'offence', invariant: 'freshness', detail });
    this.#series({ [SERIES_OF.freshness]: rows }, age);
  }

  #ledgerCaughtUp(poll: Poll, now: number): boolean {
    if (this.#ledger.newestNs >= poll.beganNs + poll.spanNs + this.#intervalNs) return true;
    if (this.#ledger.isOfFormerClock(poll.beganNs)) return true;
    // A load that says nothing (there is none, or it died) must not hold up judgement for ever.
    return this.#isOverdue(poll, now);
  }

  /** Whether the last poll of a start must be whole is known when it is known how the process ended. */
  #isEndKnown(poll: Poll, now: number): boolean {
    return !poll.last || this.#ends.has(poll.start) || this.#isOverdue(poll, now);
  }

  #isOverdue(poll: Poll, now: number): boolean {
    return now - poll.lastArrival > 5 * this.o.intervalSeconds + 5;
  }

  #judge(poll: Poll, now: number): void {
    const inside = this.counts(poll.beganNs);
    this.#rowsJudged += poll.rows.length;
    if (this.#ends.get(poll.start) === 'in order') poll.last = false;
    this.#columns.filledIn(poll, this.#ledger);
    const findings = examinePoll({ ...poll, rows: this.#filed(poll.rows, poll.start) }, this.#ledger, {
      intervalNs: this.#intervalNs,
      // As it was then taken to be, should it have been set back since; else as it is known by now.
      arrivedNs: Math.max(poll.arrivedNs, this.#clock.at(poll.lastArrival)),
      clockSlackNs: CLOCK_SLACK_NS,
      hostname: this.#hostnameOf(poll),
      wanted: (invariant) => inside && this.#wanted(invariant),
      tell: (offence) => this.#offence(offence),
    });
    if (findings.torn > 0) this.#tornPolls++;
    this.#coverage.settle(this.#ledger, poll.beganNs, this.#measure);
    const previous = this.#previous;
    this.#previous = poll;
    if (poll.beganNs <= this.#measure.toNs) this.#newestNs = poll.beganNs;
    if (!inside) {
      this.#outside++;
      return;
    }
    this.#judged++;
    this.#churnDue += findings.churnExpected;
    if (findings.torn > 0) this.o.torn?.(poll.id, findings.torn);
    for (const [invariant, count] of Object.entries(findings.counts) as [RowInvariant, number][]) {
      this.#totals.set(invariant, (this.#totals.get(invariant) ?? 0) + count);
    }
    this.#series(
      { ...this.#pollSeries(poll, previous, findings), ...this.#coverage.series(), ...this.#rowSeries() },
      this.#ageOf(poll, now),
    );
    poll.rows.length = 0;
  }

  #hostnameOf({ start, rows }: Poll): string {
    const known = this.#hostnames.get(start) ?? rows.find(({ hostname }) => hostname !== '')?.hostname ?? '';
    if (known !== '') this.#hostnames.set(start, known);
    return known;
  }

  /** Each row under the namespace that it means. */
  #filed(rows: JudgeRow[], start: number): JudgeRow[] {
    if (this.#ledger.hasCookies) return rows;
    return rows.map((row) => {
      const netns = this.#ledger.namespaceOf(row, start);
      return netns === row.netns ? row : { ...row, netns };
    });
  }

  /** Seconds since it was true: since it arrived, or since it ended when it was held on the way, perhaps until long after the phase. */
  #ageOf(poll: Poll, now: number): number {
    const arrived = Math.max(0, now - poll.lastArrival);
    return this.#held ? Math.max(arrived, (this.#clock.at(now) - poll.beganNs - poll.spanNs) / 1e9) : arrived;
  }

  #pollSeries(poll: Poll, previous: Poll | undefined, findings: PollFindings): SeriesPoint['v'] {
    const deliverySeconds = (poll.arrivedNs - poll.beganNs - poll.spanNs) / 1e9;
    const gap = previous ? (poll.beganNs - previous.beganNs) / 1e9 : 0;
    const intervals = previous?.start === poll.start ? Math.round(gap / this.o.intervalSeconds) : 1;
    const v: Record<string, number> = {
      'poll.rows': poll.rows.length,
      'poll.spanSeconds': poll.spanNs / 1e9,
      'poll.expected': findings.expected,
      'poll.churnExpected': findings.churnExpected,
      'churn.due': this.#churnDue,
      'poll.late': Math.max(0, intervals - 1),
      'poll.gapSeconds': gap,
      // By a clock that is known from the ledger, which comes the same way: that of a guest may be any.
      ...(!this.#held && { 'poll.deliverySeconds': Math.max(0, deliverySeconds) }),
    };
    for (const [invariant, series] of Object.entries(SERIES_OF)) v[series] = findings.counts[invariant as RowInvariant];
    return v;
  }

  #rowSeries(): SeriesPoint['v'] {
    return {
      'rows.total': this.#rowsJudged,
      'polls.total': this.#judged + this.#outside,
      'rows.torn': this.#tornPolls,
      'rows.tornFrames': this.#tornFrames,
    };
  }

  #wanted(invariant: RowInvariant): boolean {
    const told = (this.#told.get(invariant) ?? 0) + 1;
    this.#told.set(invariant, told);
    return told <= TOLD_OFFENCES;
  }

  #offence(event: Offence): void {
    this.o.output({ event });
  }

  #note(text: string): void {
    this.o.output({ event: { kind: 'note', text } });
  }

  #series(series: SeriesPoint['v'], ageSeconds?: number): void {
    this.o.output(ageSeconds === undefined ? { series } : { series, ageSeconds: Number(ageSeconds.toFixed(3)) });
  }
}
