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
/** Ticks during which bytes wait in the socket and it is not drained: the reader is dead. */
const WEDGED_AFTER = 2;
const LEAST_TICK_MS = 1_000;

export class Watch {
  private monitor: Monitor | undefined;
  private retryMs = FIRST_RETRY_MS;
  private cancelRetry: (() => void) | undefined;
  private stopped = false;
  private last: { drains: number; queued: number } = { drains: 0, queued: 0 };
  private drainsAtTick = -1;
  private idleTicks = 0;
  private tickedAt = Number.NEGATIVE_INFINITY;
  private generation = 0;
  epoch = 1;

  constructor(private readonly options: WatchOptions) {}

  /** Subscribes; resolves when every later event is heard. @throws NetlinkError when that can't be done */
  async start(): Promise<void> {
    await this.open();
  }

  /** At each tick: has the drop counter moved, does the reader still read? */
  tick(): void {
    if (this.monitor === undefined) return;
    // Several reconcilers tick; two that do so together say nothing about the reader.
    const now = this.options.clock.now();
    if (now - this.tickedAt < LEAST_TICK_MS) return;
    this.tickedAt = now;
    this.idleTicks = this.last.queued > 0 && this.last.drains === this.drainsAtTick ? this.idleTicks + 1 : 0;
    this.drainsAtTick = this.last.drains;
    if (this.idleTicks >= WEDGED_AFTER) this.reopen('wedged');
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
    this.last = { drains: 0, queued: 0 };
    this.idleTicks = 0;
    if (receiveBuffer > 0 && monitor.receiveBuffer < 2 * receiveBuffer) {
      log('warn', 'the monitor has a smaller receive buffer than asked for: raise net.core.rmem_max or grant CAP_NET_ADMIN', {
        asked: receiveBuffer,
        granted: monitor.receiveBuffer / 2,
      });
    }
  }

  private hear(report: MonitorReport): void {
    this.options.onReport?.(report);
    this.last = { drains: report.drains, queued: report.queued };
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
