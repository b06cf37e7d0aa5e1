/**
 * Keeps a monitor open on a namespace and says what it hears: events as hints, losses as an order to look at everything. A loss or a new
 * monitor moves the epoch, so that a plan made before is not carried out. A monitor that dies is opened again after 1, 2, 4 ... 30 s, and
 * what happened in between counts as lost.
 */
import {
  type LossSource,
  type Monitor,
  type MonitorOptions,
  type MonitorReport,
  type NamespacePlace,
  openMonitor,
} from '../../native/rtnl/index.js';
import { GROUP, type Message } from '../../native/rtnl/wire.js';
import type { Log } from '../log.js';
import type { Clock } from '../ticker.js';

/** An allow-list: what a reconciler does not need can't wake it. */
export const WATCHED_GROUPS: readonly number[] = [
  GROUP.LINK,
  GROUP.IPV4_IFADDR,
  GROUP.IPV6_IFADDR,
  GROUP.IPV4_ROUTE,
  GROUP.IPV6_ROUTE,
  GROUP.IPV4_RULE,
  GROUP.IPV6_RULE,
];

export interface WatchListener {
  event(message: Message): void;
  /** Look at everything now. The socket is empty, so what is seen now is fresh. */
  lost(sources: readonly string[]): void;
}

export interface WatchOptions {
  /** Where to listen, asked for whenever the monitor is opened. */
  readonly place: () => NamespacePlace;
  readonly receiveBuffer: number;
  readonly silentOverflow?: boolean;
  readonly listener: WatchListener;
  readonly log: Log;
  readonly clock: Clock;
  readonly onReport?: (report: MonitorReport) => void;
  readonly open?: typeof openMonitor;
}

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;
/** Ticks at which the reader was asked for a word and has said none since: it is stuck. */
const WEDGED_AFTER = 2;
const LEAST_TICK_MS = 1_000;

export class Watch {
  private monitor: Monitor | undefined;
  private retryMs = FIRST_RETRY_MS;
  private cancelRetry: (() => void) | undefined;
  private stopped = false;
  /** Ticks since the last report. */
  private unanswered = 0;
  private tickedAt = Number.NEGATIVE_INFINITY;
  private generation = 0;
  epoch = 1;

  constructor(private readonly options: WatchOptions) {}

  /** Subscribes; resolves when every later event is heard. @throws NetlinkError when that can't be done */
  async start(): Promise<void> {
    await this.open();
  }

  /** At each tick: has the drop counter moved, is the reader still there? It drains its socket and answers, whether or not there is news. */
  tick(): void {
    if (this.monitor === undefined) return;
    // Several reconcilers tick; two that do so together say nothing about the reader.
    const now = this.options.clock.now();
    if (now - this.tickedAt < LEAST_TICK_MS) return;
    this.tickedAt = now;
    if (this.unanswered++ >= WEDGED_AFTER) this.reopen('it answers no more');
    else this.monitor.poke();
  }

  /** The place is another one by now: nothing that was heard counts any more. */
  move(): void {
    this.epoch++;
    this.reopen('the namespace was replaced');
  }

  get alive(): boolean {
    return this.monitor !== undefined;
  }

  stop(): void {
    this.stopped = true;
    this.cancelRetry?.();
    this.monitor?.close();
    this.monitor = undefined;
  }

  private async open(): Promise<void> {
    const { place, receiveBuffer, silentOverflow = false, log, open = openMonitor } = this.options;
    const generation = ++this.generation;
    const options: MonitorOptions = { groups: WATCHED_GROUPS, receiveBuffer, silentOverflow };
    const monitor = await open(place(), options, (report) => {
      if (generation === this.generation) this.hear(report);
    });
    if (this.stopped) {
      monitor.close();
      return;
    }
    this.monitor = monitor;
    this.unanswered = 0;
    if (receiveBuffer > 0 && monitor.receiveBuffer < 2 * receiveBuffer) {
      log('warn', 'the monitor has a smaller receive buffer than asked for: raise net.core.rmem_max or grant CAP_NET_ADMIN', {
        asked: receiveBuffer,
        granted: monitor.receiveBuffer / 2,
      });
    }
  }

  private hear(report: MonitorReport): void {
    this.options.onReport?.(report);
    this.unanswered = 0;
    for (const message of report.events) this.options.listener.event(message);
    if (report.fatal !== undefined) this.reopen(report.fatal.message);
    else if (report.lost.length > 0) this.lose(report.lost);
  }

  private lose(sources: readonly (LossSource | 'reopened')[]): void {
    this.epoch++;
    this.options.listener.lost(sources);
  }

  private reopen(reason: string): void {
    this.monitor?.close();
    this.monitor = undefined;
    this.generation++;
    if (this.stopped) return;
    this.options.log('warn', 'the monitor ended; opening it again', { reason, inMs: this.retryMs });
    this.cancelRetry = this.options.clock.after(this.retryMs, () => {
      this.retryMs = Math.min(LAST_RETRY_MS, this.retryMs * 2);
      this.open().then(
        () => {
          if (this.stopped) return;
          this.retryMs = FIRST_RETRY_MS;
          this.lose(['reopened']);
        },
        (error: Error) => this.reopen(error.message),
      );
    });
  }
}
